//! Refusals of the transport itself: a status, a JSON-RPC error that belongs to no request, and for a bad token a challenge.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::Value;

use super::gate::TurnedAway;
use super::message::Trouble;

pub struct Refused {
    status: StatusCode,
    challenge: Option<&'static str>,
    trouble: Trouble,
}

impl Refused {
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, challenge: None, trouble: Trouble::new(-32000, why) }
    }
}

/// What came is not a message.
impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Self { status: StatusCode::BAD_REQUEST, challenge: None, trouble }
    }
}

impl From<TurnedAway> for Refused {
    fn from(why: TurnedAway) -> Self {
        let (status, challenge) = match &why {
            TurnedAway::NoToken => (StatusCode::UNAUTHORIZED, Some("Bearer realm=\"demo\"")),
            TurnedAway::BadToken(_) => (StatusCode::UNAUTHORIZED, Some("Bearer realm=\"demo\", error=\"invalid_token\"")),
            TurnedAway::NoKeys(_) => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        Self { challenge, ..Self::new(status, why.to_string()) }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.trouble.to_message(&Value::Null))).into_response();
        if let Some(challenge) = self.challenge {
            answer.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static(challenge));
        }
        answer
    }
}
