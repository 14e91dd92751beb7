//! The floor of a gateway: a proxy that has verified this token before, or verifies it and makes one of its own for the upstream; two rows
//! a call, the first durable before the call goes out (meanwhile, for a tool that only reads). Without a token it is the bare proxy.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::jwt::{Signer, Verifier, claims};
use super::rows::{self, Row, Rows};
use crate::parts::{Fallible, listening, seconds};

type Body = BoxBody<Bytes, hyper::Error>;

struct Floor {
    upstream: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
    verifier: Verifier,
    signer: Signer,
    /// By the token's hash: when it ends, and what the upstream is shown instead.
    seen: Mutex<HashMap<[u8; 32], (u64, HeaderValue)>>,
    rows: Rows,
    next: AtomicU64,
}

pub async fn serve(address: &str, upstream: &str, key: &str, folder: &str) -> Fallible<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let floor = Arc::new(Floor {
        upstream: format!("http://{upstream}/mcp").parse()?,
        client: Client::builder(TokioExecutor::new()).build(connector),
        verifier: Verifier::new(key),
        signer: Signer::new(),
        seen: Mutex::default(),
        rows: Rows::new(rows::open(folder)),
        next: AtomicU64::new(seconds() << 20),
    });
    listening(address, move |request| {
        let floor = Arc::clone(&floor);
        async move { Ok::<_, Infallible>(answer(&floor, request).await) }
    })
    .await
}

async fn answer(floor: &Floor, request: Request<Incoming>) -> Response<Body> {
    passed(floor, request).await.unwrap_or_else(|| {
        let body = Full::from("refused").map_err(|never| match never {}).boxed();
        Response::builder().status(401).body(body).expect("a response")
    })
}

async fn passed(floor: &Floor, request: Request<Incoming>) -> Option<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let mut onward = Request::post(floor.upstream.clone()).body(Full::from(body.clone())).ok()?;
    onward.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in head.headers.iter().filter(|(name, _)| name.as_str().starts_with("mcp-") || name.as_str() == "accept") {
        onward.headers_mut().insert(name, value.clone());
    }
    let Some(authorization) = head.headers.get(AUTHORIZATION) else {
        return Some(floor.client.request(onward).await.ok()?.map(BodyExt::boxed));
    };
    let audience = format!("http://{}{}", head.headers.get(HOST)?.to_str().ok()?, head.uri.path());
    let credential = floor.credential(authorization.to_str().ok()?.strip_prefix("Bearer ")?, &audience).await?;
    onward.headers_mut().insert(AUTHORIZATION, credential);
    let message: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let reads = message["params"]["name"] == "account_balance";
    let opened = floor.rows.begin(floor.event());
    let answer = if reads {
        let answer = floor.client.request(onward).await.ok()?;
        opened.await.ok()?.then_some(answer)?
    } else {
        opened.await.ok()?.then_some(())?;
        floor.client.request(onward).await.ok()?
    };
    // The close event; nobody waits for it.
    drop(floor.rows.begin(floor.event()));
    Some(answer.map(BodyExt::boxed))
}

impl Floor {
    async fn credential(&self, token: &str, audience: &str) -> Option<HeaderValue> {
        let key: [u8; 32] = digest::digest(&digest::SHA256, token.as_bytes()).as_ref().try_into().ok()?;
        let seen = self.seen.lock().ok()?.get(&key).cloned();
        if let Some((end, credential)) = seen {
            return (end > seconds()).then_some(credential);
        }
        let end = self.verifier.verify(token, audience)?;
        let id = self.id();
        let own = self.signer.sign(&claims("http://127.0.0.1:1/mcp", &id, seconds()));
        self.rows.durable(Row::Event { id }).await.then_some(())?;
        let credential = HeaderValue::try_from(format!("Bearer {own}")).ok()?;
        self.seen.lock().ok()?.insert(key, (end, credential.clone()));
        Some(credential)
    }

    fn event(&self) -> Row {
        Row::Event { id: self.id() }
    }

    fn id(&self) -> String {
        format!("evt_{:032x}", self.next.fetch_add(1, Ordering::Relaxed))
    }
}
