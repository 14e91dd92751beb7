//! A client that reads an answer as it comes, and can hang up.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Builder, Client, Error};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::Mcp;

/// Far longer than anything here takes, and still an end.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer on its way. Dropped, the client has hung up.
pub struct Coming {
    pub response: Response<Incoming>,
}

/// Posts a message, and gives the answer as soon as its head is there.
pub async fn post(mcp: &Mcp, message: &Value) -> Coming {
    try_post(mcp, message).await.expect("the gateway answers")
}

/// The same where there may be no answer.
///
/// # Errors
/// When the connection breaks before the answer's head.
pub async fn try_post(mcp: &Mcp, message: &Value) -> Result<Coming, Error> {
    let request = mcp.posting(message);
    Coming::by(&mut Client::builder(TokioExecutor::new()), request.map(Full::new)).await
}

/// The same over HTTP/2.
pub async fn post_by_http_2(mcp: &Mcp, message: &Value) -> Coming {
    let mut request = mcp.posting(message).map(Full::new);
    *request.version_mut() = Version::HTTP_2;
    Coming::by(Client::builder(TokioExecutor::new()).http2_only(true), request).await.expect("the gateway answers")
}

/// The same by a client that takes nothing of the answer but its head.
pub async fn post_and_take_nothing(mcp: &Mcp, message: &Value) -> Coming {
    let mut request = mcp.posting(message).map(Full::new);
    *request.version_mut() = Version::HTTP_2;
    let mut client = Client::builder(TokioExecutor::new());
    Coming::by(client.http2_only(true).http2_initial_stream_window_size(0), request).await.expect("the gateway answers")
}

/// Opens a stream.
pub async fn get(mcp: &Mcp) -> Coming {
    let request = mcp.request(Method::GET).body(Full::default()).expect("a request");
    Coming::by(&mut Client::builder(TokioExecutor::new()), request).await.expect("the gateway answers")
}

impl Coming {
    async fn by(client: &mut Builder, request: Request<Full<Bytes>>) -> Result<Self, Error> {
        let client = client.pool_idle_timeout(Duration::ZERO).build_http();
        let response = timeout(PATIENCE, client.request(request)).await.expect("no answer in time")?;
        Ok(Self { response })
    }

    /// What comes next, as soon as it is there; nothing at the end.
    ///
    /// # Errors
    /// When the answer breaks off.
    pub async fn next(&mut self) -> Option<Result<String, hyper::Error>> {
        let frame = timeout(PATIENCE, self.response.body_mut().frame()).await.expect("nothing more in time")?;
        Some(frame.map(|frame| String::from_utf8_lossy(frame.data_ref().expect("no trailers")).into_owned()))
    }

    /// The next piece, which must come.
    ///
    /// # Panics
    /// When there is none, or it breaks off.
    pub async fn piece(&mut self) -> String {
        self.next().await.expect("there is more").expect("it does not break off")
    }
}

/// A request that calls a tool.
pub fn call(tool: &str, arguments: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
}
