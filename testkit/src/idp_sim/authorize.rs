//! The authorization endpoint of a simulated provider and its one page.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use super::profile::Given as Offers;
use super::server::{Request, pairs, redirect};
use super::state::{Code, Given, Session};

const COOKIE: &str = "idp_sim";

/// `GET`: sends back who is known, and asks everybody else.
pub fn authorize(request: &Request<'_>) -> Response {
    let Some(redirect_uri) = returns_to(request) else {
        return page(StatusCode::BAD_REQUEST, "<h1>Sorry</h1><p>The address to return to is not registered for this application.</p>");
    };
    if let Some((error, description)) = trouble(request) {
        return request.sent_back(&redirect_uri, &[("error", error), ("error_description", &description)]);
    }
    let prompts = request.asked.get("prompt").unwrap_or_default();
    let known = request.cookie(COOKIE).filter(|_| !prompts.contains("login") && !prompts.contains("select_account"));
    let state = &mut *request.state();
    let session = known.and_then(|cookie| state.sessions.get(&cookie)).filter(|session| state.people[&session.person].enabled);
    match session {
        Some(session) => {
            let given = (session.person.clone(), session.id.clone(), session.signed_in_at);
            let code = code(request, state, given, &redirect_uri);
            request.sent_back(&redirect_uri, &[("code", &code)])
        }
        None if prompts.contains("none") => request.sent_back(&redirect_uri, &[("error", "login_required")]),
        None => who(request, state.people.keys()),
    }
}

/// `POST` from that page: the request comes along and is looked at again.
pub fn sign_in(request: &Request<'_>) -> Response {
    let original = request.with(pairs(request.asked.get("request").unwrap_or_default()));
    let name = request.asked.get("person").unwrap_or_default().to_owned();
    let Some(redirect_uri) = returns_to(&original) else { return page(StatusCode::BAD_REQUEST, "<h1>Sorry</h1>") };
    let state = &mut *request.state();
    let Some(person) = state.people.get_mut(&name).filter(|person| person.enabled) else {
        return page(StatusCode::FORBIDDEN, "<h1>Your account has been locked.</h1><p>Contact your administrator.</p>");
    };
    person.needs = None; // whatever it was, they have just shown it
    let (cookie, id) = (state.opaque("cookie"), state.opaque("sid"));
    state.sessions.insert(cookie.clone(), Session { person: name.clone(), signed_in_at: request.now, id: id.clone() });
    let code = code(&original, state, (name, id, request.now), &redirect_uri);
    let mut answer = original.sent_back(&redirect_uri, &[("code", &code)]);
    let cookie = format!("{COOKIE}={cookie}; Path=/; HttpOnly");
    answer.headers_mut().insert(header::SET_COOKIE, cookie.parse().expect("a cookie of plain text"));
    answer
}

fn returns_to(request: &Request<'_>) -> Option<String> {
    let asked = request.asked.get("redirect_uri")?;
    let state = request.state();
    let client = state.clients.get(request.asked.get("client_id")?)?;
    client.redirect_uris.iter().find(|uri| *uri == asked).cloned()
}

fn trouble(request: &Request<'_>) -> Option<(&'static str, String)> {
    let profile = &request.sim.0.profile;
    let scopes = request.scopes();
    if profile.refuses_resource && request.asked.get("resource").is_some() {
        let text = "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes.";
        return Some(("invalid_target", text.to_owned())); // E2
    }
    if profile.refresh.given != Offers::ForTheScope && scopes.iter().any(|scope| scope == "offline_access") {
        return Some(("invalid_scope", "Some requested scopes were invalid: offline_access".to_owned())); // C4, G1
    }
    if !scopes.iter().any(|scope| scope == "openid") {
        return Some(("invalid_scope", "openid is missing".to_owned()));
    }
    let pkce = (request.asked.get("code_challenge"), request.asked.get("code_challenge_method"));
    match pkce {
        (Some(_), Some("S256")) => None,
        _ => Some(("invalid_request", "PKCE with S256 is required here".to_owned())),
    }
}

fn code(request: &Request<'_>, state: &mut super::state::State, who: (String, String, chancery_core::Timestamp), to: &str) -> String {
    let (person, session, signed_in_at) = who;
    let client = request.asked.get("client_id").unwrap_or_default().to_owned();
    let first = state.consented.insert((client.clone(), person.clone()));
    let scopes = request.scopes();
    let offline = match request.sim.0.profile.refresh.given {
        Offers::ForTheScope => scopes.iter().any(|scope| scope == "offline_access"),
        Offers::ToAll => true,
        Offers::ForTheParameters => {
            let consents = request.asked.get("prompt").is_some_and(|prompt| prompt.contains("consent"));
            request.asked.get("access_type") == Some("offline") && (first || consents)
        }
    };
    let nonce = request.asked.get("nonce").map(str::to_owned);
    let about = Given { person, session, signed_in_at, nonce, scopes, offline };
    let code = state.opaque("code");
    let challenge = request.asked.get("code_challenge").map(str::to_owned);
    state.codes.insert(code.clone(), Code { client, redirect_uri: to.to_owned(), challenge, about });
    code
}

fn who<'a>(request: &Request<'_>, people: impl Iterator<Item = &'a String>) -> Response {
    let buttons: String = people.map(|name| format!("<button name=\"person\" value=\"{name}\">{name}</button>")).collect();
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.asked.parameters).finish().replace('&', "&amp;");
    let form = format!(
        "<h1>Sign in to {}</h1><form method=\"post\" action=\"/idp-sim/sign-in\"><input type=\"hidden\" name=\"request\" value=\"{query}\">{buttons}</form>",
        request.sim.0.profile.name
    );
    page(StatusCode::OK, &form)
}

pub fn page(status: StatusCode, main: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], format!("<!doctype html><title>idp-sim</title>{main}")).into_response()
}

impl Request<'_> {
    fn scopes(&self) -> Vec<String> {
        self.asked.get("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// To a registered address, with what this provider says in every answer (K1).
    fn sent_back(&self, to: &str, answer: &[(&str, &str)]) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(answer).extend_pairs(self.asked.get("state").map(|state| ("state", state)));
        if self.sim.0.profile.names_itself {
            query.append_pair("session_state", "e8b2").append_pair("iss", &self.sim.issuer());
        }
        redirect(&format!("{to}?{}", query.finish()))
    }
}
