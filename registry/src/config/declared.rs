//! What a file declares: definitions with their secrets, and where each stands in the file.

use chancery_core::{Secret, Slug};

use super::problem::Place;
use crate::definition::Definition;

/// One object as a file declares it.
pub(crate) struct Declared {
    pub name: Slug,
    pub definition: Definition,
    pub secret: Option<DeclaredSecret>,
    /// Where its name stands, or itself.
    pub at: Place,
    /// Where values stand that what is stored may contradict.
    pub places: Vec<(&'static str, Place)>,
}

/// A secret on its way into the store.
#[derive(Clone)]
pub(crate) enum DeclaredSecret {
    /// Needed again: it is sealed.
    Sealed(Secret<String>),
    /// Only ever compared: its SHA-256 is kept.
    Digest([u8; 32]),
}

impl Declared {
    pub(super) fn new(name: Slug, definition: Definition, at: Place) -> Self {
        Self { name, definition, secret: None, at, places: Vec::new() }
    }

    /// Where `key` stands, or else the object.
    pub(crate) fn place(&self, key: &str) -> &Place {
        self.places.iter().find(|(known, _)| *known == key).map_or(&self.at, |(_, place)| place)
    }
}
