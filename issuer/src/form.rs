//! The parameters of a request as they came (RFC 6749 §3.1, §3.2, appendix B), read once. An empty value counts as absent; nothing
//! else is dropped, so that a doubled parameter can be seen and refused, which serde's forms and queries would not.

use crate::refusal::Refused;

/// Parameters that may come more than once: RFC 8707 §2 names several resources by repeating one.
const REPEATABLE: &[&str] = &["resource"];

#[derive(Clone, Debug)]
pub(crate) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads a query string or a form body. What is not UTF-8 is replaced, and so will match nothing.
    pub fn read(encoded: &[u8]) -> Self {
        let given = form_urlencoded::parse(encoded).filter(|(_, value)| !value.is_empty());
        Self { pairs: given.map(|(name, value)| (name.into_owned(), value.into_owned())).collect() }
    }

    /// The same as a query string.
    pub fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }

    /// The parameter's value; the first, where a doubled one has not been refused yet.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(is, _)| is == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that the request is worth nothing without.
    pub fn required(&self, name: &'static str) -> Result<&str, Refused> {
        self.one(name).ok_or_else(|| Refused::invalid_request(format!("the parameter {name} is missing")))
    }

    /// A doubled parameter is read differently by different readers: whoever checks one value and uses another is fooled.
    pub fn nothing_doubled(&self) -> Result<(), Refused> {
        let doubled = |name: &str| !REPEATABLE.contains(&name) && self.all(name).nth(1).is_some();
        match self.pairs.iter().find(|(name, _)| doubled(name)) {
            // Parameters nobody knows are not repeated in the answer: their names are the peer's.
            Some(_) => Err(Refused::invalid_request("a parameter came twice; send each once (only resource may repeat)")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn oa_06_a_doubled_parameter_is_refused_and_an_empty_one_is_absent() {
        for (encoded, fine) in [
            ("a=1&b=2", true),
            ("a=1&a=1", false),
            ("a=1&%61=2", false),
            ("x=1&x=2", false),
            ("a=&a=1", true),
            ("resource=1&resource=2", true),
            ("", true),
        ] {
            assert_eq!(Form::read(encoded.as_bytes()).nothing_doubled().is_ok(), fine, "{encoded}");
        }
        assert_eq!(Form::read(b"scope=").one("scope"), None);
    }

    proptest! {
        #[test]
        fn oa_06_any_parameter_sent_twice_is_refused(name in "[a-z_]{1,12}", one in "[ -~]{1,9}", other in "[ -~]{1,9}") {
            prop_assume!(!REPEATABLE.contains(&name.as_str()));
            let encoded = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &one).append_pair(&name, &other).finish();
            prop_assert!(Form::read(encoded.as_bytes()).nothing_doubled().is_err());
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = Form::read(&bytes).nothing_doubled();
        }
    }
}
