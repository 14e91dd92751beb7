//! Who answers for a client that registered itself: the rule by which it came in, or the administrator who let it in.

use std::fmt;
use std::str::FromStr;

use chancery_core::Slug;
use serde::{Deserialize, Serialize};

/// Kept in the client's row, and named in the log, as two words: what kind it is, and which.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AdmittedBy {
    /// An initial access token, by its label.
    Token(String),
    /// Somebody who vouches for software, by issuer.
    Statement(String),
    /// A platform whose workload it is, by the rule's name.
    Platform(Slug),
    /// A person, as the log names them. What they let in was this name at these addresses.
    Administrator(String),
}

/// Text that names nobody whom this version knows.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} says of nobody known here that they let a client in")]
pub struct NobodyKnown(String);

impl fmt::Display for AdmittedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(label) => write!(f, "token {label}"),
            Self::Statement(issuer) => write!(f, "statement {issuer}"),
            Self::Platform(name) => write!(f, "platform {name}"),
            Self::Administrator(name) => write!(f, "administrator {name}"),
        }
    }
}

impl FromStr for AdmittedBy {
    type Err = NobodyKnown;

    fn from_str(text: &str) -> Result<Self, NobodyKnown> {
        let nobody = || NobodyKnown(text.to_owned());
        let (kind, which) = text.split_once(' ').ok_or_else(nobody)?;
        Ok(match kind {
            "token" => Self::Token(which.to_owned()),
            "statement" => Self::Statement(which.to_owned()),
            "platform" => Self::Platform(which.parse().map_err(|_| nobody())?),
            "administrator" => Self::Administrator(which.to_owned()),
            _ => return Err(nobody()),
        })
    }
}

impl TryFrom<String> for AdmittedBy {
    type Error = NobodyKnown;

    fn try_from(text: String) -> Result<Self, NobodyKnown> {
        text.parse()
    }
}

impl From<AdmittedBy> for String {
    fn from(by: AdmittedBy) -> Self {
        by.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_for_a_client_is_read_as_it_was_written() {
        let platform = AdmittedBy::Platform("ci".parse().expect("a name"));
        let label = AdmittedBy::Token("partners of ours".to_owned());
        for by in [platform, label, AdmittedBy::Token(String::new()), AdmittedBy::Administrator("socket uid 0".to_owned())] {
            assert_eq!(by.to_string().parse(), Ok(by));
        }
        for nobody in ["", "token", "platform Not A Name", "castle x"] {
            assert!(nobody.parse::<AdmittedBy>().is_err(), "{nobody}");
        }
    }
}
