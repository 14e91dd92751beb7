//! A number as it is written, to the last digit (RFC 8259 §6). A reader that rounds takes 1000.0000000000000001 for 1000, another does
//! not; so a number counts by its text, and as what every reader makes of it.

/// From here on there are whole numbers that not every reader of JSON holds: 2^53.
const EXACT: u64 = 1 << 53;
/// So many digits come back as they were from any reader that holds numbers as binary ones of 64 bits.
const DIGITS: usize = 15;
/// What Cedar's decimal holds behind its point.
const DECIMALS: i64 = 4;

/// `digits` × 10^`exponent`; the digits begin and end with another one than 0, and there are none of 0 itself.
pub(super) struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Number {
    /// Of a JSON number; `None` where its exponent is beyond all bounds.
    pub fn of(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (figures, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, decimals) = figures.split_once('.').unwrap_or((figures, ""));
        let all = [whole, decimals].concat();
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let behind = all.len() - all.trim_end_matches('0').len();
        let moved = i64::try_from(behind).ok()?.checked_sub(i64::try_from(decimals.len()).ok()?)?;
        let exponent = exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().ok()?.checked_add(moved)?;
        Some(Self { negative, digits: digits.to_owned(), exponent })
    }

    /// A whole number, where it is one that every reader holds.
    pub fn integer(&self) -> Option<i64> {
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| self.digits.len().saturating_add(*zeros) <= DIGITS + 1)?;
        let value: u64 = format!("0{}{}", self.digits, "0".repeat(zeros)).parse().ok().filter(|value| *value < EXACT)?;
        let value = i64::try_from(value).ok()?;
        Some(if self.negative { -value } else { value })
    }

    /// As Cedar's decimal, where every reader holds it as that.
    pub fn decimal(&self) -> Option<String> {
        let behind = usize::try_from(-self.exponent.clamp(-DECIMALS - 1, 0)).ok()?;
        let zeros = usize::try_from(self.exponent.clamp(0, i64::from(u8::MAX))).ok()?;
        if self.exponent < -DECIMALS || self.digits.len() + zeros > DIGITS {
            return None;
        }
        let digits = format!("{:0>width$}{}", self.digits, "0".repeat(zeros), width = behind + 1);
        let (whole, decimals) = digits.split_at(digits.len() - behind);
        let sign = if self.negative { "-" } else { "" };
        Some(format!("{sign}{whole}.{}", if decimals.is_empty() { "0" } else { decimals }))
    }
}

/// The numbers of a JSON text as they are written, in their order.
pub(super) struct Numbers<'a>(pub &'a str);

impl<'a> Iterator for Numbers<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (mut in_string, mut escaped) = (false, false);
        for (at, byte) in self.0.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = !in_string,
                b'-' | b'0'..=b'9' if !in_string => {
                    let rest = &self.0[at..];
                    let length = rest.find(|next: char| !matches!(next, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(rest.len());
                    let (number, after) = rest.split_at(length);
                    self.0 = after;
                    return Some(number);
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<i64>, Option<String>) {
        Number::of(text).map_or((None, None), |number| (number.integer(), number.decimal()))
    }

    #[test]
    fn a_number_is_what_is_written_and_nothing_near_it() {
        for (text, integer, decimal) in [
            ("0", 0, "0.0"),
            ("-0", 0, "0.0"),
            ("-0.0e-5", 0, "0.0"),
            ("0e99999999999999999999", 0, "0.0"),
            ("7", 7, "7.0"),
            ("-7", -7, "-7.0"),
            ("1000", 1000, "1000.0"),
            ("1E3", 1000, "1000.0"),
            ("1e+3", 1000, "1000.0"),
            ("1000.000", 1000, "1000.0"),
            ("0.001e6", 1000, "1000.0"),
            ("10000e-1", 1000, "1000.0"),
            ("999999999999999", 999_999_999_999_999, "999999999999999.0"),
        ] {
            assert_eq!(read(text), (Some(integer), Some(decimal.to_owned())), "{text}");
        }
        for (text, decimal) in [
            ("0.25", "0.25"),
            ("-0.25", "-0.25"),
            ("0.0001", "0.0001"),
            ("1e-4", "0.0001"),
            ("12.3456", "12.3456"),
            ("12345678901.2345", "12345678901.2345"),
        ] {
            assert_eq!(read(text), (None, Some(decimal.to_owned())), "{text}");
        }
        assert_eq!(read("9007199254740991"), (Some(9_007_199_254_740_991), None));
        assert_eq!(read("-9007199254740991"), (Some(-9_007_199_254_740_991), None));
        for other in [
            "1000.0000000000000001",
            "999.99999999999999999",
            "0.00001",
            "1e-400",
            "0.1000000000000000055511151231257827",
            "123456789012.3456",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551616",
            "100000000000000000000",
            "1e300",
            "1e400",
            "1e99999999999999999999",
            "-1e-99999999999999999999",
        ] {
            assert_eq!(read(other), (None, None), "{other}");
        }
    }

    #[test]
    fn numbers_in_strings_are_none() {
        let text = r#" {"1":"2","a\"3":[4,-5.0e+6,"\\",7,{"8":9}],"b":true,"c":10} "#;
        assert!(Numbers(text).eq(["4", "-5.0e+6", "7", "9", "10"]));
    }
}
