//! Answers. Each takes proof that what it tells was recorded.

use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_audit::{Receipt, Recorded};
use chancery_core::{Html, Pages, RefusalPage};

use crate::refused::Refused;

/// On to the issuer, with the session's cookie. 303, so that whatever came before is not repeated there.
pub(crate) fn go_on(_committed: &Receipt, to: &str, cookie: &str) -> Response {
    let value = |text: &str| HeaderValue::try_from(text).expect("an issuer, base64url and a cookie are fit for a header");
    let headers = [(LOCATION, value(to)), (SET_COOKIE, value(cookie)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response() // SB-06
}

pub(crate) fn refusal<P: Pages>(_recorded: &Recorded, pages: &P, refused: Refused, reference: String) -> Response {
    let status = refused.status;
    let page =
        RefusalPage { title: refused.title.to_owned(), text: refused.text, remedy: refused.remedy.to_owned(), row: refused.row, reference };
    let Html(html) = pages.refusal(&page);
    let headers = pages.headers().iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    (status, headers.collect::<HeaderMap>(), html).into_response() // OA-18
}
