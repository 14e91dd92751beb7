//! An issuer identifier (RFC 8414 §2), kept as the string it is: clients compare it byte for byte and key credentials by it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Slug;

/// `{base}/t/{tenant}`: always with a path, never with a trailing slash, never parsed and printed again.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Issuer(String);

impl Issuer {
    /// The issuer of a tenant. `base` is the public base URL without a trailing slash.
    pub fn of(base: &str, tenant: &Slug) -> Self {
        Self(format!("{base}/t/{tenant}"))
    }

    /// The issuer of somebody else, as an operator wrote it or a token claims it.
    pub fn foreign(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
