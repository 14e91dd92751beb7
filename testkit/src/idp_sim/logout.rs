//! Signing out at a simulated provider, and its word to clients that somebody did (OpenID Connect RP-Initiated and Back-Channel Logout).

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::authorize::page;
use super::profile::Logout;
use super::server::{Request, redirect};
use super::state::State;

pub fn logout(request: &Request<'_>) -> Response {
    let (client, to) = match request.sim.0.profile.logout {
        Logout::None => return page(StatusCode::NOT_FOUND, "<h1>Not found</h1>"),
        Logout::ItsOwnWay => (request.asked.get("client_id").map(str::to_owned), request.asked.get("logout_uri")), // C5
        Logout::EndSession => (request.asked.get("id_token_hint").and_then(audience), request.asked.get("post_logout_redirect_uri")),
    };
    let state = &mut *request.state();
    if request.sim.0.profile.logout == Logout::ItsOwnWay && (client.is_none() || to.is_none()) {
        return page(StatusCode::BAD_REQUEST, "<h1>Required String parameter 'logout_uri' is not present</h1>");
    }
    if let Some(cookie) = request.cookie("idp_sim") {
        state.sessions.remove(&cookie);
    }
    match to.filter(|to| client.is_some_and(|client| is_of(state, &client, to))) {
        Some(to) => {
            let separator = if to.contains('?') { '&' } else { '?' };
            let state = request.asked.get("state").map(|state| format!("{separator}state={state}"));
            redirect(&format!("{to}{}", state.unwrap_or_default()))
        }
        None => page(StatusCode::OK, "<h1>You are signed out.</h1>"),
    }
}

/// Nothing is verified: it is a hint.
fn audience(token: &str) -> Option<String> {
    let payload = chancery_crypto::digest::from_base64url(token.split('.').nth(1)?)?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["aud"].as_str().map(str::to_owned)
}

/// An address of the client's: here, one at the place it has people returned to.
fn is_of(state: &State, client: &str, to: &str) -> bool {
    let origin = |text: &str| Url::parse(text).map(|url| url.origin()).ok();
    let uris = state.clients.get(client).map(|client| client.redirect_uris.as_slice()).unwrap_or_default();
    uris.iter().any(|uri| origin(uri).is_some() && origin(uri) == origin(to))
}

/// What a logout token says (A4).
pub fn logout_claims(issuer: &str, client: &str, sub: &str, session: Option<&str>, now: i64) -> Value {
    let mut claims = json!({
        "iss": issuer,
        "aud": client,
        "sub": sub,
        "iat": now,
        "exp": now + 120,
        "jti": format!("logout-{sub}-{now}"),
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    if let Some(session) = session {
        claims["sid"] = json!(session);
    }
    claims
}
