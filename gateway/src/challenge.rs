//! The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9728 §5.1): ours to clients, and what an upstream's asks of us.
//!
//! Some clients read it with a first-match pattern and no unescaping, so it is one header line that starts with `Bearer `, where bearer tokens are taken,
//! and no value in it holds a quote or a backslash.

use chancery_core::ScopeSet;
use chancery_registry::SignInDemand;
use http::{HeaderMap, HeaderValue, header};

pub use chancery_tokens::challenge::{Offer, challenge};

/// The same, saying how the person must sign in (RFC 9470 §3; SU-01).
pub fn demanding(challenge: &HeaderValue, demand: &SignInDemand) -> HeaderValue {
    let acr = (!demand.acr.is_empty()).then(|| format!(", acr_values=\"{}\"", demand.acr.join(" ")));
    let age = demand.max_age.map(|age| format!(", max_age=\"{age}\""));
    let more = [acr, age].into_iter().flatten().collect::<String>();
    let whole = challenge.to_str().ok().and_then(|challenge| HeaderValue::from_str(&(challenge.to_owned() + &more)).ok());
    whole.unwrap_or_else(|| challenge.clone())
}

/// The scopes an upstream says its call lacks (`error="insufficient_scope"`), where it says so.
pub fn scope_wanted(headers: &HeaderMap) -> Option<ScopeSet> {
    headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).find_map(|challenge| {
        let parameters = parameters(challenge);
        let named = |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        (named("error")? == "insufficient_scope").then(|| named("scope")?.parse().ok())?
    })
}

/// What a challenge says under this name, where one does.
pub fn parameter<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    challenges.flat_map(parameters).find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

/// The `name="value"` pairs of a challenge. Values with escapes are cut at the escape: scopes and codes have none.
fn parameters(challenge: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = challenge;
    while let Some((before, after)) = rest.split_once("=\"") {
        let name = before.rsplit([' ', ',', '\t']).next().unwrap_or_default();
        let end = after.find(['"', '\\']).unwrap_or(after.len());
        found.push((name, &after[..end]));
        rest = after[end..].split_once('"').map_or("", |(_, rest)| rest);
    }
    found
}

#[cfg(test)]
mod tests {
    use chancery_core::oauth;

    use super::*;

    fn bearer(error: Option<&oauth::Error>, metadata: &str, scope: &ScopeSet) -> HeaderValue {
        challenge(Offer::Bearer, error, metadata, scope)
    }

    const METADATA: &str = "https://gw.example/.well-known/oauth-protected-resource/mcp/bank";

    fn scopes(text: &str) -> ScopeSet {
        text.parse().expect("scopes")
    }

    #[test]
    fn pr_02_the_first_challenge_says_where_to_begin_and_no_error() {
        let challenge = bearer(None, METADATA, &scopes("bank:read"));
        assert_eq!(challenge, format!("Bearer resource_metadata=\"{METADATA}\", scope=\"bank:read\"").as_str());
        assert_eq!(bearer(None, METADATA, &ScopeSet::default()), format!("Bearer resource_metadata=\"{METADATA}\"").as_str());
    }

    #[test]
    fn su_01_a_challenge_says_how_to_sign_in() {
        let demand = SignInDemand { acr: vec!["phr".to_owned(), "mfa".to_owned()], max_age: Some(300) };
        let said = demanding(&bearer(None, METADATA, &scopes("a")), &demand);
        assert_eq!(said, format!("Bearer resource_metadata=\"{METADATA}\", scope=\"a\", acr_values=\"phr mfa\", max_age=\"300\"").as_str());
    }

    #[test]
    fn mcp_3_10_no_value_holds_a_quote_or_an_escape() {
        let error = oauth::Error::new(oauth::Code::InvalidToken, "the \"token\" \\ has\nexpired");
        let challenge = bearer(Some(&error), METADATA, &scopes("a b"));
        let text = challenge.to_str().expect("plain ASCII");
        assert!(text.starts_with("Bearer error=\"invalid_token\", error_description=\""), "{text}");
        assert_eq!(text.matches('"').count(), 8, "{text}");
        assert!(!text.contains('\\'), "{text}");
    }

    #[test]
    fn an_upstreams_wish_for_scope_is_read_and_nothing_else_is() {
        let asks = |challenge: &'static str| {
            scope_wanted(&[(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))].into_iter().collect())
        };
        assert_eq!(asks(r#"Bearer error="insufficient_scope", scope="a b""#), Some(scopes("a b")));
        assert_eq!(asks(r#"Bearer scope="a", error="insufficient_scope""#), Some(scopes("a")));
        assert_eq!(asks(r#"Bearer error="invalid_token", scope="a""#), None);
        assert_eq!(asks(r#"Bearer error_description="error=insufficient_scope scope=x""#), None);
        assert_eq!(asks(r#"Bearer error_description="say \"error=\" now", error="insufficient_scope", scope="a""#), Some(scopes("a")));
        assert_eq!(asks("Bearer"), None);
    }
}
