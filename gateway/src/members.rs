//! Reads the named members of a JSON object as the text they are, and refuses an object that two readers could read differently.
//!
//! What is authorised must be what the upstream sees. So a member that comes twice is refused, and so is one that differs from a named
//! member in letter case only: some JSON libraries (Go's among them) match names without regard to case and take the last.

use std::borrow::Cow;
use std::fmt;

use chancery_core::fold;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members called `names`, in that order, each borrowed from `json`. An error is malformed JSON, no object, or an ambiguous one.
pub fn members<'a, const N: usize>(json: &'a str, names: &[&'static str; N]) -> Result<[Option<&'a RawValue>; N], serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let found = reader.deserialize_map(Members { names })?;
    reader.end()?;
    Ok(found)
}

/// A JSON string's text, borrowed where it holds no escape.
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw.get()).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

struct Members<'n, const N: usize> {
    names: &'n [&'static str; N],
}

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(name) = map.next_key_seed(Name { names: self.names })? {
            match name {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(at) if found[at].is_none() => found[at] = Some(map.next_value::<&'de RawValue>()?),
                Some(at) => return Err(serde::de::Error::custom(format_args!("`{}` comes twice", self.names[at]))),
            }
        }
        Ok(found)
    }
}

/// Where a member's name stands in the list; `None` for one that nobody asked for.
struct Name<'n> {
    names: &'n [&'static str],
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if let Some(at) = self.names.iter().position(|wanted| *wanted == name) {
            return Ok(Some(at));
        }
        match self.names.iter().find(|wanted| is_lookalike(name, wanted)) {
            Some(wanted) => Err(E::custom(format_args!("a member is called `{wanted}` but for the case of its letters"))),
            None => Ok(None),
        }
    }
}

/// Whether some reader that ignores case would take `name` for `wanted`.
fn is_lookalike(name: &str, wanted: &str) -> bool {
    fold(name).eq(fold(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<[Option<&str>; 2], String> {
        members(json, &["method", "params"]).map(|found| found.map(|raw| raw.map(RawValue::get))).map_err(|error| error.to_string())
    }

    #[test]
    fn members_are_the_text_they_are() {
        assert_eq!(read(r#" {"params" : { "a":1.0e3 , "a":2 },"x":[{"method":1}]} "#), Ok([None, Some(r#"{ "a":1.0e3 , "a":2 }"#)]));
        assert_eq!(read(r#"{"m\u0065thod":"m"}"#), Ok([Some(r#""m""#), None]));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            r#"{"method":1,"method":2}"#,
            r#"{"method":1,"m\u0065thod":2}"#,
            r#"{"method":1,"Method":2}"#,
            r#"{"Method":2}"#,
            r#"{"paramſ":2}"#,
            r#"{"method":1} {"method":2}"#,
            r#"{"method":1"#,
            r#"{"method":01}"#,
            "[]",
            "null",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_strings_text_has_its_escapes_read() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).expect("JSON");
        assert_eq!(text(&raw(r#""tools/call""#)).as_deref(), Some("tools/call"));
        assert_eq!(text(&raw(r#""tools\/call\u0021""#)).as_deref(), Some("tools/call!"));
        for other in ["1", "null", "{}", r#"["a"]"#] {
            assert_eq!(text(&raw(other)), None, "{other}");
        }
    }
}
