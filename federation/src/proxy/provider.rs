//! The provider's registration endpoint (RFC 7591), and its management (RFC 7592, or the same API by the same credential, as Okta has it).

use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use chancery_core::{ClientId, EnrolTrouble, Secret, Timestamp};
use chancery_outbound::{FetchError, Fetched, Purpose};
use chancery_registry::{IdentityProvider, Proxy, Tenant};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::begin::redirect_uri;
use crate::metadata::{ClientAuthentication, Metadata};
use crate::{Parts, provider as relying};

/// As much of a client's name as every provider takes.
const NAME: usize = 50;

/// Who registers clients at a provider.
pub(super) struct Registrar<'a> {
    pub provider: &'a IdentityProvider,
    tenant: &'a Tenant,
    /// What the file says now; nothing, if it says so no longer.
    by: Option<(&'a Proxy, &'a Secret<String>)>,
}

/// What the provider made of our client.
pub(super) struct Registered {
    pub client_id: String,
    pub client_secret: String,
    pub managed_by: Option<(String, String)>,
}

/// Whether the provider has forgotten a client.
#[derive(Debug)]
pub(super) enum Deregistered {
    Done,
    NotNow(String),
}

#[derive(Deserialize)]
struct Answer {
    client_id: String,
    client_secret: Option<String>,
    registration_access_token: Option<String>,
    registration_client_uri: Option<String>,
}

impl<'a> Registrar<'a> {
    /// None where no provider must know our clients.
    pub fn of(tenant: &'a Tenant) -> Option<Self> {
        let proxy = tenant.registration.proxy.as_ref()?;
        Some(Self::at(tenant, tenant.provider(&proxy.provider)?))
    }

    pub fn at(tenant: &'a Tenant, provider: &'a IdentityProvider) -> Self {
        let proxy = tenant.registration.proxy.as_ref().filter(|proxy| proxy.provider == provider.name);
        Self { provider, tenant, by: proxy.zip(tenant.registrar.as_ref()) }
    }

    pub async fn register<P>(&self, parts: &Parts<P>, client: &ClientId, name: &str, now: Timestamp) -> Result<Registered, EnrolTrouble> {
        let Some((proxy, credential)) = self.by else { return Err(EnrolTrouble::Refused("no credential for it".to_owned())) };
        let metadata = relying::metadata(&parts.documents, self.provider, now).await;
        let metadata = metadata.map_err(|trouble| EnrolTrouble::Unreachable(trouble.to_string()))?;
        let Some(endpoint) = self.endpoint(&metadata) else {
            return Err(EnrolTrouble::Refused("its metadata names no registration_endpoint; write `endpoint` under `proxy`".to_owned()));
        };
        let headers = [authorization(&proxy.scheme, credential.expose()).ok_or_else(|| unfit("the credential"))?, JSON];
        let body = self.asked(client, name, &metadata).to_string();
        let answer = parts.fetcher.send(Purpose::ProviderRegistration, (Method::POST, endpoint), &headers, body).await;
        let made = made(endpoint, answer)?;
        let Some(client_secret) = made.client_secret else {
            // It made something else than was asked for, and nobody else would ever remove it.
            let undone = self.deregister(parts, &made.client_id, made.managed_by.as_ref(), now).await;
            return Err(EnrolTrouble::Refused(format!("{endpoint} made a client without a secret, which was removed again: {undone:?}")));
        };
        Ok(Registered { client_id: made.client_id, client_secret, managed_by: made.managed_by })
    }

    /// As a confidential web client that comes back to where all our people do. Its name says whose other half it is.
    fn asked(&self, client: &ClientId, name: &str, metadata: &Metadata) -> serde_json::Value {
        let name: String = name.chars().take(NAME).collect();
        let method = match metadata.client_authentication {
            ClientAuthentication::Basic => "client_secret_basic",
            ClientAuthentication::Post => "client_secret_post",
        };
        json!({
            "client_name": format!("{name} ({client})"),
            "application_type": "web",
            "redirect_uris": [redirect_uri(&self.tenant.issuer, &self.provider.name)],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": method,
        })
    }

