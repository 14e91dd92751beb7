//! The arguments of a call, as policies may speak of them: each value by its path, sorted by kind.
//!
//! What is judged must be what the upstream reads. So a name that comes twice in one object is refused, and so are two that differ in
//! letter case only: some JSON libraries take the one for the other. And a path must be one value's alone: names that are empty or hold
//! a dot, by which one path could be written as another, are refused too.
//!
//! A small text may have many long paths, and a policy's question costs more than the text does. So there is a measure for both, and what
//! goes beyond it is refused.

mod number;

use std::collections::BTreeSet;
use std::fmt;

use chancery_core::fold;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use self::number::{Number, Numbers};

/// So many values may stand under paths, or in lists of texts.
const MOST_VALUES: usize = 16_384;
/// So long may their paths be together, in bytes.
const MOST_OF_PATHS: usize = 1024 * 1024;

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
        let mut reading = Reading { numbers: Numbers(json), values: MOST_VALUES, paths: MOST_OF_PATHS };
        Value { path: "", into: Some(&mut found), reading: &mut reading }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(found)
    }
}

/// What is still to come, and what there is room for.
struct Reading<'j> {
    numbers: Numbers<'j>,
    values: usize,
    paths: usize,
}

impl Reading<'_> {
    fn room_for_value<E: Error>(&mut self) -> Result<(), E> {
        self.values = self.values.checked_sub(1).ok_or_else(|| E::custom(format_args!("they hold more than {MOST_VALUES} values")))?;
        Ok(())
    }

    fn room_for<E: Error>(&mut self, path: &str) -> Result<(), E> {
        let left = self.paths.checked_sub(path.len());
        self.paths =
            left.ok_or_else(|| E::custom(format_args!("the paths of their values are longer than {MOST_OF_PATHS} bytes together")))?;
        self.room_for_value()
    }
}

/// One value, read into the arguments under its path. It gives back a text, where it is one: an array may be a list of them.
struct Value<'p, 'a, 'j> {
    path: &'p str,
    /// Nothing within an array: what is there has no path of its own.
    into: Option<&'a mut Arguments>,
    reading: &'a mut Reading<'j>,
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
        if let Some(into) = self.into {
            self.reading.room_for(self.path)?;
            into.texts.push((self.path.to_owned(), text.to_owned()));
        }
        Ok(Some(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        if let Some(into) = self.into {
            self.reading.room_for(self.path)?;
            into.flags.push((self.path.to_owned(), flag));
        }
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
        // Only a list of texts is spoken of as a whole.
        while let Some(element) = elements.next_element_seed(Value { path: "", into: None, reading: self.reading })? {
            texts = texts.filter(|_| self.into.is_some()).zip(element).map(|(mut texts, text)| {
                texts.push(text);
                texts
            });
            if texts.is_some() {
                self.reading.room_for_value()?;
            }
        }
        if let Some((into, texts)) = self.into.zip(texts) {
            self.reading.room_for(self.path)?;
            into.lists.push((self.path.to_owned(), texts));
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !seen.insert(fold(&name).collect::<String>()) {
                return Err(A::Error::custom(format_args!("`{name}` comes twice, or but for the case of its letters")));
            }
            if name.is_empty() || name.contains('.') {
                return Err(A::Error::custom(format_args!("`{name}` is empty or holds a dot, so its path could be another's")));
            }
            let Some(into) = self.into.as_deref_mut() else {
                members.next_value_seed(Value { path: "", into: None, reading: self.reading })?;
                continue;
            };
            let path = if self.path.is_empty() { name } else { format!("{}.{name}", self.path) };
            self.reading.room_for(&path)?;
            members.next_value_seed(Value { path: &path, into: Some(into), reading: self.reading })?;
            if let Some(twice) = into.names.replace(path) {
                return Err(A::Error::custom(format_args!("the path `{twice}` comes twice")));
            }
        }
        Ok(None)
    }
}

impl Value<'_, '_, '_> {
    /// The reader's own value is passed over: it may have been rounded.
    fn number<E: Error>(self) -> Result<Option<String>, E> {
        let written = self.reading.numbers.next();
        let Some((into, number)) = self.into.zip(written.and_then(Number::of)) else { return Ok(None) };
        self.reading.room_for(self.path)?;
        into.integers.extend(number.integer().map(|value| (self.path.to_owned(), value)));
        into.decimals.extend(number.decimal().map(|value| (self.path.to_owned(), value)));
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

    #[test]
    fn objects_of_an_array_may_be_alike() {
        let read = Arguments::read(r#"{"lines":[{"sku":"a","n":1},{"sku":"b","n":2}],"amount":3}"#).expect("arguments");
        assert!(read.names.iter().eq(["amount", "lines"]), "{:?}", read.names);
        assert_eq!(read.integers, [("amount".to_owned(), 3)]);
        assert!(read.texts.is_empty());
    }

    /// A long name over many short ones would have each of them hold it.
    #[test]
    fn what_grows_beyond_its_text_is_refused() {
        let many = |count: usize| (0..count).map(|at| format!("\"{at:x}\":1")).collect::<Vec<_>>().join(",");
        let long = "a".repeat(100_000);
        assert!(Arguments::read(&format!("{{\"{long}\":{{{}}}}}", many(3))).is_ok());
        assert!(Arguments::read(&format!("{{\"{long}\":{{{}}}}}", many(20))).is_err());
        assert!(Arguments::read(&format!("{{{}}}", many(5_000))).is_ok());
        assert!(Arguments::read(&format!("{{{}}}", many(20_000))).is_err());
        assert!(Arguments::read(&format!("{{\"a\":[{}]}}", vec!["\"\""; 20_000].join(","))).is_err());
        // What no policy can speak of costs nothing.
        assert!(Arguments::read(&format!("{{\"a\":[{}]}}", vec!["1.5"; 100_000].join(","))).is_ok());
        assert!(Arguments::read(&format!("{{\"{long}\":[{}]}}", vec!["{\"b\":1}"; 50_000].join(","))).is_ok());
        assert!(Arguments::read(&"{\"a\":".repeat(1_000_000)).is_err());
        assert!(Arguments::read(&format!("{{\"a\":{}", "[".repeat(1_000_000))).is_err());
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
