//! The token endpoint of a simulated provider: a code once, a refresh token by the profile's rules, and errors as they look there.

use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_crypto::digest::pkce_s256;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::claims::{About, at_hash};
use super::profile::{Errors, Rotation};
use super::server::Request;
use super::state::{Given, Need, RefreshToken, State};

/// A refusal: status, `error`, the number that Entra gives it, and words.
struct Refused(u16, &'static str, u32, &'static str, Value);

pub fn token(request: &Request<'_>) -> Response {
    let state = &mut *request.state();
    match granted(request, state) {
        Ok(body) => json_answer(200, &body),
        Err(refused) => request.refused(refused),
    }
}

fn granted(request: &Request<'_>, state: &mut State) -> Result<Value, Refused> {
    if request.sim.0.profile.refuses_origin && request.asked.origin.is_some() {
        let words = "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type.";
        return Err(Refused(400, "invalid_request", 9_002_327, words, Value::Null)); // E5
    }
    let client = authenticated(request, state)?;
    match request.asked.get("grant_type") {
        Some("authorization_code") => by_code(request, state, &client),
        Some("refresh_token") => by_refresh_token(request, state, &client),
        _ => Err(Refused(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.", Value::Null)),
    }
}

fn authenticated(request: &Request<'_>, state: &State) -> Result<String, Refused> {
    let decoded = |text: &str| form_urlencoded::parse(text.as_bytes()).next().map(|(text, _)| text.into_owned());
    let basic = request.asked.authorization.as_deref().and_then(|value| value.strip_prefix("Basic ")).and_then(|value| {
        let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((decoded(id)?, decoded(secret)?))
    });
    let post = || Some((request.asked.get("client_id")?.to_owned(), request.asked.get("client_secret")?.to_owned()));
    if state.secret_expired {
        return Err(Refused(401, "invalid_client", 7_000_222, "The provided client secret keys are expired.", Value::Null)); // E7
    }
    let good = basic.or_else(post).filter(|(id, secret)| state.clients.get(id).is_some_and(|client| client.secret == *secret));
    good.map(|(id, _)| id).ok_or(Refused(401, "invalid_client", 7_000_215, "Invalid client secret provided.", Value::Null))
}

fn by_code(request: &Request<'_>, state: &mut State, client: &str) -> Result<Value, Refused> {
    let code = state.codes.remove(request.asked.get("code").unwrap_or_default());
    let code = code.filter(|code| code.client == client && request.asked.get("redirect_uri") == Some(&code.redirect_uri));
    let code = code.ok_or(Refused(400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.", Value::Null))?;
    let challenge = request.asked.get("code_verifier").map(pkce_s256);
    if challenge != code.challenge {
        return Err(Refused(400, "invalid_grant", 501_481, "The Code_Verifier does not match the code_challenge.", Value::Null));
    }
    let mut body = tokens(request, state, client, &code.about);
    if code.about.offline {
        let family = state.next();
        body["refresh_token"] = json!(refresh_token(state, client, family, code.about));
    }
    Ok(body)
}

fn by_refresh_token(request: &Request<'_>, state: &mut State, client: &str) -> Result<Value, Refused> {
    let dead = Refused(400, "invalid_grant", 700_082, "The refresh token has expired or was revoked.", Value::Null);
    let presented = request.asked.get("refresh_token").unwrap_or_default().to_owned();
    let Some(known) = state.refresh_tokens.get(&presented).filter(|known| known.client == client).cloned() else { return Err(dead) };
    if state.ended_families.contains(&known.family) {
        return Err(dead);
    }
    let person = &state.people[&known.about.person];
    if !person.enabled {
        return Err(Refused(400, "invalid_grant", 50173, "The account is disabled; fresh auth token is needed.", Value::Null));
    }
    if let Some(need) = person.needs {
        return Err(interaction(request, need)); // E6, A2
    }
    let rotation = request.sim.0.profile.refresh.rotation;
    if let (Rotation::Rotates { leeway }, Some(at)) = (rotation, known.replaced_at)
        && at + leeway <= request.now
    {
        state.ended_families.insert(known.family); // O2, A2
        return Err(dead);
    }
    let mut about = known.about;
    about.nonce = None;
    let mut body = tokens(request, state, client, &about);
    if rotation != Rotation::Stays {
        if let Some(old) = state.refresh_tokens.get_mut(&presented) {
            old.replaced_at = old.replaced_at.or(Some(request.now));
        }
        body["refresh_token"] = json!(refresh_token(state, client, known.family, about));
    }
    Ok(body)
}

fn interaction(request: &Request<'_>, need: Need) -> Refused {
    let aad = request.sim.0.profile.errors == Errors::Aad;
    match need {
        Need::SecondFactor if aad => {
            let claims = r#"{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}"#;
            let words = "Due to a configuration change made by your administrator, you must use multi-factor authentication.";
            Refused(400, "interaction_required", 50076, words, json!({ "suberror": "basic_action", "claims": claims }))
        }
        Need::Consent if aad => {
            let words = "The user or administrator has not consented to use the application.";
            Refused(400, "invalid_grant", 65001, words, json!({ "suberror": "consent_required" }))
        }
        Need::SecondFactor => {
            Refused(403, "mfa_required", 0, "Multifactor authentication required", json!({ "mfa_token": "Fe26.example" }))
        }
        Need::Consent => Refused(400, "interaction_required", 0, "consent is required", Value::Null),
    }
}

fn refresh_token(state: &mut State, client: &str, family: u64, about: Given) -> String {
    let token = state.opaque("rt");
    state.refresh_tokens.insert(token.clone(), RefreshToken { client: client.to_owned(), family, about, replaced_at: None });
    token
}

fn tokens(request: &Request<'_>, state: &mut State, client: &str, given: &Given) -> Value {
    let profile = &request.sim.0.profile;
    let opaque = state.opaque("ya29");
    let issuer = request.sim.issuer();
    let person = &state.people[&given.person];
    let about = About {
        issuer: if profile.issuer_without_scheme { issuer.trim_start_matches("http://") } else { &issuer },
        client,
        person,
        nonce: given.nonce.as_deref(),
        scopes: &given.scopes,
        session: &given.session,
        signed_in_at: given.signed_in_at,
        now: request.now,
        most_groups: profile.most_groups,
    };
    let access = (profile.access_token)(&about).map_or(opaque, |claims| state.keys.sign("JWT", &claims));
    let mut claims = (profile.id_token)(&about);
    if profile.at_hash {
        claims["at_hash"] = json!(at_hash(&access));
    }
    let scope = given.scopes.join(" ");
    json!({ "token_type": "Bearer", "expires_in": 3600, "scope": scope, "id_token": state.keys.sign("JWT", &claims), "access_token": access })
}

impl Request<'_> {
    fn refused(&self, Refused(status, error, number, words, more): Refused) -> Response {
        let mut body = match self.sim.0.profile.errors {
            Errors::Bare => json!({ "error": error }),
            Errors::Described => json!({ "error": error, "error_description": words }),
            Errors::Aad => {
                let ids = "Trace ID: 11111111-0000-0000-0000-000000000000\r\nCorrelation ID: 22222222-0000-0000-0000-000000000000";
                json!({
                    "error": error,
                    "error_description": format!("AADSTS{number}: {words}\r\n{ids}\r\nTimestamp: 2026-11-22 10:00:00Z"),
                    "error_codes": [number],
                    "timestamp": "2026-11-22 10:00:00Z",
                    "trace_id": "11111111-0000-0000-0000-000000000000",
                    "correlation_id": "22222222-0000-0000-0000-000000000000",
                    "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
                })
            }
        };
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        json_answer(status, &body)
    }
}

pub fn json_answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status that there is");
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body.to_string()).into_response()
}