    fn endpoint<'m>(&'m self, metadata: &'m Metadata) -> Option<&'m str> {
        self.by.and_then(|(proxy, _)| proxy.endpoint.as_deref()).or(metadata.registration_endpoint.as_deref())
    }

    /// By the client's own token where it has one (RFC 7592 §2.3), else by ours.
    pub async fn deregister<P>(&self, parts: &Parts<P>, id: &str, managed_by: Option<&(String, String)>, now: Timestamp) -> Deregistered {
        let (at, header) = match (managed_by, self.by) {
            (Some((token, at)), _) => (at.clone(), authorization("Bearer", token)),
            (None, Some((proxy, credential))) => {
                let metadata = match relying::metadata(&parts.documents, self.provider, now).await {
                    Ok(metadata) => metadata,
                    Err(trouble) => return Deregistered::NotNow(trouble.to_string()),
                };
                let Some(endpoint) = self.endpoint(&metadata) else {
                    return Deregistered::NotNow("it has no registration endpoint".to_owned());
                };
                let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
                (format!("{endpoint}/{id}"), authorization(&proxy.scheme, credential.expose()))
            }
            (None, None) => return Deregistered::NotNow("the file has no credential for it any more".to_owned()),
        };
        let Some(header) = header else { return Deregistered::NotNow("its token fits no header".to_owned()) };
        let answer = parts.fetcher.send(Purpose::ProviderRegistration, (Method::DELETE, &at), &[header], String::new()).await;
        match answer {
            Ok(answer) if answer.status.is_success() => Deregistered::Done,
            Ok(Fetched { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. }) => Deregistered::Done,
            // Of a client that is gone, its own token is refused (RFC 7592 §2.3).
            Ok(Fetched { status: StatusCode::UNAUTHORIZED, .. }) if managed_by.is_some() => Deregistered::Done,
            Ok(answer) => Deregistered::NotNow(format!("{at} answered with status {}", answer.status.as_u16())),
            Err(error) => Deregistered::NotNow(error.to_string()),
        }
    }
}

const JSON: (HeaderName, HeaderValue) = (axum::http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

fn authorization(scheme: &str, token: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::try_from(format!("{scheme} {token}")).ok()?;
    value.set_sensitive(true);
    Some((AUTHORIZATION, value))
}

fn unfit(what: &str) -> EnrolTrouble {
    EnrolTrouble::Refused(format!("{what} fits no header"))
}

/// What the provider made, whatever it is.
struct Made {
    client_id: String,
    client_secret: Option<String>,
    managed_by: Option<(String, String)>,
}

/// 201, or 200 as some have it.
fn made(endpoint: &str, answer: Result<Fetched, FetchError>) -> Result<Made, EnrolTrouble> {
    let answer = answer.map_err(|error| EnrolTrouble::Unreachable(error.to_string()))?;
    let status = answer.status.as_u16();
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(EnrolTrouble::Unreachable(format!("{endpoint} answered with status {status}")));
    }
    if !answer.status.is_success() {
        let words: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        return Err(EnrolTrouble::Refused(format!("{endpoint} answered with status {status}: {words:?}")));
    }
    let read = serde_json::from_slice::<Answer>(&answer.body);
    let read = read.map_err(|error| EnrolTrouble::Refused(format!("{endpoint} answered with status {status} and no client: {error}")))?;
    let managed_by = read.registration_access_token.zip(read.registration_client_uri.filter(|at| same_origin(at, endpoint)));
    Ok(Made { client_id: read.client_id, client_secret: read.client_secret, managed_by })
}

/// A token is sent to nobody but who gave it.
fn same_origin(one: &str, other: &str) -> bool {
    let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
    origin(one).is_some() && origin(one) == origin(other)
}
