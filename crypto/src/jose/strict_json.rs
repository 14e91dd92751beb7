//! JSON with no member twice at any depth and nothing after its end (JW-02): two readers of one text cannot understand it differently.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads a JSON object strictly.
pub fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    check(json)?;
    serde_json::from_slice(json).ok()
}

/// That `json` is one object, complete and with no member twice.
pub fn check(json: &[u8]) -> Option<()> {
    let object = json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    object.then(|| serde_json::from_slice::<NoDoubles>(json).ok())?.map(|_| ())
}

/// Any JSON value without doubled members; the value itself is not kept.
struct NoDoubles;

impl<'de> Deserialize<'de> for NoDoubles {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = NoDoubles;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which no object has a member twice")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<NoDoubles, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<NoDoubles>()?;
            if !seen.insert(name) {
                return Err(A::Error::custom("a member stands there twice"));
            }
        }
        Ok(NoDoubles)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NoDoubles, A::Error> {
        while items.next_element::<NoDoubles>()?.is_some() {}
        Ok(NoDoubles)
    }

    fn visit_bool<E>(self, _: bool) -> Result<NoDoubles, E> {
        Ok(NoDoubles)
    }

    fn visit_i64<E>(self, _: i64) -> Result<NoDoubles, E> {
        Ok(NoDoubles)
    }

    fn visit_u64<E>(self, _: u64) -> Result<NoDoubles, E> {
        Ok(NoDoubles)
    }

    fn visit_f64<E>(self, _: f64) -> Result<NoDoubles, E> {
        Ok(NoDoubles)
    }

    fn visit_str<E>(self, _: &str) -> Result<NoDoubles, E> {
        Ok(NoDoubles)
    }

    fn visit_unit<E>(self) -> Result<NoDoubles, E> {
        Ok(NoDoubles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jw_02_no_member_twice_and_nothing_behind() {
        for good in [r#"{}"#, r#" {"a":1,"b":{"a":[{"a":null},{"a":-1.5}]}} "#] {
            assert!(check(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "",
            "[]",
            "\"{}\"",
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{} {}"#,
            r#"{}x"#,
            r#"{"a":1,}"#,
            r#"{"a":NaN}"#,
        ] {
            assert!(check(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
