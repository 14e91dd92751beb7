//! An MCP server behind the gateway that keeps what it is sent, and answers what a test says when the test says it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use chancery_testkit::Site;
use chancery_testkit::cast::ServerName;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Far longer than anything here takes, and still an end.
pub const PATIENCE: Duration = Duration::from_secs(20);

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The server. It stops with the test's runtime.
pub struct Upstream {
    pub url: String,
    heard: mpsc::UnboundedReceiver<Heard>,
}

/// A request that waits for its answer. Dropped, its connection breaks off.
pub struct Heard {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    answer: oneshot::Sender<Response<Body>>,
}

/// The rest of an answer whose head was sent.
pub struct Rest(mpsc::Sender<io::Result<Frame<Bytes>>>);

impl Upstream {
    /// Starts one and puts it behind the gateway in this server's place.
    pub async fn behind(site: &Site, server: ServerName) -> Self {
        let upstream = Self::start().await;
        put_behind(site, server, &upstream.url).await;
        upstream
    }

    /// Starts one that nothing leads to yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("loopback has a free port");
        let url = format!("http://{}/mcp", listener.local_addr().expect("it is bound"));
        let (sender, heard) = mpsc::unbounded_channel();
        tokio::spawn(serve(listener, sender));
        Self { url, heard }
    }

    /// The next request.
    pub async fn heard(&mut self) -> Heard {
        timeout(PATIENCE, self.heard.recv()).await.expect("the upstream hears nothing").expect("the server runs")
    }

    /// Lets a client's request be answered so.
    pub async fn answers<T>(&mut self, call: impl Future<Output = T>, answer: impl FnOnce(Heard)) -> T {
        let (answered, ()) = tokio::join!(call, async { answer(self.heard().await) });
        answered
    }

    /// What comes of a call that must not get here.
    pub async fn left_alone<T>(&mut self, call: impl Future<Output = T>) -> T {
        tokio::select! {
            answered = call => answered,
            heard = self.heard() => panic!("the upstream heard of it: {} {}", heard.method, String::from_utf8_lossy(&heard.body)),
        }
    }
}

/// Has the gateway forward what is for this server to another address.
pub async fn put_behind(site: &Site, server: ServerName, url: &str) {
    site.apply(|file| resource(file, server)["upstream"] = json!({ "url": url })).await;
}

/// A server in the file.
pub fn resource(file: &mut Value, server: ServerName) -> &mut Value {
    let resources = file["resources"].as_array_mut().expect("the file has resources");
    resources.iter_mut().find(|resource| resource["name"] == server).expect("the file has this server")
}

impl Heard {
    /// The message.
    pub fn message(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the upstream is sent JSON")
    }

    /// The token it came with.
    pub fn token(&self) -> &str {
        self.header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")).expect("a bearer token")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("headers are text"))
    }

    /// Answers the request with a tool's result.
    pub fn done(self) {
        let result = done(&self.message()["id"]);
        self.json(&result);
    }

    /// Answers with this message.
    pub fn json(self, message: &Value) {
        self.says(Response::builder(), &message.to_string());
    }

    /// Answers with this head and body; JSON, unless it says otherwise.
    pub fn says(self, head: http::response::Builder, body: &str) {
        let mut response =
            head.body(Full::new(Bytes::from(body.to_owned())).map_err(|never| match never {}).boxed_unsync()).expect("an answer");
        response.headers_mut().entry(CONTENT_TYPE).or_insert(http::HeaderValue::from_static("application/json"));
        self.send(response);
    }

    /// Answers with the head of an event stream; the rest is to come.
    pub fn streams(self) -> Rest {
        let (sender, mut receiver) = mpsc::channel(1);
        let body = StreamBody::new(futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx)));
        self.send(Response::builder().header(CONTENT_TYPE, "text/event-stream").body(body.boxed_unsync()).expect("an answer"));
        Rest(sender)
    }

    /// Waits until whoever asked has gone.
    pub async fn gone(&mut self) {
        timeout(PATIENCE, self.answer.closed()).await.expect("the gateway still waits for the answer");
    }

    fn send(self, response: Response<Body>) {
        let _ = self.answer.send(response); // who has gone hears nothing
    }
}

impl Rest {
    /// Sends one event.
    pub async fn event(&self, message: &Value) {
        self.text(&format!("event: message\ndata: {message}\n\n")).await;
    }

    pub async fn text(&self, text: &str) {
        self.0.send(Ok(Frame::data(Bytes::from(text.to_owned())))).await.expect("the gateway listens");
    }

    /// Breaks off in the middle.
    pub async fn break_off(self) {
        self.0.send(Err(io::Error::other("broken off"))).await.expect("the gateway listens");
    }

    /// Waits until nobody listens any more.
    pub async fn gone(&self) {
        timeout(PATIENCE, self.0.closed()).await.expect("the gateway still listens");
    }
}

/// The result of a tool that worked.
pub fn done(id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": "done" }] } })
}

async fn serve(listener: TcpListener, heard: mpsc::UnboundedSender<Heard>) {
    while let Ok((connection, _)) = listener.accept().await {
        let heard = heard.clone();
        let service = service_fn(move |request| hear(request, heard.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
    }
}

async fn hear(request: Request<Incoming>, to: mpsc::UnboundedSender<Heard>) -> Result<Response<Body>, oneshot::error::RecvError> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (answer, answered) = oneshot::channel();
    let _ = to.send(Heard { method: head.method, uri: head.uri, headers: head.headers, body, answer });
    answered.await
}
