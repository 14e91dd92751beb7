//! Where secrets lie: in the environment or in a file of their own, never in `chancery.yaml`, which lives in version control.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use chancery_core::Secret;

use super::problem::Complaint;
use super::reader::Cursor;

/// The place of a secret, as the file names it: `env:NAME` or `file:PATH`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SecretRef {
    Env(String),
    File(String),
}

/// Who needs a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// This node, for its own block: nobody else has any use for it.
    Node,
    /// What the file declares for the tenant.
    Tenant,
}

/// How [`crate::Config::read`] gets at a secret; the error says why there is none, such as `is not set`.
pub type LookUp<'a> = &'a dyn Fn(&SecretRef, Whose) -> Result<Secret<String>, String>;

/// The same, once it is clear who needs it.
pub(super) type Secrets<'a> = &'a dyn Fn(&SecretRef) -> Result<Secret<String>, String>;

/// Stands for a secret that was not looked up, since whoever reads the file needs only what else is in it: long enough to be one, and in
/// the shape of a store's address, so that no check of either minds it. It is never used.
pub const STAND_IN: &str = "sqlite:a-secret-that-was-not-looked-up-since-it-was-not-needed";

/// What stands there is no reference; it may be the secret itself, so it is not repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a reference to a secret: write `env:NAME` or `file:PATH`")]
pub struct SecretRefError;

impl SecretRef {
    /// Reads the secret from this process's environment, or from a file; relative paths start at `folder`. Line ends at the end of a
    /// file are not part of its secret.
    ///
    /// # Errors
    /// Why there is none, in words that follow the reference.
    pub fn read(&self, folder: &Path) -> Result<Secret<String>, String> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => "is not set".to_owned(),
                std::env::VarError::NotUnicode(_) => "is not UTF-8".to_owned(),
            }),
            Self::File(path) => std::fs::read_to_string(folder.join(path)).map_err(|error| format!("cannot be read: {error}")),
        };
        let whole = Secret::new(text?);
        Ok(match self {
            Self::Env(_) => whole,
            Self::File(_) => Secret::new(whole.expose().trim_end_matches(['\r', '\n']).to_owned()),
        })
    }
}

impl FromStr for SecretRef {
    type Err = SecretRefError;

    fn from_str(text: &str) -> Result<Self, SecretRefError> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            _ => Err(SecretRefError),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// The secret that a value refers to, not empty and with at least `least` characters.
pub(super) fn secret(cursor: &Cursor<'_>, secrets: Secrets<'_>, least: usize) -> Option<Secret<String>> {
    let reference = cursor.parsed(|text| {
        let remedy = "put it into an environment variable and write `env:NAME`, or into a file of its own and write `file:PATH`";
        SecretRef::from_str(text).map_err(|_| Complaint::new("a secret may not stand in this file", remedy))
    })?;
    let found = secrets(&reference).and_then(|found| if found.expose().is_empty() { Err("is empty".to_owned()) } else { Ok(found) });
    let found = match found {
        Ok(found) => found,
        Err(why) => {
            cursor.complain(format!("`{reference}` {why}"), "Chancery reads it where it runs; put the secret there");
            return None;
        }
    };
    let length = found.expose().chars().count();
    if length < least {
        let remedy = format!("use at least {least} random characters, such as `openssl rand -hex 32` prints");
        cursor.complain(format!("the secret in `{reference}` has {length} characters"), remedy); // JW-08
        return None;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_where_it_lies() {
        let folder = std::env::temp_dir().join(format!("chancery-secret-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("corp"), "s3cret \r\n").expect("a file");
        let read = |text: &str| text.parse::<SecretRef>().expect("a reference").read(&folder).map(|secret| secret.expose().clone());

        assert_eq!(read("file:corp"), Ok("s3cret ".to_owned()));
        assert!(read("file:none").is_err_and(|why| why.starts_with("cannot be read: ")));
        assert_eq!(read("env:CHANCERY_TEST_NOT_SET"), Err("is not set".to_owned()));
        assert_eq!(read("env:CARGO_PKG_NAME"), Ok("chancery-registry".to_owned()));
        std::fs::remove_dir_all(&folder).expect("our folder");
    }

    #[test]
    fn only_env_and_file_are_references() {
        for text in ["env:A", "file:/run/secrets/a", "file:a:b"] {
            assert_eq!(text.parse::<SecretRef>().map(|reference| reference.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "hunter2", "env:", "file:", "ENV:A", "vault:x"] {
            assert_eq!(text.parse::<SecretRef>(), Err(SecretRefError), "{text}");
        }
    }
}
