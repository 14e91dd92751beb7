//! The authorization endpoint (OpenID Connect Core §3.1.2): 1. client and redirect address, else a page and no redirect; 2. the rest of
//! the request, else an error to the redirect address; 3. who it is: a session, the acting person, or the page that asks; 4. a code.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chancery_core::{Secret, Timestamp};
use http::header::{CACHE_CONTROL, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};

use super::form::Form;
use super::sessions::{Code, Session};
use super::{Provider, page};
use crate::Person;

const COOKIE_NAME: &str = "chancery_demo_idp";

pub async fn authorize(State(provider): State<Arc<Provider>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let request = match Request::parse(&provider, &query) {
        Ok(request) => request,
        Err(refused) => return provider.refuse(refused),
    };
    let now = provider.now();
    let session = cookie(&headers).and_then(|cookie| provider.state().session(cookie, now));
    match request.who(session, provider.parts.acting, now) {
        Who::Known(session) if provider.standing().is_disabled(session.person) => {
            provider.refuse(request.error("access_denied", "this account is disabled"))
        }
        Who::Known(session) => provider.answer(&request, session, None),
        Who::Acting(person) => provider.signed_in(&request, person),
        Who::Unknown => page::who(&provider.path, &query, request.login_hint.as_deref()),
        Who::MustNotAsk => provider.refuse(request.error("login_required", "nobody is signed in")),
    }
}

/// The answer to the page that asks. It brings the request along, which is checked again as if it came anew.
pub async fn sign_in(State(provider): State<Arc<Provider>>, body: Bytes) -> Response {
    let Some((person, query)) = Form::parse(&body).ok().and_then(|form| {
        let person: Person = form.get("person")?.parse().ok()?;
        Some((person, form.get("request")?.to_owned()))
    }) else {
        return page::refusal("This form was not filled in as the page offers it.");
    };
    match Request::parse(&provider, &query) {
        Ok(request) => provider.signed_in(&request, person),
        Err(refused) => provider.refuse(refused),
    }
}

/// A request that may be answered at its redirect address.
struct Request {
    redirect_uri: String,
    state: Option<String>,
    scopes: Vec<String>,
    nonce: Option<String>,
    challenge: String,
    prompts: Vec<String>,
    max_age: Option<Duration>,
    login_hint: Option<String>,
}

enum Refused {
    /// It is not sure whose address it is, so a person reads it.
    Page(&'static str),
    Redirect {
        to: String,
        state: Option<String>,
        error: &'static str,
        description: &'static str,
    },
}

enum Who {
    Known(Session),
    Acting(Person),
    Unknown,
    MustNotAsk,
}

impl Request {
    fn parse(provider: &Provider, query: &str) -> Result<Self, Refused> {
        let form = Form::parse(query.as_bytes()).map_err(|_| Refused::Page("A parameter stands in the request twice."))?;
        let text = |name| form.get(name).map(str::to_owned);
        let words =
            |name| form.get(name).unwrap_or_default().split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();

        if form.get("client_id") != Some(&provider.parts.client.id) {
            return Err(Refused::Page("No client of that client_id is registered here."));
        }
        let redirect_uri = text("redirect_uri").filter(|uri| provider.parts.client.redirect_uris.contains(uri));
        let redirect_uri = redirect_uri.ok_or(Refused::Page("The redirect_uri is not exactly one that the client registered."))?;

        let request = Self {
            redirect_uri,
            state: text("state"),
            scopes: words("scope"),
            nonce: text("nonce"),
            challenge: text("code_challenge").unwrap_or_default(),
            prompts: words("prompt"),
            max_age: form.get("max_age").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
            login_hint: text("login_hint"),
        };
        match request.trouble(&form) {
            Some((error, description)) => Err(request.error(error, description)),
            None => Ok(request),
        }
    }

