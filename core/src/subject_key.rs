//! By what a person is known again: the issuer that vouches for them and its stable name for them. The same name at another issuer is
//! somebody else (JW-06).

use std::fmt;

use crate::Issuer;

/// As text, `{issuer} {key}`. An issuer has no space in it, so the first one divides the two.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SubjectKey(String);

impl SubjectKey {
    /// `key` is what the issuer never gives to anybody else: its `sub`, or what stands for that there.
    pub fn of(issuer: &Issuer, key: &str) -> Self {
        Self(format!("{issuer} {key}"))
    }

    /// As a row has it.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this issuer vouches for the person.
    pub fn is_of(&self, issuer: &Issuer) -> bool {
        self.0.split_once(' ').is_some_and(|(of, _)| of == issuer.as_str())
    }

    /// The issuer's own name for the person.
    pub fn at_issuer(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, key)| key)
    }
}

impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jw_06_one_name_at_two_issuers_is_two_people() {
        let (corp, other) = (Issuer::foreign("https://idp.example"), Issuer::foreign("https://idp.example/"));
        let alice = SubjectKey::of(&corp, "alice of sales");
        assert_ne!(alice, SubjectKey::of(&other, "alice of sales"));
        assert!(alice.is_of(&corp));
        for stranger in [other, Issuer::foreign("https://idp.exampl"), Issuer::foreign("https://idp.example alice"), Issuer::foreign("")] {
            assert!(!alice.is_of(&stranger), "{stranger}");
        }
        assert_eq!(alice.at_issuer(), "alice of sales");
        assert_eq!(SubjectKey::stored(alice.as_str()), alice);
        assert!(!SubjectKey::stored("alice").is_of(&corp));
    }
}
