//! The first steps of whoever sets a server up: which identity provider it is, what to register there, the file, and whether somebody can
//! sign in.

pub mod answers;
pub mod file;
pub mod sign_in;

mod check;

use chancery_federation::profiles::{IssuerForm, Offline, Profile};
use serde_json::Value;

use crate::doctor::Visitor;
use crate::exit::{Exit, Failure};

/// An identity provider's metadata, at the issuer that was named.
///
/// # Errors
/// [`Exit::Provider`]: it does not answer, or answers for another.
pub async fn metadata(visitor: &Visitor, issuer: &str) -> Result<(String, Value), Failure> {
    let issuer = issuer.trim_end_matches("/.well-known/openid-configuration");
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let document = visitor.get(&address).await.and_then(|seen| seen.document()).map_err(|why| {
        Failure::new(Exit::Provider, "the identity provider's metadata cannot be read").because(format!("{address}: {why}")).remedy(
            "give the provider's issuer: its address without /.well-known/openid-configuration, such as https://idp.example/realms/corp",
        )
    })?;
    let named = document["issuer"].as_str().unwrap_or_default().to_owned();
    // A slash at the end is all that people get wrong without meaning somebody else.
    if named.trim_end_matches('/') == issuer.trim_end_matches('/') {
        return Ok((named, document));
    }
    if is_form(Profile::recognise(issuer, Some(&document)), &named) {
        return Ok((issuer.to_owned(), document));
    }
    Err(Failure::new(Exit::Provider, "this is another identity provider's metadata")
        .because(format!("{address} calls itself {named:?}"))
        .remedy("if that is the one you mean, give that address"))
}

/// Whether a provider of this kind names no issuer there but a form of issuers.
pub(crate) fn is_form(profile: &Profile, named: &str) -> bool {
    matches!(&profile.issuer, IssuerForm::Template { template, .. } if named.contains(template.as_str()))
}

/// The scopes of a kind of provider that this one has, where it says which. Where it lacks one the file must name the rest, and with them what
/// brings a refresh token.
pub fn scopes(profile: &Profile, metadata: &Value) -> String {
    let known = metadata["scopes_supported"].as_array();
    let has = |scope: &str| scope == "openid" || known.is_none_or(|known| known.iter().any(|known| known == scope));
    let mut scopes: Vec<_> = profile.scopes.iter().map(|scope| scope.as_str()).filter(|scope| has(scope)).collect();
    let offline = match profile.offline {
        Offline::Scope => true,
        Offline::ScopeIfListed => known.is_some() && has("offline_access"),
        Offline::OfItself | Offline::Parameters(_) => false,
    };
    if offline && scopes.len() < profile.scopes.iter().count() {
        scopes.push("offline_access");
    }
    scopes.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_scopes_that_are_known_there_are_asked_for() {
        let profile = Profile::recognise("https://idp.example", None);
        assert_eq!(scopes(profile, &json!({ "scopes_supported": ["openid", "email"] })).split(' ').count(), 2);
        assert_eq!(scopes(profile, &json!({})), profile.scopes.to_string());
        let listed = json!({ "scopes_supported": ["openid", "email", "offline_access"] });
        assert_eq!(scopes(profile, &listed), "email openid offline_access");
    }

    #[test]
    fn a_form_of_issuers_is_told_from_another_issuer() {
        let entra = Profile::recognise("https://login.microsoftonline.com/common/v2.0", None);
        assert!(is_form(entra, "https://login.microsoftonline.com/{tenantid}/v2.0"));
        assert!(!is_form(entra, "https://login.microsoftonline.com/other/v2.0"));
        assert!(!is_form(Profile::recognise("https://idp.example", None), "https://{tenantid}"));
    }
}
