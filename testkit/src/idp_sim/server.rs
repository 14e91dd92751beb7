//! The listening side of a simulated provider: each request is written down, may meet a fault, and goes to its endpoint.

use std::collections::BTreeMap;
use std::sync::MutexGuard;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::State as Extracted;
use axum::response::{IntoResponse as _, Response};
use chancery_core::Timestamp;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::state::{Asked, Endpoint, State};
use super::{IdpSim, authorize, logout, register, token};

/// One request on its way.
pub struct Request<'a> {
    pub sim: &'a IdpSim,
    pub asked: Asked,
    pub now: Timestamp,
    cookies: String,
}

pub fn router(sim: IdpSim) -> Router {
    Router::new().fallback(answer).with_state(sim)
}

async fn answer(Extracted(sim): Extracted<IdpSim>, request: axum::extract::Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
    let text = |name: header::HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let is_form = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let path = head.uri.path().to_owned();
    let mut parameters = pairs(head.uri.query().unwrap_or_default());
    if is_form {
        parameters.extend(pairs(&body));
    }
    let endpoint = sim.endpoint(&path);
    let asked = Asked {
        endpoint,
        method: head.method.to_string(),
        path,
        parameters,
        authorization: text(header::AUTHORIZATION),
        origin: text(header::ORIGIN),
        body: if is_form { String::new() } else { body },
    };
    let fault = {
        let mut state = sim.state();
        state.asked.push(asked.clone());
        state.faults.get(&endpoint).cloned()
    };
    let request = Request { sim: &sim, asked, now: sim.now(), cookies: cookies(&head.headers) };
    match fault {
        Some(fault) => fault.instead(async { request.answered() }).await,
        None => request.answered(),
    }
}

impl Request<'_> {
    fn answered(&self) -> Response {
        match self.asked.endpoint {
            Endpoint::Metadata => token::json_answer(200, &self.sim.metadata()),
            Endpoint::Keys => token::json_answer(200, &self.state().keys.published()),
            Endpoint::Authorize => authorize::authorize(self),
            Endpoint::SignIn => authorize::sign_in(self),
            Endpoint::Token => token::token(self),
            Endpoint::Logout => logout::logout(self),
            Endpoint::Register => register::register(self),
            Endpoint::Elsewhere => StatusCode::NOT_FOUND.into_response(),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.sim.state()
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        let pairs = self.cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    }

    /// The same, had it asked with these parameters.
    pub fn with(&self, parameters: BTreeMap<String, String>) -> Self {
        Self { sim: self.sim, asked: Asked { parameters, ..self.asked.clone() }, now: self.now, cookies: self.cookies.clone() }
    }
}

pub fn pairs(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

pub fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to.to_owned())]).into_response()
}

fn cookies(headers: &HeaderMap) -> String {
    let all: Vec<&str> = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    all.join("; ")
}

impl IdpSim {
    /// The metadata with its addresses filled in.
    pub(super) fn metadata(&self) -> Value {
        let profile = &self.0.profile;
        let called = profile.shared.map_or_else(|| self.issuer(), |shared| format!("{}{}", self.0.base, shared.called));
        let text = profile.metadata.replace("{at}", &self.0.elsewhere).replace("{tid}", super::profile::ENTRA_TENANT);
        let text = text.replace("\"{issuer}\"", &format!("\"{called}\"")).replace("{issuer}", &self.issuer());
        serde_json::from_str(&text).expect("what was recorded is JSON")
    }

    fn endpoint(&self, path: &str) -> Endpoint {
        if path == "/idp-sim/sign-in" {
            return Endpoint::SignIn;
        }
        if path.ends_with("/.well-known/openid-configuration") {
            let declared = self.declared_issuer();
            let issuer = declared.strip_prefix(&self.0.base).unwrap_or_default().trim_end_matches('/');
            let here = path == format!("{issuer}/.well-known/openid-configuration");
            return if here { Endpoint::Metadata } else { Endpoint::Elsewhere };
        }
        let metadata = self.metadata();
        let is = |member: &str| metadata[member].as_str().and_then(|url| url::Url::parse(url).ok()).is_some_and(|url| url.path() == path);
        let below = metadata["registration_endpoint"].as_str().and_then(|url| url::Url::parse(url).ok());
        match () {
            () if is("authorization_endpoint") => Endpoint::Authorize,
            () if is("token_endpoint") => Endpoint::Token,
            () if is("jwks_uri") => Endpoint::Keys,
            () if is("end_session_endpoint") => Endpoint::Logout,
            () if below.is_some_and(|url| path == url.path() || path.starts_with(&format!("{}/", url.path()))) => Endpoint::Register,
            () => Endpoint::Elsewhere,
        }
    }
}
