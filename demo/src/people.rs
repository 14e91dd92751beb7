//! The people of the demo.

use std::str::FromStr;

/// Somebody the development identity provider knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Person {
    Alice,
    Bob,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the demo knows alice and bob")]
pub struct UnknownPerson;

impl Person {
    pub const ALL: &'static [Self] = &[Self::Alice, Self::Bob];

    /// The short name: what `--as` and the sign-in form say, and the provider's `sub`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    pub const fn full_name(self) -> &'static str {
        match self {
            Self::Alice => "Alice Archer",
            Self::Bob => "Bob Baker",
        }
    }

    pub const fn email(self) -> &'static str {
        match self {
            Self::Alice => "alice@demo.example",
            Self::Bob => "bob@demo.example",
        }
    }
}

impl FromStr for Person {
    type Err = UnknownPerson;

    fn from_str(text: &str) -> Result<Self, UnknownPerson> {
        Self::ALL.iter().copied().find(|person| person.id() == text).ok_or(UnknownPerson)
    }
}
