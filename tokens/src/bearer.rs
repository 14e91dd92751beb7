//! The access token as a request presents it (RFC 6750 §2, OAuth 2.1 §5.1; OA-20), in the `Authorization` header and nowhere else, by
//! one of two schemes: as whoever's holds it, or with a proof beside it whose it is (RFC 9449 §7.1).

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

/// Where the proof stands (RFC 9449 §4.1).
pub const PROOF: HeaderName = HeaderName::from_static("dpop");

/// What the `Authorization` headers of a request hold. The token is unverified; it has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No header, an empty one, or a scheme that is not ours: the client has not tried yet, so it is told how.
    Nothing,
    /// Several headers, or what no bearer token can be: trying again with the same would be in vain.
    Malformed,
    Token(Shown<'a>),
}

/// A token and what came to prove whose it is: a verifier wants both, so nobody forgets the second (DP-04).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    pub(crate) token: &'a str,
    pub(crate) by: By<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By<'a> {
    Bearer,
    /// The `DPoP` header: none, one, or what cannot be one.
    Proof(Result<Option<&'a str>, NotOne>),
}

/// Several headers, or one that is no text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOne;

/// How a request tries to show a token.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Scheme {
    #[default]
    Bearer,
    Dpop,
}

impl Presented<'_> {
    /// What the client speaks, so that it is answered in it.
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Token(Shown { by: By::Proof(_), .. }) => Scheme::Dpop,
            _ => Scheme::Bearer,
        }
    }
}

#[cfg(test)]
impl<'a> Shown<'a> {
    pub(crate) const fn bearer(token: &'a str) -> Self {
        Self { token, by: By::Bearer }
    }
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
    let with_proof = scheme.eq_ignore_ascii_case("dpop");
    if !with_proof && !scheme.eq_ignore_ascii_case("bearer") {
        return Presented::Nothing; // RFC 6750 §3.1: an unsupported method is told no error
    }
    match rest.trim_start() {
        "" => Presented::Nothing,
        token if is_b64token(token) => {
            Presented::Token(Shown { token, by: if with_proof { By::Proof(proof(headers)) } else { By::Bearer } }) // OA-20, DP-04
        }
        _ => Presented::Malformed,
    }
}

fn proof(headers: &HeaderMap) -> Result<Option<&str>, NotOne> {
    let mut values = headers.get_all(PROOF).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| NotOne),
        (Some(_), Some(_)) => Err(NotOne), // DP-02
    }
}

/// Whether a form body holds a token too (RFC 6750 §2.2): a request may use one way only (OA-20).
pub fn stands_in_form(body: &[u8]) -> bool {
    body.split(|byte| *byte == b'&').any(|pair| pair.starts_with(b"access_token="))
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
            assert!(presented(&headers(&[value])) == Presented::Token(Shown::bearer("a.b-c_d~e+f/g==")), "{value}");
        }
    }

    #[test]
    fn oa_20_nothing_and_other_schemes_are_no_token() {
        assert!(presented(&HeaderMap::new()) == Presented::Nothing);
        for value in ["", "Bearer", "Bearer ", "Basic YTpi", "DPoP", "DPoPabc", "Bearertoken"] {
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
    fn dp_02_a_proof_comes_once_and_counts_by_its_scheme_alone() {
        let read = |scheme: &'static str, proofs: &[&'static [u8]]| {
            let proofs = proofs.iter().map(|proof| (PROOF, HeaderValue::from_bytes(proof).expect("bytes of a header")));
            let headers = [(AUTHORIZATION, HeaderValue::from_static(scheme))].into_iter().chain(proofs).collect();
            match presented(&headers) {
                Presented::Token(Shown { by: By::Proof(proof), .. }) => Some(proof.map(|proof| proof.map(str::to_owned))),
                _ => None,
            }
        };
        assert!(read("dPoP a.b.c", &[]) == Some(Ok(None)));
        assert!(read("DPoP a.b.c", &[b"x.y.z"]) == Some(Ok(Some("x.y.z".to_owned()))));
        assert!(read("DPoP a.b.c", &[b"x.y.z", b"x.y.z"]) == Some(Err(NotOne)));
        assert!(read("DPoP a.b.c", &[b"x.y.z", b""]) == Some(Err(NotOne)));
        assert!(read("DPoP a.b.c", &[b"\xff"]) == Some(Err(NotOne)));
        assert!(read("Bearer a.b.c", &[b"x.y.z"]).is_none());
    }

    #[test]
    fn oa_20_a_token_in_a_form_is_seen() {
        assert!(stands_in_form(b"access_token=x"));
        assert!(stands_in_form(b"a=b&access_token=x"));
        assert!(!stands_in_form(b"a=access_token"));
        assert!(!stands_in_form(b"my_access_token=x"));
    }
}
