//! Signing out (OpenID Connect RP-Initiated Logout 1.0), and telling the client of it (Back-Channel Logout 1.0): the session ends, its
//! refresh tokens with it, and the client hears by a signed logout token.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chancery_crypto::digest::base64url;
use chancery_crypto::jose::{Expected, KeySet, Typ, verify};
use chancery_outbound::Purpose;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::authorize::cookie;
use super::form::Form;
use super::sessions::SessionId;
use super::{Provider, page};
use crate::Person;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const LIFETIME: Duration = Duration::from_secs(120);

/// Ends the session that the ID token names, or the browser's own; goes back only to a registered address, and only with such a token.
pub async fn end_session(State(provider): State<Arc<Provider>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Ok(form) = Form::parse(query.unwrap_or_default().as_bytes()) else {
        return page::refusal("A parameter stands in the request twice.");
    };
    let hinted = form.get("id_token_hint").and_then(|hint| provider.session_of(hint));
    let own =
        cookie(&headers).and_then(|cookie| provider.state().session(cookie, provider.now())).map(|session| (session.person, session.id));
    if let Some((person, id)) = hinted.or(own) {
        provider.clone().end(person, &[id]).await;
    }
    let back = form.get("post_logout_redirect_uri").map(str::to_owned);
    match back.filter(|uri| hinted.is_some() && provider.parts.client.post_logout_redirect_uris.contains(uri)) {
        Some(uri) => {
            // RP-Initiated Logout §3: `state` comes back as it went.
            let state = form.get("state").map(|state| form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish());
            let uri = state.map_or_else(|| uri.clone(), |state| format!("{uri}{}{state}", if uri.contains('?') { '&' } else { '?' }));
            (StatusCode::SEE_OTHER, [(LOCATION, uri), (CACHE_CONTROL, "no-store".to_owned())]).into_response()
        }
        None => page::signed_out(),
    }
}

#[derive(Deserialize)]
struct Hint {
    sub: String,
    sid: String,
}

impl Provider {
    /// Ends all of a person's sessions, as they do by signing out everywhere, and tells the client.
    pub async fn sign_out(self: Arc<Self>, person: Person) {
        let sessions = self.state().of(person);
        self.end(person, &sessions).await;
    }

    async fn end(self: Arc<Self>, person: Person, sessions: &[SessionId]) {
        for id in sessions {
            self.state().end(id);
            self.tell(person, id).await;
        }
    }

    /// Whether the client hears of it is not the person's matter.
    async fn tell(&self, person: Person, session: &SessionId) {
        let Some(call) = &self.parts.client.logout else { return };
        let now = self.now();
        let claims = json!({
            "iss": self.parts.issuer, "aud": self.parts.client.id, "iat": now.seconds(), "exp": (now + LIFETIME).seconds(),
            "jti": self.secret().expose(), "sub": person.id(), "sid": base64url(session), "events": { EVENT: {} },
        });
        let Ok(token) = self.key.sign("logout+jwt", &claims) else { return };
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
        let _ = call.fetcher.post_form(Purpose::ProviderToken, &call.uri, &[], form).await;
    }

    /// Whose session an ID token of our own names, however old it is.
    fn session_of(&self, id_token: &str) -> Option<(Person, SessionId)> {
        let expected = Expected { typ: Typ::IdToken, algorithms: &[chancery_crypto::jose::Algorithm::Es256] };
        let keys = KeySet::from_keys([self.key.jwk()]);
        let hint: Hint = verify(id_token, &keys, &expected).ok()?.claims().ok()?;
        let person: Person = hint.sub.parse().ok()?;
        let id = self.state().of(person).into_iter().find(|id| base64url(id) == hint.sid)?;
        Some((person, id))
    }

    pub(super) fn session_id(&self) -> SessionId {
        let mut id = SessionId::default();
        self.parts.rng.fill(&mut id);
        id
    }
}
