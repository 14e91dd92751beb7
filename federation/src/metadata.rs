//! The provider's own description of itself (OpenID Connect Discovery §3 and §4), read for what we use and believed as far as it goes.

use chancery_core::Issuer;
use chancery_crypto::jose::Algorithm;
use chancery_registry::IdentityProvider;
use serde::Deserialize;
use url::Url;

use crate::profiles::{self, IssuerForm};
use crate::provider::ProviderTrouble;

/// A provider's metadata, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Metadata {
    /// What it calls itself: its name, or the form of the names of many.
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    /// Where people are sent to sign out, if it says.
    pub end_session_endpoint: Option<String>,
    /// Where clients are registered, if it says.
    pub registration_endpoint: Option<String>,
    pub client_authentication: ClientAuthentication,
    /// It says that it names itself in every answer (RFC 9207 §3).
    pub names_itself: bool,
    /// It lists the scope `offline_access`.
    pub offers_offline: bool,
    /// What its ID tokens may be signed with, of what we verify.
    pub algorithms: Vec<Algorithm>,
}

/// How we prove who we are at the token endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientAuthentication {
    Basic,
    Post,
}

/// Where a provider's metadata is: a slash at the issuer's end is left out (Discovery §4.1).
pub(crate) fn address(issuer: &Issuer) -> String {
    format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'))
}

impl Metadata {
    /// Reads the document of the provider that an operator wrote as `issuer`.
    pub fn parse(provider: &IdentityProvider, document: &[u8]) -> Result<Self, ProviderTrouble> {
        let issuer = &provider.issuer;
        let unverified: Unverified =
            serde_json::from_slice(document).map_err(|error| wrong(issuer, format!("it cannot be read: {error}")))?; // MD-07
        names_the_issuer_asked(provider, &unverified)?; // MD-07
        for endpoint in [&unverified.authorization_endpoint, &unverified.token_endpoint, &unverified.jwks_uri] {
            as_secure_as_its_issuer(issuer, endpoint)?;
        }
        Ok(Self {
            client_authentication: client_authentication(issuer, unverified.token_endpoint_auth_methods_supported)?,
            algorithms: algorithms(issuer, unverified.id_token_signing_alg_values_supported)?, // JW-01
            names_itself: unverified.authorization_response_iss_parameter_supported,
            offers_offline: unverified.scopes_supported.iter().flatten().any(|scope| scope == "offline_access"),
            issuer: unverified.issuer,
            authorization_endpoint: unverified.authorization_endpoint,
            token_endpoint: unverified.token_endpoint,
            jwks_uri: unverified.jwks_uri,
            end_session_endpoint: unverified.end_session_endpoint.filter(|at| as_secure_as_its_issuer(issuer, at).is_ok()),
            registration_endpoint: unverified.registration_endpoint.filter(|at| as_secure_as_its_issuer(issuer, at).is_ok()),
        })
    }
}

