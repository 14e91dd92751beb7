//! What goes wrong at providers, or on the way to them (X2): one fault an endpoint, until it is healed.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use tokio::sync::watch;

#[derive(Clone, Debug)]
pub enum Fault {
    /// Takes this long, then answers well.
    Slow(Duration),
    /// Never answers.
    Silent,
    /// Does what it is asked, and answers when this becomes true.
    Held(watch::Receiver<bool>),
    Status(u16),
    /// A page for people, with status 200.
    Html,
    /// The first half of a good answer.
    Truncated,
    Redirect(String),
    /// JSON padded to this many bytes.
    Large(usize),
    /// This instead, with this status.
    Says(u16, String),
}

impl Fault {
    /// The answer instead of `good`, which is only asked for where it is needed.
    pub async fn instead(self, good: impl Future<Output = Response>) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        match self {
            Self::Slow(time) => {
                tokio::time::sleep(time).await;
                good.await
            }
            Self::Silent => std::future::pending().await,
            Self::Held(mut may_answer) => {
                let answer = good.await;
                let _ = may_answer.wait_for(|may| *may).await;
                answer
            }
            Self::Status(status) => code(status).into_response(),
            Self::Html => {
                (StatusCode::OK, [(header::CONTENT_TYPE, "text/html")], "<html><h1>Down for maintenance</h1></html>").into_response()
            }
            Self::Truncated => half(good.await).await,
            Self::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
            Self::Large(bytes) => {
                let padded = format!("{{\"padding\":\"{}\"}}", "x".repeat(bytes.saturating_sub(14)));
                (StatusCode::OK, json, padded).into_response()
            }
            Self::Says(status, body) => (code(status), json, body).into_response(),
        }
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a test names a status that there is")
}

async fn half(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.expect("our own answers are whole");
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(whole.slice(..whole.len() / 2)))
}
