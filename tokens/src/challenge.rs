//! The challenge to whoever shows no token that is good (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1).
//!
//! It is one header line. Where bearer tokens are taken it begins with `Bearer `, and says there all that those need who read no further;
//! whoever came by the DPoP scheme, or should have, reads of that behind it.

use chancery_core::{ScopeSet, oauth};
use chancery_crypto::jose::dpop;
use chancery_registry::Dpop;
use http::HeaderValue;

use crate::bearer::Scheme;

/// The schemes it speaks of, and which of them the error is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    Bearer,
    /// The token came as a bearer's and is none.
    DpopInstead,
    /// A proof, or the token with it, was no good; a token without one would be.
    DpopTried,
    Dpop,
}

impl Offer {
    /// `bound` is a token that came without the proof that it needs.
    pub const fn at(resource: Dpop, tried: Scheme, bound: bool) -> Self {
        match (resource, tried) {
            (Dpop::Required, _) => Self::Dpop, // PR-05
            (Dpop::Optional, Scheme::Dpop) => Self::DpopTried,
            (Dpop::Optional, Scheme::Bearer) if bound => Self::DpopInstead,
            (Dpop::Optional, Scheme::Bearer) => Self::Bearer,
        }
    }
}

/// The challenge. Without `error` it says only where to begin (PR-02); `scope` is what this request needs.
pub fn challenge(offer: Offer, error: Option<&oauth::Error>, metadata: &str, scope: &ScopeSet) -> HeaderValue {
    let said = |error| parameters(error, metadata, scope);
    let text = match offer {
        Offer::Bearer => format!("Bearer {}", said(error)),
        Offer::DpopInstead => format!("Bearer {}, {}", said(error), dpop_scheme()),
        Offer::DpopTried => format!("Bearer {}, {}, {}", said(None), dpop_scheme(), said(error)),
        Offer::Dpop => format!("{}, {}", dpop_scheme(), said(error)), // PR-05
    };
    // A URL may hold what a header may not; then a challenge without it is better than none.
    let bare = if offer == Offer::Dpop { "DPoP" } else { "Bearer" };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(bare))
}

fn parameters(error: Option<&oauth::Error>, metadata: &str, scope: &ScopeSet) -> String {
    let mut text = String::new();
    if let Some(error) = error {
        text += &format!("error=\"{}\", error_description=\"{}\", ", error.code(), error.description());
    }
    text += &format!("resource_metadata=\"{}\"", metadata.replace(['"', '\\'], "")); // PR-02
    if !scope.is_empty() {
        text += &format!(", scope=\"{scope}\"");
    }
    text
}

/// The scheme, and what proofs may be signed with.
fn dpop_scheme() -> String {
    format!("DPoP algs=\"{}\"", dpop::algorithm_names().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use chancery_core::oauth::{Code, Error};

    use super::*;

    const ALGS: &str = "DPoP algs=\"ES256 EdDSA RS256 PS256\"";
    const ALL: &str = "error=\"invalid_token\", error_description=\"no\", resource_metadata=\"https://gw.example/m\", scope=\"a\"";
    const BARE: &str = "resource_metadata=\"https://gw.example/m\", scope=\"a\"";

    fn said(resource: Dpop, tried: Scheme, bound: bool) -> String {
        let scope = "a".parse().expect("a scope");
        let error = Error::new(Code::InvalidToken, "no");
        let value = challenge(Offer::at(resource, tried, bound), Some(&error), "https://gw.example/m", &scope);
        value.to_str().expect("plain ASCII").to_owned()
    }

    #[test]
    fn pr_05_where_a_bearer_token_is_of_no_use_no_challenge_speaks_of_one() {
        for (tried, bound) in [(Scheme::Bearer, false), (Scheme::Bearer, true), (Scheme::Dpop, false)] {
            assert_eq!(said(Dpop::Required, tried, bound), format!("{ALGS}, {ALL}"));
        }
    }

    #[test]
    fn mcp_3_10_where_bearer_tokens_are_taken_the_line_begins_with_them() {
        assert_eq!(said(Dpop::Optional, Scheme::Bearer, false), format!("Bearer {ALL}"));
        assert_eq!(said(Dpop::Optional, Scheme::Bearer, true), format!("Bearer {ALL}, {ALGS}"));
        assert_eq!(said(Dpop::Optional, Scheme::Dpop, false), format!("Bearer {BARE}, {ALGS}, {ALL}"));
    }
}
