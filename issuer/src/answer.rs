//! What leaves the room. An answer that tells anything takes the record of it: a receipt of the Unit that holds its event, or a count.
//!
//! ```
//! use chancery_issuer::answer::{Answer, Signed};
//! fn answer(tokens: &Signed, receipt: chancery_audit::Receipt) -> Answer { Answer::tokens(tokens, receipt) }
//! ```
//! ```compile_fail,E0308
//! use chancery_issuer::answer::{Answer, Signed};
//! fn answer(tokens: &Signed) -> Answer { Answer::tokens(tokens, ()) }
//! ```
//! ```
//! use chancery_issuer::answer::Answer;
//! fn answer(error: &chancery_core::oauth::Error, counted: chancery_audit::Counted) -> Answer { Answer::refused(error, counted.into()) }
//! ```
//! ```compile_fail,E0277
//! use chancery_issuer::answer::Answer;
//! fn answer(error: &chancery_core::oauth::Error) -> Answer { Answer::refused(error, ().into()) }
//! ```

use axum::response::{IntoResponse, Response};
use chancery_audit::{Receipt, Recorded};
use chancery_core::oauth::Error;
use chancery_registry::Tenant;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

pub use crate::grants::Signed;
use crate::unanswered::Unanswered;

/// An answer, complete. Only the constructors here make one.
pub struct Answer(Response);

impl Answer {
    /// RFC 6749 §5.1.
    pub fn tokens(tokens: &Signed, _committed: Receipt) -> Self {
        #[derive(Serialize)]
        struct Body<'a> {
            access_token: &'a str,
            token_type: &'static str,
            expires_in: i64,
            scope: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            refresh_token: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            id_token: Option<&'a str>,
        }
        let body = Body {
            access_token: tokens.access.expose(),
            token_type: tokens.token_type, // DP-01
            expires_in: tokens.lifetime,
            scope: tokens.scope.to_string(), // OA-15
            refresh_token: tokens.refresh.as_ref().map(|token| token.expose().as_str()),
            id_token: tokens.id.as_ref().map(|token| token.expose().as_str()),
        };
        Self::json(StatusCode::OK, &body)
    }

    /// RFC 7591 §3.2.1.
    pub fn registered(client: &Value, _committed: Receipt) -> Self {
        Self::json(StatusCode::CREATED, client) // DR-01
    }

    /// RFC 7009 §2.2: yes, and nothing else, whatever the token was.
    pub fn revoked(_record: Recorded) -> Self {
        Self(StatusCode::OK.into_response()).not_stored() // RV-01, RV-02
    }

    /// RFC 7592 §2.2. The same of a registration that was changed.
    pub fn changed(client: &Value, _committed: Receipt) -> Self {
        Self::json(StatusCode::OK, client) // DR-08
    }

    /// RFC 7592 §2.3.
    pub fn deleted(_committed: Receipt) -> Self {
        Self(StatusCode::NO_CONTENT.into_response()).not_stored() // DR-09
    }

    /// RFC 7592 §2.1: what a client said of itself, for itself. Nothing is decided, so there is nothing to record.
    pub(crate) fn client_information(client: &Value) -> Self {
        Self::json(StatusCode::OK, client)
    }

    /// RFC 6749 §5.2, RFC 7591 §3.2.2. What the error says to the log stays at home.
    pub fn refused(error: &Error, _record: Recorded) -> Self {
        Self::error(error).not_before_a_second()
    }

    /// To the client or to the identity provider. 303: a browser that posted here must not post there.
    pub fn redirect(to: &str, _record: Recorded) -> Self {
        match HeaderValue::from_str(to) {
            Ok(location) => Self(StatusCode::SEE_OTHER.into_response()).with(LOCATION, location).not_stored(), // SB-06
            Err(_) => Self::error(&Error::server_error("the address to go back to cannot stand in a header")),
        }
    }

    /// To the same endpoint by GET, with what was posted. Nothing is decided yet, so there is nothing to record.
    pub(crate) fn again_by_get(to: &str) -> Self {
        let location = HeaderValue::from_str(to).expect("an issuer and a query string can stand in a header");
        Self(StatusCode::SEE_OTHER.into_response()).with(LOCATION, location).not_stored() // SB-06
    }

    /// A page that tells a person of a refusal.
    pub fn refusal_page(html: String, headers: PageHeaders, _record: Recorded) -> Self {
        Self::page(StatusCode::BAD_REQUEST, html, headers)
    }

    /// The same to who asks too often (RFC 6585 §4).
    pub(crate) fn too_often(self, wait: Option<u64>) -> Self {
        let answer = if wait.is_some() { self.with_status(StatusCode::TOO_MANY_REQUESTS) } else { self };
        answer.not_before(wait)
    }

    /// A page that asks. Nothing is decided yet, so there is nothing to record.
    pub(crate) fn asking_page(html: String, headers: PageHeaders) -> Self {
        Self::page(StatusCode::OK, html, headers)
    }

    /// A document that is the same for everybody.
    pub(crate) fn document(json: axum::body::Bytes) -> Self {
        let cached = HeaderValue::from_static("public, max-age=300"); // MD-06
        Self(json.into_response()).with(CONTENT_TYPE, HeaderValue::from_static(JSON)).with(CACHE_CONTROL, cached)
    }

    /// The one answer without a record, for what could not be decided or not be written: it tells nothing but that.
    pub(crate) fn unanswered(why: Unanswered) -> Self {
        why.log("none");
        Self::error(&why.error()).with_status(why.status()).not_before_a_second()
    }

    /// The same for a person.
    pub(crate) fn unanswered_page(why: &Unanswered, html: String, headers: PageHeaders) -> Self {
        Self::page(why.status(), html, headers).not_before_a_second()
    }

    /// A 401 answers an `Authorization` header by naming the scheme that is taken (RFC 6749 §5.2).
    pub(crate) fn challenging_basic(self, tenant: &Tenant) -> Self {
        if self.0.status() != StatusCode::UNAUTHORIZED {
            return self;
        }
        let challenge = format!("Basic realm=\"{}\"", tenant.name);
        self.with(WWW_AUTHENTICATE, HeaderValue::from_str(&challenge).expect("a slug can stand in a header"))
    }

    /// A 401 to a protected registration says which scheme is taken, and of a token that came what is wrong with it (RFC 6750 §3).
    pub(crate) fn challenging_bearer(self, tenant: &Tenant, presented: bool) -> Self {
        if self.0.status() != StatusCode::UNAUTHORIZED {
            return self;
        }
        let error = if presented { ", error=\"invalid_token\"" } else { "" };
        let challenge = format!("Bearer realm=\"{}\"{error}", tenant.name);
        self.with(WWW_AUTHENTICATE, HeaderValue::from_str(&challenge).expect("a slug can stand in a header")) // DR-05, DR-07
    }

    pub(crate) fn setting_cookie(self, cookie: Option<String>) -> Self {
        match cookie {
            Some(cookie) => self.with(SET_COOKIE, HeaderValue::from_str(&cookie).expect("cookies are made of slugs and base64url")),
            None => self,
        }
    }

    fn with_status(mut self, status: StatusCode) -> Self {
        *self.0.status_mut() = status;
        self
    }

    fn error(error: &Error) -> Self {
        #[derive(Serialize)]
        struct Body {
            error: &'static str,
            error_description: String,
        }
        let status = StatusCode::from_u16(error.status()).expect("the code's statuses are statuses");
        Self::json(status, &Body { error: error.code().as_str(), error_description: error.description() }).not_before(error.wait()) // OA-19
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let json = serde_json::to_vec(body).expect("answers are plain data");
        Self((status, json).into_response()).with(CONTENT_TYPE, HeaderValue::from_static(JSON)).not_stored()
    }

    fn page(status: StatusCode, html: String, headers: PageHeaders) -> Self {
        let page = Self((status, html).into_response()).not_stored();
        headers.iter().fold(page, |page, (name, value)| page.with(HeaderName::from_static(name), HeaderValue::from_static(value)))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }

    fn not_before(self, wait: Option<u64>) -> Self {
        match wait {
            Some(seconds) => self.with(RETRY_AFTER, HeaderValue::from(seconds)),
            None => self,
        }
    }

    fn not_before_a_second(self) -> Self {
        if self.0.status().is_server_error() { self.with(RETRY_AFTER, HeaderValue::from_static("1")) } else { self }
    }

    fn not_stored(self) -> Self {
        self.with(CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }
}

