//! Answers as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep;

const STILL_HERE: Duration = Duration::from_secs(15);

/// These messages, one event each, and the end.
pub fn of(messages: Vec<Value>) -> Response {
    events(stream::iter(messages.into_iter().map(|message| Ok(Bytes::from(format!("event: message\ndata: {message}\n\n"))))))
}

/// A stream on which nothing is said; comments keep it open until the session ends.
pub fn open(end: watch::Receiver<()>) -> Response {
    events(stream::unfold((end, false), |(mut end, begun)| async move {
        if begun {
            tokio::select! {
                _ = end.changed() => return None, // only the sender's end changes it
                () = sleep(STILL_HERE) => {}
            }
        }
        Some((Ok(Bytes::from_static(b": still here\n\n")), (end, true)))
    }))
}

fn events(stream: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(stream)).into_response()
}
