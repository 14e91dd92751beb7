//! The token endpoint (OpenID Connect Core §3.1.3): 1. one client authentication, Basic or in the body; 2. the code, once; 3. its
//! redirect address and verifier; 4. an ID token, and a refresh token where `offline_access` was asked for. The access token opens nothing: there is nothing here to open.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_core::Secret;
use chancery_crypto::digest::{base64url, pkce_s256, same};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::Provider;
use super::form::Form;
use super::sessions::Session;

const LIFETIME: Duration = Duration::from_secs(300);
/// Honest: a name was chosen, nothing was proved.
pub const ACR: &str = "urn:chancery:demo:no-password";

pub async fn token(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Response {
    match provider.exchange(&headers, &body) {
        Ok(tokens) => ([(CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// An OAuth error code, and why.
pub(super) struct Refused(pub &'static str, pub &'static str);

impl Provider {
    fn exchange(&self, headers: &HeaderMap, body: &[u8]) -> Result<Tokens, Refused> {
        let is_form = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        if !is_form {
            return Err(Refused("invalid_request", "the body is a form"));
        }
        let form = Form::parse(body).map_err(|_| Refused("invalid_request", "a parameter stands there twice"))?;
        self.authenticate(headers, &form)?;
        match form.get("grant_type") {
            Some("authorization_code") => self.redeem(&form),
            Some("refresh_token") => self.refresh(&form),
            _ => Err(Refused("unsupported_grant_type", "authorization_code and refresh_token are served")),
        }
    }

    fn redeem(&self, form: &Form) -> Result<Tokens, Refused> {
        let code = form.get("code").ok_or(Refused("invalid_request", "code is missing"))?;
        let code = self.state().redeem(code, self.now()).ok_or(Refused("invalid_grant", "the code is unknown, used or too old"))?;
        if form.get("redirect_uri") != Some(&code.redirect_uri) {
            return Err(Refused("invalid_grant", "the redirect_uri is not the one of the request"));
        }
        let proved = form.get("code_verifier").is_some_and(|verifier| same(pkce_s256(verifier).as_bytes(), code.challenge.as_bytes()));
        if !proved {
            return Err(Refused("invalid_grant", "the code_verifier does not fit the code_challenge"));
        }
        let refresh_token =
            code.scopes.iter().any(|scope| scope == "offline_access").then(|| self.refresh_token(code.session, &code.scopes));
        self.tokens(&Answered { session: code.session, scopes: &code.scopes, nonce: code.nonce.as_deref(), refresh_token })
    }

    fn authenticate(&self, headers: &HeaderMap, form: &Form) -> Result<(), Refused> {
        let (id, secret) = match (headers.get(AUTHORIZATION), form.get("client_secret")) {
            (Some(_), Some(_)) => return Err(Refused("invalid_request", "one client authentication, not two")),
            (Some(header), None) => header.to_str().ok().and_then(basic).ok_or(NOT_THE_CLIENT)?,
            (None, Some(secret)) => (form.get("client_id").unwrap_or_default().to_owned(), secret.to_owned()),
            (None, None) => return Err(NOT_THE_CLIENT),
        };
        let client = &self.parts.client;
        let known = same(id.as_bytes(), client.id.as_bytes()) & same(secret.as_bytes(), client.secret.expose().as_bytes());
        if known { Ok(()) } else { Err(NOT_THE_CLIENT) }
    }

    pub(super) fn tokens(&self, answered: &Answered<'_>) -> Result<Tokens, Refused> {
        let Answered { session, scopes, nonce, refresh_token } = answered;
        let (now, person) = (self.now(), session.person);
        let asked = |scope: &str| scopes.iter().any(|found| found == scope);
        let claims = IdToken {
            iss: &self.parts.issuer,
            sub: person.id(),
            aud: &self.parts.client.id,
            iat: now.seconds(),
            exp: (now + LIFETIME).seconds(),
            auth_time: session.auth_time.seconds(),
            nonce: *nonce,
            sid: base64url(&session.id),
            acr: ACR,
            amr: &["user"],
            name: asked("profile").then(|| person.full_name()),
            preferred_username: asked("profile").then(|| person.id()),
            email: asked("email").then(|| person.email()),
            email_verified: asked("email").then_some(true),
            groups: self.standing().groups(person),
        };
        let id_token = self.key.sign("JWT", &claims).map_err(|_| Refused("server_error", "the ID token could not be signed"))?;
        let access_token = self.secret().expose().clone();
        let refresh_token = refresh_token.as_ref().map(|token| token.expose().clone());
        Ok(Tokens { access_token, token_type: "Bearer", expires_in: LIFETIME.as_secs(), id_token, refresh_token })
    }
}

const NOT_THE_CLIENT: Refused = Refused("invalid_client", "client_id or client_secret is wrong");

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(error, description) = self;
        let body = Json(json!({ "error": error, "error_description": description }));
        let no_store = [(CACHE_CONTROL, "no-store")];
        match error {
            "invalid_client" => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic realm=\"demo\"")], no_store, body).into_response(),
            "server_error" => (StatusCode::INTERNAL_SERVER_ERROR, no_store, body).into_response(),
            _ => (StatusCode::BAD_REQUEST, no_store, body).into_response(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    id_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// What tokens are made of.
pub(super) struct Answered<'a> {
    pub session: Session,
    pub scopes: &'a [String],
    pub nonce: Option<&'a str>,
    pub refresh_token: Option<Secret<String>>,
}

/// OpenID Connect Core §2.
#[derive(Serialize)]
struct IdToken<'a> {
    iss: &'a str,
    sub: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    sid: String,
    acr: &'static str,
    amr: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
}

/// Id and secret, each form-encoded before they were joined (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (decoded(id), decoded(secret)))
}

fn decoded(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
