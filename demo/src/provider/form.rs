//! Parameters, each at most once (RFC 6749 §3.1).

use std::collections::HashMap;

/// The parameters of a query or a form. An empty value counts as absent.
pub struct Form(HashMap<String, String>);

/// A parameter stands there twice.
#[derive(Debug)]
pub struct Doubled;

impl Form {
    pub fn parse(text: &[u8]) -> Result<Self, Doubled> {
        let mut all = HashMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            if all.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Doubled);
            }
        }
        all.retain(|_, value| !value.is_empty());
        Ok(Self(all))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
