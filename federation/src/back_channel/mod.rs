//! `POST /t/{tenant}/backchannel-logout/{provider}`: the provider says that it ended a session of its own, or all of a person's
//! (OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8).
//!
//! 1. The form: one logout token, and nothing that two readers would read as two.
//! 2. What the token says of itself, before anything is fetched for it: whose it is, and that it is no other artefact.
//! 3. Its signature by the provider's keys, and its claims ([`logout_token`]).
//! 4. What it ends ([`ending`]), in one Unit with the token's own id, so that each ends something once. What is about to begin does not
//!    ([`crate::under_way`]).
//! 5. 200. It says nothing of whether anybody was signed in.
//!
//! Whoever holds a good token may post it, again and again: a refusal is of nobody in particular, and counted.

mod ending;
mod logout_token;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_audit::{CommitError, Counter, Receipt};
use chancery_core::{Entropy, Pages, Slug, TenantId, Timestamp};
use chancery_crypto::jose;
use chancery_registry::{IdentityProvider, Tenant};
use serde_json::json;

use self::ending::{CONSUMED, Facts, Told, decide};
use self::logout_token::Logout;
use crate::provider::{self, ProviderTrouble};
use crate::{Federation, Parts};

/// No logout token is near as long.
pub(crate) const LONGEST: usize = 32 * 1024;
/// How often a decision is made anew because its facts changed meanwhile.
const ATTEMPTS: usize = 3;

/// Why nothing was ended.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no such tenant or identity provider here")]
    NotHere,
    #[error("{0}")]
    Form(&'static str),
    #[error("the logout token is not good: {0}")]
    Token(#[from] logout_token::Trouble),
    #[error("this logout token was used before")]
    Used,
    #[error("the identity provider's own metadata or keys cannot be used now: {0}")]
    Provider(#[from] ProviderTrouble),
    #[error("what must be written cannot be written now")]
    Ours(String),
}

pub(crate) async fn endpoint<P: Pages>(
    State(federation): State<Federation<P>>,
    Path((tenant, provider)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let parts = &*federation.parts;
    let Some(tenant) = parts.registry.tenant(&tenant) else { return refused(parts, None, &Trouble::NotHere) };
    let Some(provider) = provider.parse::<Slug>().ok().and_then(|name| tenant.provider(&name)) else {
        return refused(parts, Some(tenant.id), &Trouble::NotHere);
    };
    let telling = Telling { parts, tenant: &tenant, provider, now: parts.clock.now() };
    match telling.told(&headers, body).await {
        Ok(receipt) => done(&receipt),
        Err(trouble) => {
            tracing::info!(tenant = %tenant.name, provider = %provider.name, detail = ?trouble, "a logout token was refused");
            refused(parts, Some(tenant.id), &trouble)
        }
    }
}

/// One request to an address that exists.
struct Telling<'a, P> {
    parts: &'a Parts<P>,
    tenant: &'a Tenant,
    provider: &'a IdentityProvider,
    now: Timestamp,
}

impl<P> Telling<'_, P> {
    async fn told(&self, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Receipt, Trouble> {
        let token = posted(headers, body)?; // BL-01
        let unverified = jose::peek(&token).map_err(logout_token::Trouble::from)?;
        logout_token::may_be(self.provider, &unverified)?; // BL-01, JW-02
        let metadata = provider::metadata(&self.parts.documents, self.provider, self.now).await?;
        let keys = provider::keys(&self.parts.documents, &metadata.jwks_uri, unverified.kid.as_deref(), self.now).await?;
        let logout = logout_token::read(&token, &keys, (self.provider, &metadata.algorithms), self.now)?; // BL-01
        self.end(&logout).await // BL-02
    }

    /// Somebody may allow something, or sign out, between the reading and the writing: then it is read again. What ends, ends now: tokens may
    /// have been minted while the provider's keys were fetched.
    async fn end(&self, logout: &Logout) -> Result<Receipt, Trouble> {
        let Self { parts, tenant, provider, .. } = *self;
        let told = Told { tenant, provider: &provider.name, logout };
        for _ in 0..ATTEMPTS {
            let facts =
                Facts::load(&parts.store, tenant, provider, &logout.whose).await.map_err(|error| Trouble::Ours(error.to_string()))?;
            let draft = decide(&told, &facts, parts.clock.now(), &mut Entropy::draw(&*parts.rng));
            match parts.journal.commit(&tenant.id, draft).await {
                Ok(receipt) => return Ok(receipt),
                Err(CommitError::GuardFailed(CONSUMED)) => return Err(Trouble::Used),
                Err(CommitError::GuardFailed(_)) => {}
                Err(CommitError::Unavailable(error)) => return Err(Trouble::Ours(error.to_string())),
            }
        }
        Err(Trouble::Ours("the rows of this session changed at every attempt to end it".to_owned()))
    }
}

fn posted(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<String, Trouble> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(|value| value.split(';').next());
    if !media_type.is_some_and(|is| is.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(Trouble::Form("send the logout token as application/x-www-form-urlencoded in the body of a POST"));
    }
    let body = body.map_err(|_| Trouble::Form("the body did not come whole, or is longer than 32 KB"))?;
    let mut tokens = form_urlencoded::parse(&body).filter(|(name, _)| name == "logout_token").map(|(_, value)| value.into_owned());
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => Ok(token),
        (None, _) => Err(Trouble::Form("the parameter logout_token is missing")),
        (Some(_), Some(_)) => Err(Trouble::Form("the parameter logout_token came twice")),
    }
}

impl Trouble {
    /// What the provider can do nothing about is no fault of its request, and worth another try.
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotHere => StatusCode::NOT_FOUND,
            Self::Form(_) | Self::Token(_) | Self::Used => StatusCode::BAD_REQUEST, // BL-01
            Self::Provider(_) | Self::Ours(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn reason(&self) -> &'static str {
        match self {
            Self::NotHere => "unknown provider",
            Self::Form(_) => "no logout token",
            Self::Token(_) => "logout token refused",
            Self::Used => "logout token used before",
            Self::Provider(_) => "provider unusable",
            Self::Ours(_) => "unavailable",
        }
    }

    const fn row(&self) -> &'static str {
        match self {
            Self::Form(_) | Self::Used => "BL-01",
            Self::Token(trouble) => trouble.row(),
            _ => "",
        }
    }
}

fn done(_committed: &Receipt) -> Response {
    (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response() // BL-01
}

/// §2.8. What went wrong here, or at the provider, is for the log.
fn refused<P>(parts: &Parts<P>, tenant: Option<TenantId>, trouble: &Trouble) -> Response {
    let _counted = parts.counters.count(tenant, Counter { endpoint: "backchannel-logout", reason: trouble.reason(), row: trouble.row() });
    let status = trouble.status();
    let (error, description) = match trouble {
        Trouble::Provider(_) => ("temporarily_unavailable", "the keys to check this token by cannot be had now; try again".to_owned()),
        Trouble::Ours(_) => ("temporarily_unavailable", "nothing could be ended now; try again".to_owned()),
        _ => ("invalid_request", trouble.to_string()),
    };
    let answer = Json(json!({ "error": error, "error_description": description }));
    let mut response = (status, [(CACHE_CONTROL, "no-store")], answer).into_response(); // BL-01
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
    }
    response
}
