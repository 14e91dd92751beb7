//! The id of a request, or a progress token, by what it says and not by how it is written: a child writes what it was told its own way,
//! `"é"` as `"\u00e9"` and `1e0` as `1.0`, and both are the same to whoever reads JSON.

use serde_json::value::RawValue;

use crate::members;

/// An id as it came, for whoever is to be told of it in its own words.
pub struct Id {
    pub written: String,
    pub value: Value,
}

/// What an id says: two are the same if they are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    Text(String),
    /// Digits without noughts at either end, times ten to the power of the exponent: exact, however many there are.
    Number {
        negative: bool,
        digits: String,
        exponent: i64,
    },
    /// What is none of these, or cannot be read, is only what it was written as.
    Other(String),
}

impl Id {
    pub fn of(raw: &RawValue) -> Self {
        Self { written: raw.get().to_owned(), value: Value::of(raw) }
    }
}

impl Value {
    pub fn of(raw: &RawValue) -> Self {
        match members::text(raw) {
            Some(text) => Self::Text(text.into_owned()),
            None => number(raw.get()).unwrap_or_else(|| Self::Other(raw.get().to_owned())),
        }
    }
}

fn number(written: &str) -> Option<Value> {
    let (negative, rest) = written.strip_prefix('-').map_or((false, written), |rest| (true, rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let all = format!("{whole}{part}");
    let led = all.trim_start_matches('0');
    let digits = led.trim_end_matches('0');
    if digits.is_empty() {
        return Some(Value::Number { negative: false, digits: String::new(), exponent: 0 });
    }
    let (fraction, noughts) = (i64::try_from(part.len()).ok()?, i64::try_from(led.len() - digits.len()).ok()?);
    let exponent = exponent.parse::<i64>().ok()?.checked_sub(fraction)?.checked_add(noughts)?;
    Some(Value::Number { negative, digits: digits.to_owned(), exponent })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(json: &str) -> Value {
        Value::of(&RawValue::from_string(json.to_owned()).expect("JSON"))
    }

    #[test]
    fn what_says_the_same_is_the_same() {
        for same in [
            &[r#""é1""#, r#""\u00e91""#, r#""\u00E9\u0031""#][..],
            &[r#""a/b""#, r#""a\/b""#],
            &["1", "1e0", "1.0", "1.00E+0", "10e-1", "0.1e1"],
            &["0", "-0", "0.0", "0e99999999999999999999"],
            &["-25e2", "-2500", "-2500.0", "-2.5e3"],
            &["9007199254740993", "9007199254740993.0"],
        ] {
            assert!(same.iter().all(|json| value(json) == value(same[0])), "{same:?}");
        }
        let apart =
            [r#""1""#, "1", "-1", "10", "0.1", "9007199254740993", "9007199254740992", "null", r#""null""#, "1e99999999999999999999"];
        for (at, one) in apart.iter().enumerate() {
            assert!(apart[at + 1..].iter().all(|other| value(other) != value(one)), "{one}");
        }
        assert_eq!(value(r#""\ud800""#), value(r#""\ud800""#), "half a character is at least itself");
    }

    proptest! {
        #[test]
        fn any_text_is_known_however_it_is_escaped(text in ".{0,12}") {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(value(&format!("\"{units}\"")), Value::Text(text.clone()));
            prop_assert_eq!(value(&serde_json::to_string(&text).expect("text")), Value::Text(text));
        }

        #[test]
        fn any_number_is_known_however_its_point_is_moved(number in any::<i64>(), by in 0_usize..30) {
            prop_assert_eq!(value(&format!("{number}{}e-{by}", "0".repeat(by))), value(&number.to_string()));
            prop_assert_eq!(value(&format!("{number}.{}", "0".repeat(by + 1))), value(&number.to_string()));
        }
    }
}
