//! The access token as a request presents it (RFC 6750 §2, OAuth 2.1 §5.1; OA-20), in the `Authorization` header and nowhere else; and
//! the challenge to whoever presents none that is good (RFC 6750 §3).

use chancery_core::{ScopeSet, oauth};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// What the `Authorization` headers of a request hold. The token is unverified; it has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No header, an empty one, or a scheme that is not ours: the client has not tried yet, so it is told how.
    Nothing,
    /// Several headers, or what no bearer token can be: trying again with the same would be in vain.
    Malformed,
    Token(&'a str),
}

/// Reads the header. A token in the query string is not looked for, so it counts as none (OA-20).
pub fn presented(headers: &HeaderMap) -> Presented<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Presented::Nothing };
    if values.next().is_some() {
        return Presented::Malformed; // OA-20
    }
    let Ok(text) = value.to_str() else { return Presented::Malformed };
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Presented::Nothing; // RFC 6750 §3.1: an unsupported method is told no error
    }
    match rest.trim_start() {
        "" => Presented::Nothing,
        token if is_b64token(token) => Presented::Token(token), // OA-20
        _ => Presented::Malformed,
    }
}

/// Whether a form body holds a token too (RFC 6750 §2.2): a request may use one way only (OA-20).
pub fn stands_in_form(body: &[u8]) -> bool {
    body.split(|byte| *byte == b'&').any(|pair| pair.starts_with(b"access_token="))
}

/// The challenge. Without `error` it says only where to begin (PR-02); `scope` is what this request needs.
pub fn challenge(error: Option<&oauth::Error>, metadata: &str, scope: &ScopeSet) -> HeaderValue {
    let mut text = String::from("Bearer ");
    if let Some(error) = error {
        text += &format!("error=\"{}\", error_description=\"{}\", ", error.code(), error.description());
    }
    text += &format!("resource_metadata=\"{}\"", metadata.replace(['"', '\\'], "")); // PR-02
    if !scope.is_empty() {
        text += &format!(", scope=\"{scope}\"");
    }
    // A URL may hold what a header may not; then a challenge without it is better than none.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// RFC 6750 §2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn oa_20_the_scheme_is_read_in_any_case() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER  a.b-c_d~e+f/g=="] {
            assert!(presented(&headers(&[value])) == Presented::Token("a.b-c_d~e+f/g=="), "{value}");
        }
    }

    #[test]
    fn oa_20_nothing_and_other_schemes_are_no_token() {
        assert!(presented(&HeaderMap::new()) == Presented::Nothing);
        for value in ["", "Bearer", "Bearer ", "Basic YTpi", "DPoP abc", "Bearertoken"] {
            assert!(presented(&headers(&[value])) == Presented::Nothing, "{value}");
        }
    }

    #[test]
    fn oa_20_two_tokens_or_what_is_no_token_are_malformed() {
        assert!(presented(&headers(&["Bearer a", "Bearer b"])) == Presented::Malformed);
        for value in ["Bearer a, Bearer b", "Bearer a b", "Bearer =", "Bearer a=b", "Bearer \"a\""] {
            assert!(presented(&headers(&[value])) == Presented::Malformed, "{value}");
        }
    }

    #[test]
    fn oa_20_a_token_in_a_form_is_seen() {
        assert!(stands_in_form(b"access_token=x"));
        assert!(stands_in_form(b"a=b&access_token=x"));
        assert!(!stands_in_form(b"a=access_token"));
        assert!(!stands_in_form(b"my_access_token=x"));
    }
}
