//! The arguments of a call, as policies may speak of them: each value by its path, sorted by kind.
//!
//! What is judged must be what the upstream reads. So a name that comes twice in one object is refused, and so are two that differ in
//! letter case only: some JSON libraries take the one for the other. And a path must be one value's alone: names that are empty or hold
//! a dot, by which one path could be written as another, are refused too.

mod number;

use std::collections::BTreeSet;
use std::fmt;

use chancery_core::fold;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use self::number::{Number, Numbers};

/// Nobody's business but the policies': it has no telling `Debug`.
#[derive(Clone, PartialEq, Default)]
pub struct Arguments {
    pub(crate) names: BTreeSet<String>,
    pub(crate) texts: Vec<(String, String)>,
    pub(crate) integers: Vec<(String, i64)>,
    pub(crate) decimals: Vec<(String, String)>,
    pub(crate) flags: Vec<(String, bool)>,
    pub(crate) lists: Vec<(String, Vec<String>)>,
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arguments(..)")
    }
}

impl Arguments {
    /// # Errors
    /// It is no JSON object, or one that two readers could read differently.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        if !json.trim_ascii_start().starts_with('{') {
            return Err(serde_json::Error::custom("`arguments` is not an object"));
        }
        let mut found = Self::default();
        let mut reader = serde_json::Deserializer::from_str(json);
        Value { path: "", into: &mut found, numbers: &mut Numbers(json) }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(found)
    }

    fn number(&mut self, path: &str, written: Option<&str>) {
        let Some(number) = written.and_then(Number::of) else { return };
        self.integers.extend(number.integer().map(|value| (path.to_owned(), value)));
        self.decimals.extend(number.decimal().map(|value| (path.to_owned(), value)));
    }
}

/// One value, read into the arguments under its path. It gives back a text, where it is one: an array may be a list of them.
struct Value<'p, 'a, 'j> {
    path: &'p str,
    into: &'a mut Arguments,
    /// Those that are still to come.
    numbers: &'a mut Numbers<'j>,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, '_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, '_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.into.texts.push((self.path.to_owned(), text.to_owned()));
        Ok(Some(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        self.into.flags.push((self.path.to_owned(), flag));
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        self.number()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        self.number()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        self.number()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut texts = Some(Vec::new());
        // What is in an array has no path of its own; only a list of texts is spoken of as a whole.
        let mut nowhere = Arguments::default();
        while let Some(element) = elements.next_element_seed(Value { path: self.path, into: &mut nowhere, numbers: self.numbers })? {
            texts = texts.zip(element).map(|(mut texts, text)| {
                texts.push(text);
                texts
            });
        }
        self.into.lists.extend(texts.map(|texts| (self.path.to_owned(), texts)));
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !seen.insert(fold(&name).collect::<String>()) {
                return Err(A::Error::custom(format_args!("`{name}` comes twice, or but for the case of its letters")));
            }
            if name.is_empty() || name.contains('.') {
                return Err(A::Error::custom(format_args!("`{name}` is empty or holds a dot, so its path could be another's")));
            }
            let path = if self.path.is_empty() { name } else { format!("{}.{name}", self.path) };
            members.next_value_seed(Value { path: &path, into: self.into, numbers: self.numbers })?;
            if let Some(twice) = self.into.names.replace(path) {
                return Err(A::Error::custom(format_args!("the path `{twice}` comes twice")));
            }
        }
        Ok(None)
    }
}

impl Value<'_, '_, '_> {
    /// The reader's own value is passed over: it may have been rounded.
    fn number<E>(self) -> Result<Option<String>, E> {
        let written = self.numbers.next();
        self.into.number(self.path, written);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_stands_under_its_path_by_its_kind() {
        let read = Arguments::read(
            r#" {"to":{"account":"DE1","verified":true},"amount":1e3,"fee":0.25,"tags":["a","b"],"none":null,"mixed":["a",1],"empty":[]}"#,
        )
        .expect("arguments");
        let names = ["amount", "empty", "fee", "mixed", "none", "tags", "to", "to.account", "to.verified"];
        assert!(read.names.iter().eq(names), "{:?}", read.names);
        assert_eq!(read.texts, [("to.account".to_owned(), "DE1".to_owned())]);
        assert_eq!(read.integers, [("amount".to_owned(), 1000)]);
        assert_eq!(read.decimals, [("amount".to_owned(), "1000.0".to_owned()), ("fee".to_owned(), "0.25".to_owned())]);
        assert_eq!(read.flags, [("to.verified".to_owned(), true)]);
        assert_eq!(read.lists, [("tags".to_owned(), vec!["a".to_owned(), "b".to_owned()]), ("empty".to_owned(), vec![])]);
    }

    #[test]
    fn a_number_that_readers_read_differently_is_none() {
        for odd in [
            "9007199254740993",
            "1e300",
            "18446744073709551615",
            "-9223372036854775808",
            "0.00001",
            "1000.0000000000000001",
            "1e-400",
            "100000000000000000000000000000000000000",
        ] {
            let read = Arguments::read(&format!(r#"{{"n":{odd}}}"#)).expect("arguments");
            assert!(read.integers.is_empty() && read.decimals.is_empty(), "{odd}: {:?} {:?}", read.integers, read.decimals);
            assert!(read.names.contains("n"));
        }
        assert!(Arguments::read(r#"{"n":1e400}"#).is_err(), "some readers have no such number");
    }

    /// Where a number stands among others does not matter.
    #[test]
    fn each_number_stands_under_its_own_path() {
        let read = Arguments::read(r#"{"3":"4","x":[1,[2],{"a":3,"b":"5\\"}],"amount":1000.0000000000000001,"y":{"z":-2E1},"w":0.5}"#);
        let read = read.expect("arguments");
        assert_eq!(read.integers, [("y.z".to_owned(), -20)]);
        assert_eq!(read.decimals, [("y.z".to_owned(), "-20.0".to_owned()), ("w".to_owned(), "0.5".to_owned())]);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"A":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"A":2}]}"#,
            r#"{"iso":"DE","iſo":"RU"}"#,
            r#"{"to.amount":1,"to":{"amount":99999.00001}}"#,
            r#"{"to":{"amount":1},"to.amount":null}"#,
            r#"{"to.amount":1}"#,
            r#"{"":{"amount":1},"amount":99999.00001}"#,
            r#"{"":{"amount":1}}"#,
            "[]",
            "1",
            "null",
            "{} {}",
            "{",
        ] {
            assert!(Arguments::read(bad).is_err(), "{bad}");
        }
    }
}
