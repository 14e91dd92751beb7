//! What must never be printed.

use zeroize::Zeroize;

/// A value that is wiped when dropped and cannot be printed, compared or serialised: it has no `Debug`, no `Display`, no `Serialize`.
/// Reading it is an act that can be searched for: [`Secret::expose`].
///
/// ```
/// let secret = chancery_core::Secret::new(String::from("hunter2"));
/// println!("{:?} {}", secret.expose(), secret.expose());
/// let _ = serde_json::to_string(secret.expose());
/// ```
/// ```compile_fail,E0277
/// let secret = chancery_core::Secret::new(String::from("hunter2"));
/// println!("{:?}", secret);
/// ```
/// ```compile_fail,E0277
/// let secret = chancery_core::Secret::new(String::from("hunter2"));
/// println!("{}", secret);
/// ```
/// ```compile_fail,E0277
/// let secret = chancery_core::Secret::new(String::from("hunter2"));
/// let _ = serde_json::to_string(&secret);
/// ```
/// ```compile_fail,E0369
/// let secret = chancery_core::Secret::new(String::from("hunter2"));
/// let _ = secret == secret;
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
