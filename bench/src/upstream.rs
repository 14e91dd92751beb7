//! The MCP server behind every gateway that is measured: it answers at once, with as much as the tool's name says.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};

use crate::parts::{Fallible, listening};

/// Events in one answer that streams.
pub const EVENTS: usize = 2_000;
/// Bytes of a large answer.
pub const LARGE: usize = 1024 * 1024;

pub async fn serve(address: &str) -> Fallible<()> {
    listening(address, |request: Request<Incoming>| async move { answer(request).await }).await
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let named = |name: &str| memmem(&body, name.as_bytes());
    let (kind, body) = if named("\"events\"") {
        const EVENT: &[u8] = b"event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n";
        const LAST: &[u8] = b"event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n";
        // Each waits its turn, so that each is a write of its own.
        let events = stream::unfold(0, |sent| async move {
            if sent > EVENTS {
                return None;
            }
            tokio::task::yield_now().await;
            let event = if sent < EVENTS { EVENT } else { LAST };
            Some((Ok(Frame::data(Bytes::from_static(event))), sent + 1))
        });
        ("text/event-stream", StreamBody::new(events).boxed())
    } else {
        let text = if named("\"large\"") { "x".repeat(LARGE) } else { "1234.56 EUR".to_owned() };
        let answer = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}");
        ("application/json", Full::from(answer).boxed())
    };
    Ok(Response::builder().header("content-type", kind).body(body).expect("a response"))
}

fn memmem(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}
