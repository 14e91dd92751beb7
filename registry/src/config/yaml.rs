//! YAML as a tree whose nodes know where they stand.
//!
//! The tree holds what the text says and nothing is refused yet, so the reader above it can name everything that is wrong at once.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};

/// Where something stands; both count from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct At {
    pub line: usize,
    pub column: usize,
}

pub(super) struct Node {
    pub at: At,
    pub value: Value,
}

pub(super) enum Value {
    Nothing,
    Bool(bool),
    /// A whole one that is not negative; none, of any other.
    Number(Option<u64>),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

pub(super) struct Key {
    pub at: At,
    pub name: String,
}

/// Why a text is not YAML. The message holds none of its values: one of them may be a secret.
pub(super) struct Unreadable {
    pub at: At,
    pub message: String,
}

/// The one document of a text.
pub(super) fn parse(text: &str) -> Result<Node, Unreadable> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        Unreadable { at: error.location().map_or(At::START, At::from), message: UserMessageFormatter.format_message(error).into_owned() }
    })
}

impl Value {
    /// What it is, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl At {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl From<Location> for At {
    fn from(location: Location) -> Self {
        let counted = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).max(1);
        Self { line: counted(location.line()), column: counted(location.column()) }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::deserialize(from)?;
        Ok(Self { at: referenced.into(), value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::deserialize(from)?;
        Ok(Self { at: referenced.into(), name: value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Value, D::Error> {
        Value::deserialize(some)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(u64::try_from(number).ok()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(Some(number)))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Number(u64::try_from(number).ok()))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        Ok(Value::Number(u64::try_from(number).ok()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Number(None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            map.push(pair);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_yaml_is_said_without_its_values() {
        for text in [
            "secret: \"hunter2\nb: 3",
            "secret: hunter2: 5",
            "a: [hunter2",
            "a: \"\\q hunter2\"",
            "a: !!int hunter2",
            "a: !!binary hunter2",
            "<<: hunter2",
            "a: {b: hunter2 c: }",
        ] {
            let message = parse(text).err().map(|unreadable| unreadable.message).expect("no YAML");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_node_knows_where_it_stands() {
        let Value::Map(entries) = parse("a: 1\nb: [x, {c: d}]\np: |\n\n  foo\n").map(|node| node.value).unwrap_or(Value::Nothing) else {
            panic!("a mapping");
        };
        let places: Vec<_> = entries.iter().map(|(key, node)| (&*key.name, key.at.line, node.at.line, node.at.column)).collect();
        assert_eq!(places, [("a", 1, 1, 4), ("b", 2, 2, 4), ("p", 3, 5, 3)]);
    }
}
