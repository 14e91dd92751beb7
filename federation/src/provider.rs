//! The provider, spoken to: its metadata and keys by way of the document cache, and its token endpoint (OpenID Connect Core §3.1.3).

use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_core::{Secret, Timestamp};
use chancery_crypto::jose::{JoseError, KeySet};
use chancery_outbound::{Documents, FetchError, FetchTrouble, Fetched, Fetcher, Purpose};
use chancery_registry::IdentityProvider;
use form_urlencoded::Serializer;
use serde::Deserialize;

use crate::metadata::{ClientAuthentication, Metadata, address};

/// Why a provider could not be used; the texts are for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProviderTrouble {
    /// It does not answer: try again later.
    #[error("{0}")]
    Unreachable(String),
    /// It answers, but not as its specification or our configuration says: somebody must act.
    #[error("{0}")]
    Wrong(String),
    /// Its token endpoint refuses this code.
    #[error("the token endpoint answered {0}")]
    Refused(String),
}

impl From<FetchError> for ProviderTrouble {
    fn from(error: FetchError) -> Self {
        match &error.trouble {
            FetchTrouble::TooLarge(_) | FetchTrouble::Redirected(_) => Self::Wrong(error.to_string()), // MD-07
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

pub(crate) async fn metadata(documents: &Documents, provider: &IdentityProvider, now: Timestamp) -> Result<Metadata, ProviderTrouble> {
    let fetched = documents.get(Purpose::ProviderMetadata, &address(&provider.issuer), now).await?;
    Metadata::parse(provider, &fetched.body)
}

/// The provider's keys. A key we have not seen is looked for once more: providers rotate without a word.
pub(crate) async fn keys(documents: &Documents, at: &str, kid: Option<&str>, now: Timestamp) -> Result<KeySet, ProviderTrouble> {
    let keys = key_set(at, &documents.get(Purpose::ProviderJwks, at, now).await?.body)?;
    match kid {
        Some(kid) if !keys.contains(kid) => key_set(at, &documents.get_fresh(Purpose::ProviderJwks, at, now).await?.body),
        _ => Ok(keys),
    }
}

fn key_set(at: &str, document: &[u8]) -> Result<KeySet, ProviderTrouble> {
    KeySet::from_jwks(document).map_err(|error: JoseError| ProviderTrouble::Wrong(format!("the keys at {at} cannot be used: {error}")))
}

/// A code to be redeemed.
pub(crate) struct Redemption<'a> {
    pub code: &'a str,
    pub verifier: &'a str,
    pub redirect_uri: &'a str,
}

/// What the provider gave, as far as it is of use. Its access token opens nothing of ours and is not kept.
pub(crate) struct Tokens {
    pub id_token: Secret<String>,
    pub refresh_token: Option<Secret<String>>,
}

/// Redeems the code for an ID token.
pub(crate) async fn redeem(
    fetcher: &Fetcher,
    provider: &IdentityProvider,
    metadata: &Metadata,
    redemption: &Redemption<'_>,
) -> Result<Tokens, ProviderTrouble> {
    let (headers, form) = code_request(provider, metadata.client_authentication, redemption);
    let answer = fetcher.post_form(Purpose::ProviderToken, &metadata.token_endpoint, &headers, form).await?;
    tokens_of(&metadata.token_endpoint, &answer)
}

/// Never a `resource`: some providers refuse what they do not know, and what the client asked of us is not the provider's matter.
fn code_request(
    provider: &IdentityProvider,
    by: ClientAuthentication,
    redemption: &Redemption<'_>,
) -> (Vec<(HeaderName, HeaderValue)>, String) {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", redemption.code)
        .append_pair("redirect_uri", redemption.redirect_uri)
        .append_pair("code_verifier", redemption.verifier);
    authenticated(provider, by, form)
}

/// A token request with our client authentication.
pub(crate) fn authenticated(
    provider: &IdentityProvider,
    by: ClientAuthentication,
    mut form: Serializer<'static, String>,
) -> (Vec<(HeaderName, HeaderValue)>, String) {
    let headers = match by {
        ClientAuthentication::Basic => vec![(AUTHORIZATION, basic(&provider.client_id, &provider.client_secret))],
        ClientAuthentication::Post => {
            form.append_pair("client_id", &provider.client_id).append_pair("client_secret", provider.client_secret.expose());
            Vec::new()
        }
    };
    (headers, form.finish())
}

/// Id and secret are form-encoded before they are joined (RFC 6749 §2.3.1): generated secrets hold `+` and `%`.
fn basic(client_id: &str, secret: &Secret<String>) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encoded(client_id), encoded(secret.expose())));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair.expose()))).expect("base64 is fit for a header");
    value.set_sensitive(true);
    value
}

#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    refresh_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Some providers answer an error with status 200, some with HTML.
fn tokens_of(endpoint: &str, answer: &Fetched) -> Result<Tokens, ProviderTrouble> {
    let status = answer.status.as_u16();
    if answer.status.is_server_error() {
        return Err(ProviderTrouble::Unreachable(format!("{endpoint} answered with status {status}")));
    }
    let Ok(parsed) = serde_json::from_slice::<Answer>(&answer.body) else {
        return Err(ProviderTrouble::Wrong(format!("{endpoint} answered with status {status} and no JSON object")));
    };
    match parsed {
        Answer { error: Some(error), error_description, .. } => Err(refused(endpoint, &error, error_description.unwrap_or_default())),
        Answer { id_token: Some(token), refresh_token, .. } if answer.status.is_success() => {
            Ok(Tokens { id_token: Secret::new(token), refresh_token: refresh_token.filter(|token| !token.is_empty()).map(Secret::new) })
        }
        _ => {
            Err(ProviderTrouble::Wrong(format!("{endpoint} answered with status {status} and no id_token; is `openid` among the scopes?")))
        }
    }
}

/// Of the errors only this one is nobody's fault who signs in.
fn refused(endpoint: &str, error: &str, description: String) -> ProviderTrouble {
    if error == "invalid_client" {
        let remedy = "correct client_id and client_secret of this identity provider, or renew the secret there";
        return ProviderTrouble::Wrong(format!("{endpoint} does not accept our client_id and secret ({description:?}): {remedy}"));
    }
    ProviderTrouble::Refused(format!("{error:?} ({description:?})"))
}

#[cfg(test)]
mod tests;