const JSON: &str = "application/json";

/// As `core::Pages::headers` has them.
pub type PageHeaders = &'static [(&'static str, &'static str)];

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use chancery_audit::{Counted, Counter, Counters};

    use super::*;

    fn counted() -> Counted {
        Counters::new().count(None, Counter { endpoint: "test", reason: "test", row: "" })
    }

    #[test]
    fn sb_06_a_redirect_is_a_303_that_nobody_stores() {
        let answer = Answer::redirect("https://app.example/cb?code=c", counted().into()).into_response();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[LOCATION], "https://app.example/cb?code=c");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        let split = Answer::redirect("https://app.example/cb\r\nSet-Cookie: x=y", counted().into()).into_response();
        assert_eq!((split.status(), split.headers().get(LOCATION)), (StatusCode::INTERNAL_SERVER_ERROR, None));
    }

    #[test]
    fn oa_11_only_a_401_is_challenged() {
        let tenant = crate::fixtures::tenant();
        let answer = |error: &Error| Answer::refused(error, counted().into()).challenging_basic(&tenant).into_response();
        assert_eq!(answer(&Error::invalid_client("no")).headers()[WWW_AUTHENTICATE], "Basic realm=\"acme\"");
        assert!(answer(&Error::invalid_grant("no")).headers().get(WWW_AUTHENTICATE).is_none());
    }
}
