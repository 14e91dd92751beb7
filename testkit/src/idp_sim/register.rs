//! Registration at a simulated provider (RFC 7591, 7592), as far as it has any: by nobody, by anybody, by who holds the API token (Okta: the
//! endpoint is the organisation's, O1), or by who holds an initial access token, after which each client's own token changes with each use
//! (Keycloak, K4).

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::profile::Registration;
use super::server::Request;
use super::state::{Client, State};
use super::token::json_answer;

pub fn register(request: &Request<'_>) -> Response {
    let state = &mut *request.state();
    let client = request.asked.path.rsplit_once("/clients/").or_else(|| request.asked.path.rsplit_once("/openid-connect/"));
    match (request.asked.method.as_str(), client.map(|(_, id)| id.to_owned())) {
        ("POST", None) => create(request, state),
        ("GET" | "PUT" | "DELETE", Some(id)) => manage(request, state, &id),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn create(request: &Request<'_>, state: &mut State) -> Response {
    let kind = request.sim.0.profile.registration;
    if let Some(refused) = refused(kind, state, request.asked.authorization.as_deref()) {
        return refused;
    }
    let Ok(metadata) = serde_json::from_str::<Value>(&request.asked.body) else {
        return json_answer(400, &json!({ "error": "invalid_client_metadata", "error_description": "this is no JSON" }));
    };
    let redirect_uris: Vec<String> = serde_json::from_value(metadata["redirect_uris"].clone()).unwrap_or_default();
    if redirect_uris.is_empty() {
        return json_answer(400, &json!({ "error": "invalid_redirect_uri", "error_description": "redirect_uris are missing" }));
    }
    let id = format!("0oa{}", state.next());
    let secret = state.opaque("secret");
    let own = (kind == Registration::InitialToken).then(|| state.opaque("rat"));
    let client = Client { secret, redirect_uris, registration_token: own, metadata };
    let status = if kind == Registration::Anybody { 200 } else { 201 }; // A3
    let answer = json_answer(status, &told(request, &id, &client));
    state.clients.insert(id, client);
    answer
}

/// Why whoever asks may not register.
fn refused(kind: Registration, state: &mut State, authorization: Option<&str>) -> Option<Response> {
    let scheme = if kind == Registration::ApiToken { "SSWS " } else { "Bearer " };
    let token = authorization.and_then(|value| value.strip_prefix(scheme).or_else(|| value.strip_prefix("Bearer ")));
    let left = token.and_then(|token| state.registrars.get_mut(token));
    match (kind, left) {
        (Registration::Nobody, _) => Some(StatusCode::NOT_FOUND.into_response()),
        (Registration::Anybody, _) | (Registration::ApiToken, Some(None)) => None,
        (Registration::InitialToken, Some(Some(left))) if *left > 0 => {
            *left -= 1;
            None
        }
        (Registration::ApiToken, _) => Some(json_answer(
            401,
            &json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided", "errorLink": "E0000011", "errorId": "oae1", "errorCauses": [] }),
        )),
        (Registration::InitialToken, _) => Some(json_answer(
            403,
            &json!({ "error": "insufficient_scope", "error_description": "Policy 'Trusted Hosts' rejected request to client-registration service." }),
        )),
    }
}

fn manage(request: &Request<'_>, state: &mut State, id: &str) -> Response {
    let unauthorized = || json_answer(401, &json!({ "error": "invalid_token", "error_description": "Failed decode token" }));
    let presented = request.asked.authorization.as_deref().and_then(|value| value.split_once(' ')).map(|(_, token)| token.to_owned());
    let by_api = presented.as_ref().is_some_and(|token| state.registrars.get(token) == Some(&None));
    let Some(client) = state.clients.get(id).filter(|client| by_api || (presented.is_some() && client.registration_token == presented))
    else {
        return unauthorized();
    };
    let mut client = client.clone();
    if request.asked.method == "DELETE" {
        state.clients.remove(id);
        return StatusCode::NO_CONTENT.into_response();
    }
    if request.asked.method == "PUT" {
        client.metadata = serde_json::from_str(&request.asked.body).unwrap_or_default();
        client.redirect_uris = serde_json::from_value(client.metadata["redirect_uris"].clone()).unwrap_or_default();
    }
    if client.registration_token.is_some() {
        client.registration_token = Some(state.opaque("rat")); // K4: the one before is dead
    }
    let answer = json_answer(200, &told(request, id, &client));
    state.clients.insert(id.to_owned(), client);
    answer
}

fn told(request: &Request<'_>, id: &str, client: &Client) -> Value {
    let mut told = client.metadata.clone();
    told["client_id"] = json!(id);
    told["client_secret"] = json!(client.secret);
    told["client_id_issued_at"] = json!(request.now.seconds());
    told["client_secret_expires_at"] = json!(0);
    if let Some(token) = &client.registration_token {
        told["registration_access_token"] = json!(token);
        told["registration_client_uri"] =
            json!(format!("{}{}/{id}", request.sim.base(), request.asked.path.trim_end_matches(&format!("/{id}"))));
    }
    told
}
