//! A client that reads an answer as it comes, and can hang up.

use std::time::Duration;

use bytes::Bytes;
use chancery_testkit::Mcp;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Builder, Client, Error};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::upstream::PATIENCE;

/// An answer on its way. Dropped, the client has hung up.
pub struct Coming {
    pub response: Response<Incoming>,
}

/// Posts a message, and gives the answer as soon as its head is there.
pub async fn post(mcp: &Mcp, message: &Value) -> Coming {
    let request = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json");
    let body = Full::new(Bytes::from(message.to_string()));
    Coming::of(request.body(body).expect("a request")).await
}

/// The same over HTTP/2.
pub async fn post_by_http_2(mcp: &Mcp, message: &Value) -> Coming {
    let request = mcp.request(Method::POST).version(Version::HTTP_2).header(CONTENT_TYPE, "application/json");
    let body = Full::new(Bytes::from(message.to_string()));
    Coming::by(Client::builder(TokioExecutor::new()).http2_only(true), request.body(body).expect("a request")).await
}

/// Opens a stream.
pub async fn get(mcp: &Mcp) -> Coming {
    Coming::of(mcp.request(Method::GET).body(Full::default()).expect("a request")).await
}

impl Coming {
    async fn of(request: Request<Full<Bytes>>) -> Self {
        Self::by(&mut Client::builder(TokioExecutor::new()), request).await
    }

    async fn by(client: &mut Builder, request: Request<Full<Bytes>>) -> Self {
        let client = client.pool_idle_timeout(Duration::ZERO).build_http();
        let sent: Result<_, Error> = timeout(PATIENCE, client.request(request)).await.expect("no answer in time");
        Self { response: sent.expect("the gateway answers") }
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
    pub async fn piece(&mut self) -> String {
        self.next().await.expect("there is more").expect("it does not break off")
    }
}

/// A request that calls a tool.
pub fn call(tool: &str, arguments: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
}
