//! Cross-origin requests (OA-18): clients that run in a browser may use the endpoints that take no cookie. `*` is safe there, and the
//! authorization endpoint, which a person visits, has none of this.

use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use futures_util::future::{Either, Map, Ready, ready};
use tower::Service;

/// MCP clients send their protocol's headers even here, and so ask beforehand.
const ALLOWED_HEADERS: &str = "authorization, content-type, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, dpop";

/// Routes that are open to browsers.
#[derive(Clone)]
pub(crate) struct OpenToBrowsers<S>(pub S);

impl<S: Service<Request, Response = Response>> Service<Request> for OpenToBrowsers<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Map<Either<S::Future, Ready<Result<Response, S::Error>>>, fn(Result<Response, S::Error>) -> Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let answer = match request.method() {
            &Method::OPTIONS => Either::Right(ready(Ok(StatusCode::NO_CONTENT.into_response()))),
            _ => Either::Left(self.0.call(request)),
        };
        answer.map(|answer| answer.map(opened))
    }
}

fn opened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.reserve(5);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    response
}