#[derive(Deserialize)]
struct Unverified {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    end_session_endpoint: Option<String>,
    registration_endpoint: Option<String>,
    scopes_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Byte for byte: a provider that calls itself otherwise is another one (Discovery §4.3). One that speaks for many gives the form of their
/// names; then the operator says which of them may.
fn names_the_issuer_asked(provider: &IdentityProvider, unverified: &Unverified) -> Result<(), ProviderTrouble> {
    let issuer = &provider.issuer;
    if unverified.issuer == issuer.as_str() && provider.issuers.is_empty() {
        return Ok(());
    }
    if let IssuerForm::Template { template, .. } = &profiles::of(provider).issuer
        && let Some((head, tail)) = unverified.issuer.split_once(template.as_str())
    {
        if provider.issuers.is_empty() {
            let says = format!("it stands for every {:?}; write under `issuers` those whose people may sign in", unverified.issuer);
            return Err(wrong(issuer, says));
        }
        let stranger = provider.issuers.iter().find(|one| !one.as_str().starts_with(head) || !one.as_str().ends_with(tail));
        return stranger.map_or(Ok(()), |one| {
            let says = format!("`issuers` lists {one}, which is none of its {:?}", unverified.issuer);
            Err(wrong(issuer, says))
        });
    }
    let says = format!("it is that of the issuer {:?}; if that is the one you mean, write it so in the configuration", unverified.issuer);
    Err(wrong(issuer, says))
}

/// Endpoints may lie on other hosts, but what is reached by https does not send anybody on by http.
fn as_secure_as_its_issuer(issuer: &Issuer, endpoint: &str) -> Result<(), ProviderTrouble> {
    let scheme = Url::parse(endpoint).ok().filter(Url::has_host).map(|url| url.scheme().to_owned());
    match scheme.as_deref() {
        Some("https") => Ok(()),
        Some("http") if issuer.as_str().starts_with("http://") => Ok(()),
        _ => Err(wrong(issuer, format!("its endpoint {endpoint:?} is not an https address"))),
    }
}

/// Basic is what every provider must take unless it says otherwise (OpenID Connect Core §9).
fn client_authentication(issuer: &Issuer, methods: Option<Vec<String>>) -> Result<ClientAuthentication, ProviderTrouble> {
    let Some(methods) = methods else { return Ok(ClientAuthentication::Basic) };
    let takes = |method: &str| methods.iter().any(|known| known == method);
    if takes("client_secret_basic") {
        Ok(ClientAuthentication::Basic)
    } else if takes("client_secret_post") {
        Ok(ClientAuthentication::Post)
    } else {
        Err(wrong(issuer, format!("it takes a client secret neither by Basic nor by post, only {methods:?}")))
    }
}

/// RS256 is what every provider must have; it stands for a list that is missing.
fn algorithms(issuer: &Issuer, named: Option<Vec<String>>) -> Result<Vec<Algorithm>, ProviderTrouble> {
    let Some(named) = named else { return Ok(vec![Algorithm::Rs256]) };
    let ours: Vec<Algorithm> = named.iter().filter_map(|name| Algorithm::from_name(name)).collect();
    if ours.is_empty() {
        return Err(wrong(issuer, format!("it signs ID tokens only with {named:?}; ES256, EdDSA, RS256 and PS256 are verified here")));
    }
    Ok(ours)
}

fn wrong(issuer: &Issuer, why: String) -> ProviderTrouble {
    ProviderTrouble::Wrong(format!("the metadata at {} is not usable: {why}", address(issuer)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn issuer() -> Issuer {
        Issuer::foreign("https://idp.example/realms/corp")
    }

    fn provider() -> IdentityProvider {
        IdentityProvider { issuer: issuer(), ..crate::fixtures::provider("corp") }
    }

    fn document(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut document = json!({
            "issuer": "https://idp.example/realms/corp",
            "authorization_endpoint": "https://idp.example/authorize",
            "token_endpoint": "https://tokens.example/token",
            "jwks_uri": "https://idp.example/keys",
            "unknown": null,
        });
        change(&mut document);
        document.to_string().into_bytes()
    }

    fn parse(change: impl FnOnce(&mut Value)) -> Result<Metadata, ProviderTrouble> {
        Metadata::parse(&provider(), &document(change))
    }

    #[test]
    fn md_07_a_sparse_document_means_the_defaults_of_the_specification() {
        let metadata = parse(|_| ()).expect("usable");
        assert_eq!(metadata.client_authentication, ClientAuthentication::Basic);
        assert_eq!(metadata.algorithms, [Algorithm::Rs256]);
        assert!(!metadata.names_itself);
    }

    #[test]
    fn md_07_the_metadata_of_another_issuer_is_refused() {
        for other in ["https://idp.example/realms/corp/", "https://IDP.example/realms/corp", "https://idp.example/realms/other", ""] {
            assert!(parse(|document| document["issuer"] = json!(other)).is_err(), "{other}");
        }
    }

    #[test]
    fn md_07_what_is_not_the_document_is_refused() {
        for body in ["", "<html>", "[]", "{}", "{\"issuer\":\"https://idp.example/realms/corp\""] {
            assert!(Metadata::parse(&provider(), body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn md_07_an_https_issuer_has_no_endpoint_without_tls() {
        for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for bad in ["http://idp.example/x", "/x", "javascript:alert(1)", "https://"] {
                assert!(parse(|document| document[endpoint] = json!(bad)).is_err(), "{endpoint} {bad}");
            }
        }
    }

    #[test]
    fn a_secret_goes_by_basic_unless_only_post_is_taken() {
        let chosen = |methods: Value| parse(|document| document["token_endpoint_auth_methods_supported"] = methods);
        let both = chosen(json!(["client_secret_post", "private_key_jwt", "client_secret_basic"])).expect("usable");
        assert_eq!(both.client_authentication, ClientAuthentication::Basic);
        let post = chosen(json!(["client_secret_post"])).expect("usable");
        assert_eq!(post.client_authentication, ClientAuthentication::Post);
        assert!(chosen(json!(["private_key_jwt"])).is_err());
    }

    #[test]
    fn jw_01_only_named_asymmetric_algorithms_are_taken() {
        let named = |names: Value| parse(|document| document["id_token_signing_alg_values_supported"] = names);
        assert_eq!(named(json!(["none", "HS256", "ES256"])).expect("usable").algorithms, [Algorithm::Es256]);
        assert!(named(json!(["none", "HS256"])).is_err());
    }

    #[test]
    fn a_slash_at_the_issuers_end_is_kept_in_its_name_and_left_out_of_its_address() {
        assert_eq!(address(&Issuer::foreign("https://a.example/")), "https://a.example/.well-known/openid-configuration");
        assert_eq!(address(&issuer()), "https://idp.example/realms/corp/.well-known/openid-configuration");
    }
}
