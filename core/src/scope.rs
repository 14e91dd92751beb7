//! Scopes (RFC 6749 §3.3): a set of tokens, written with single spaces between them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One scope token: `%x21 / %x23-5B / %x5D-7E`, at least one. Cloning shares it: a token's way through the checks makes many small sets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope(Arc<str>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is made of printable ASCII without space, quote or backslash")]
pub struct ScopeError;

impl Scope {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        if !text.is_empty() && text.bytes().all(allowed) { Ok(Self(text.into())) } else { Err(ScopeError) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of scopes, ordered by their text so that the same set is always written the same way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.binary_search(scope).is_ok()
    }

    pub fn is_subset(&self, of: &Self) -> bool {
        self.iter().all(|scope| of.contains(scope))
    }

    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).cloned().collect()
    }

    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.iter().filter(|scope| other.contains(scope)).cloned().collect())
    }

    pub fn difference(&self, other: &Self) -> Self {
        Self(self.iter().filter(|scope| !other.contains(scope)).cloned().collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut all: Vec<Scope> = scopes.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    /// Reads a `scope` parameter. Repeated tokens count once; runs of spaces are forgiven.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        text.split(' ').filter(|token| !token.is_empty()).map(str::parse).collect()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> ScopeSet {
        text.parse().expect("a scope string")
    }

    #[test]
    fn a_set_is_written_in_one_way() {
        assert_eq!(set("b a  b").to_string(), "a b");
        assert_eq!(set("").to_string(), "");
        assert!("a\u{7f}".parse::<ScopeSet>().is_err());
        assert!("a\"b".parse::<ScopeSet>().is_err());
    }

    proptest! {
        #[test]
        fn an_intersection_never_widens(left in "[a-d ]{0,12}", right in "[a-d ]{0,12}") {
            let (left, right) = (set(&left), set(&right));
            let both = left.intersection(&right);
            prop_assert!(both.is_subset(&left) && both.is_subset(&right));
        }

        #[test]
        fn sets_are_as_sets_are(left in "[a-d ]{0,12}", right in "[a-d ]{0,12}") {
            use std::collections::BTreeSet;
            let (left, right) = (set(&left), set(&right));
            let plain = |set: &ScopeSet| set.iter().cloned().collect::<BTreeSet<_>>();
            let (l, r) = (plain(&left), plain(&right));
            prop_assert_eq!(left.union(&right), l.union(&r).cloned().collect());
            prop_assert_eq!(left.intersection(&right), l.intersection(&r).cloned().collect());
            prop_assert_eq!(left.difference(&right), l.difference(&r).cloned().collect());
            prop_assert_eq!(left.is_subset(&right), l.is_subset(&r));
            prop_assert!(l.iter().all(|scope| left.contains(scope)) && left.iter().is_sorted());
        }
    }
}