    fn trouble(&self, form: &Form) -> Option<(&'static str, &'static str)> {
        let challenge =
            self.challenge.len() == 43 && self.challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let alone = !self.prompts.iter().any(|prompt| prompt == "none") || self.prompts.len() == 1;
        match () {
            () if form.get("response_type") != Some("code") => Some(("unsupported_response_type", "only response_type=code is served")),
            () if form.get("request").is_some() => Some(("request_not_supported", "request objects are not read")),
            () if form.get("request_uri").is_some() => Some(("request_uri_not_supported", "request objects are not read")),
            () if !self.scopes.iter().any(|scope| scope == "openid") => Some(("invalid_scope", "the scope must contain openid")),
            () if form.get("code_challenge_method") != Some("S256") || !challenge => {
                Some(("invalid_request", "PKCE with S256 is required"))
            }
            () if form.get("max_age").is_some() && self.max_age.is_none() => Some(("invalid_request", "max_age is a number of seconds")),
            () if !alone => Some(("invalid_request", "prompt=none stands alone")),
            () => None,
        }
    }

    fn who(&self, session: Option<Session>, acting: Option<Person>, now: Timestamp) -> Who {
        let asked = |prompt: &str| self.prompts.iter().any(|found| found == prompt);
        let fresh_enough = |session: &Session| self.max_age.is_none_or(|age| now.since(session.auth_time) <= age);
        let session = session.filter(fresh_enough).filter(|_| !asked("login") && !asked("select_account"));
        match (session, acting) {
            (Some(session), _) => Who::Known(session),
            (None, _) if asked("none") => Who::MustNotAsk,
            (None, Some(person)) => Who::Acting(person),
            (None, None) => Who::Unknown,
        }
    }

    fn error(&self, error: &'static str, description: &'static str) -> Refused {
        Refused::Redirect { to: self.redirect_uri.clone(), state: self.state.clone(), error, description }
    }
}

impl Provider {
    fn signed_in(&self, request: &Request, person: Person) -> Response {
        if self.standing().is_disabled(person) {
            return self.refuse(request.error("access_denied", "this account is disabled"));
        }
        let (session, cookie) = (Session { person, auth_time: self.now(), id: self.session_id() }, self.secret());
        self.state().keep_session(cookie.expose(), session);
        self.answer(request, session, Some(&cookie))
    }

    fn answer(&self, request: &Request, session: Session, cookie: Option<&Secret<String>>) -> Response {
        let code = self.secret();
        let meaning = Code {
            session,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            scopes: request.scopes.clone(),
            at: self.now(),
        };
        self.state().keep_code(code.expose(), meaning);
        let mut answer = self.redirect(&request.redirect_uri, request.state.as_deref(), &[("code", code.expose())]);
        if let Some(cookie) = cookie {
            let set = format!("{COOKIE_NAME}={}; Path={}; HttpOnly; SameSite=Lax", cookie.expose(), self.path);
            answer.headers_mut().insert(SET_COOKIE, set.parse().expect("a cookie of base64url and a path"));
        }
        answer
    }

    fn refuse(&self, refused: Refused) -> Response {
        match refused {
            Refused::Page(why) => page::refusal(why),
            Refused::Redirect { to, state, error, description } => {
                self.redirect(&to, state.as_deref(), &[("error", error), ("error_description", description)])
            }
        }
    }

    /// To a registered address, with `state` and `iss` (RFC 9207).
    fn redirect(&self, to: &str, state: Option<&str>, answer: &[(&str, &str)]) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(answer).extend_pairs(state.map(|state| ("state", state))).append_pair("iss", &self.parts.issuer);
        let separator = if to.contains('?') { '&' } else { '?' };
        let location = format!("{to}{separator}{}", query.finish());
        (StatusCode::SEE_OTHER, [(LOCATION, location), (CACHE_CONTROL, "no-store".to_owned())]).into_response()
    }
}

pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok()).flat_map(|header| header.split(';'));
    all.filter_map(|pair| pair.trim().split_once('=')).find_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}
