//! A site whose tenant gives the admin API's scopes to somebody, and tokens for it.

use std::time::Duration;

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT, TENANT};
use chancery_testkit::{Answer, Forge, Site, request};
use http::{Method, Request, header};
use serde_json::{Value, json};

/// The scopes of the admin API.
pub const READ: &str = "admin:read";
pub const APPLY: &str = "admin:apply";
pub const REVOKE: &str = "admin:revoke";
pub const REGISTER: &str = "admin:register";

/// Method, address below `{issuer}/admin`, scope, and a body that is good.
pub fn routes() -> Vec<(Method, &'static str, &'static str, Value)> {
    let revocation = json!({ "kind": "token", "id": "tok_019ab697e80070008000000000000001" });
    vec![
        (Method::GET, "objects", READ, Value::Null),
        (Method::GET, "events", READ, Value::Null),
        (Method::GET, "clients", READ, Value::Null),
        (Method::GET, "clients/notebook", READ, Value::Null),
        (Method::GET, "grants", READ, Value::Null),
        (Method::GET, "subjects", READ, Value::Null),
        (Method::GET, "subjects/alice", READ, Value::Null),
        (Method::GET, "sessions?subject=alice", READ, Value::Null),
        (Method::GET, "keys", READ, Value::Null),
        (Method::POST, "plan", APPLY, json!({ "files": [] })),
        (Method::POST, "apply", APPLY, json!({ "files": [] })),
        (Method::POST, "revocations", REVOKE, revocation),
        (Method::POST, "standing", REVOKE, json!({ "subject": "alice", "suspended": false })),
        (Method::GET, "registration/waiting", READ, Value::Null),
        (Method::GET, "registration/waiting/cli_1", READ, Value::Null),
        (Method::POST, "registration/approve", REGISTER, json!({ "id": "cli_1", "seen": "1" })),
        (Method::POST, "registration/deny", REGISTER, json!({ "id": "cli_1" })),
        (Method::GET, "registration/tokens", READ, Value::Null),
        (Method::POST, "registration/tokens/make", REGISTER, json!({ "label": "x", "uses": 1, "lasts": 60 })),
        (Method::POST, "registration/tokens/end", REGISTER, json!({ "id": "1" })),
    ]
}

/// An administrator-to-be, and the key that the issuer signs with.
pub struct Administered {
    pub site: Site,
    pub forge: Forge,
    /// Alice's id.
    pub alice: String,
}

impl Administered {
    /// With all scopes given to somebody.
    pub async fn new(site: Site) -> Self {
        let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await.claims()["sub"].as_str().expect("a subject").to_owned();
        site.gives_administration("admin:read admin:apply admin:revoke admin:register").await;
        let forge = site.forge().await;
        Self { site, forge, alice }
    }

    /// The claims of a token of alice's for the admin API, with this scope.
    pub fn claims(&self, scope: &str) -> Value {
        let now = self.site.now().seconds();
        json!({
            "iss": self.site.issuer(),
            "sub": self.alice,
            "aud": self.url(""),
            "client_id": "chancery-cli",
            "scope": scope,
            "exp": now + 300,
            "iat": now,
            "jti": "tok_019ab697e80070008000000000000009",
            "tenant": TENANT,
        })
    }

    pub fn token(&self, scope: &str) -> String {
        self.forge.token(&self.claims(scope))
    }

    pub fn url(&self, path: &str) -> String {
        let url = format!("{}/{path}", self.site.endpoint("admin"));
        url.trim_end_matches('/').to_owned()
    }

    pub async fn send(&self, asked: (Method, &str, &Value), token: Option<&str>) -> Answer {
        let headers: Vec<_> = token.into_iter().map(bearer).collect();
        self.send_with(asked, &headers).await
    }

    /// By the DPoP scheme, with these proofs.
    pub async fn prove(&self, asked: (Method, &str, &Value), token: &str, proofs: &[&str]) -> Answer {
        let proofs = proofs.iter().map(|proof| ("dpop", (*proof).to_owned()));
        let headers: Vec<_> = proofs.chain([(header::AUTHORIZATION.as_str(), format!("DPoP {token}"))]).collect();
        self.send_with(asked, &headers).await
    }

    async fn send_with(&self, asked: (Method, &str, &Value), headers: &[(&str, String)]) -> Answer {
        self.site.program().send(self.request(asked, headers)).await
    }

    pub fn request(&self, (method, path, body): (Method, &str, &Value), headers: &[(&str, String)]) -> Request<Bytes> {
        let request = request(method, &self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let (request, body) = match body {
            Value::Null => (request, Bytes::new()),
            body => (request.header(header::CONTENT_TYPE, "application/json"), Bytes::from(body.to_string())),
        };
        request.body(body).expect("a request")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send((Method::GET, path, &Value::Null), Some(&self.token(READ))).await
    }

    pub async fn post(&self, path: &str, scope: &str, body: &Value) -> Answer {
        self.send((Method::POST, path, body), Some(&self.token(scope))).await
    }
}

/// The header that shows this token.
pub fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

/// A problem (RFC 9457) that says what happened, and is kept by nobody.
pub fn is_a_problem(answer: &Answer, status: u16) -> Value {
    answer.has_status(status);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], status, "{answer:?}");
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{answer:?}");
    body
}

pub const MINUTE: Duration = Duration::from_secs(60);
