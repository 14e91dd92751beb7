//! A tenant with a bank and an exchange, in a store of its own; what is around the issuer is played here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use chancery_audit::{Counters, Journal};
use chancery_core::{
    Authentication, ClientId, Clock, ConsentPage, Entropy, Html, Pages, RefusalPage, Rng, Secret, SessionId, Shown, SignIn, SignInRequest,
    SignInTrouble, SignedIn, SubjectId, Timestamp,
};
use chancery_crypto::digest::{secret_text, sha256};
use chancery_crypto::random::SystemRng;
use chancery_crypto::seal::{LocalKeyFile, Sealer};
use chancery_issuer::{AuthorizationServer, OwnCredentials, Parts};
use chancery_registry::config::SecretRef;
use chancery_registry::{Applying, Config, Registry, Tenant};
use chancery_store::repo::sessions::{self, Session};
use chancery_store::repo::sign_ins;
use chancery_store::repo::subjects::{self, Standing, Subject};
use chancery_store::{Store, StoreUrl, Unit, Write};
use chancery_tokens::{Signer, first_keys};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub const BANK: &str = "https://gw.example.com/mcp/bank";
pub const REPORTER_SECRET: &str = "0123456789abcdef0123456789abcdef";
pub const DESK_CALLBACK: &str = "http://127.0.0.1:5000/cb";
pub const REPORTER_CALLBACK: &str = "https://reporter.example.com/cb";

const FILE: &str = r#"
tenant: acme
base_url: https://gw.example.com
identity_providers:
  - { name: corp, issuer: https://login.example.com, client_id: chancery, client_secret: env:CORP }
agents:
  - { name: reporter, owner: finance }
clients:
  - { name: reporter, redirect_uris: [ https://reporter.example.com/cb ], secret: env:REPORTER, agent: reporter }
  - { name: desk, redirect_uris: [ http://127.0.0.1/cb ] }
resources:
  - name: bank
    title: Bank
    upstream: { url: http://10.0.0.7:9001/mcp }
    scopes: { "bank:read": See balances, "bank:move": Move money }
    default_scope: "bank:read"
    tools: { account_balance: { scope: "bank:read", read_only: true } }
  - name: exchange
    title: Exchange
    upstream: { url: http://10.0.0.7:9002/mcp }
    scopes: { "exchange:convert": Convert money }
    default_scope: "exchange:convert"
registration: { dynamic: open }
"#;

/// Moves when it is turned, and by a millisecond whenever somebody looks, so that what happens one after the other is recorded so.
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("a while"), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

pub struct Site {
    pub router: Router,
    pub store: Store,
    pub registry: Registry,
    pub journal: Journal,
    pub signer: Signer,
    pub clock: Arc<HandClock>,
    pub tenant: Arc<Tenant>,
    /// A public client.
    pub desk: ClientId,
    /// An agent's client, with a secret.
    pub reporter: ClientId,
    folder: PathBuf,
}

impl Site {
    pub async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("chancery-issuer-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");

        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let clock = Arc::new(HandClock(AtomicI64::new(1_764_000_000_000)));
        let store = Store::open(&StoreUrl::sqlite(folder.join("chancery.db"))).await.expect("a store");
        let key = LocalKeyFile::open_or_create(&folder.join("chancery.key"), &*rng).expect("a key file");
        let sealer = Sealer::new(Arc::new(key), Arc::clone(&rng));
        let journal = Journal::new(store.clone(), Arc::clone(&rng));
        let registry = Registry::open(chancery_registry::Parts {
            store: store.clone(),
            journal: journal.clone(),
            sealer: sealer.clone(),
            clock: clock.clone(),
            rng: Arc::clone(&rng),
        });
        let registry = registry.await.expect("a registry");
        let plan = registry.plan(&config()).await.expect("a plan");
        let also = first_keys(&plan.tenant, &sealer, clock.now(), &*rng).await.expect("keys");
        let applied = registry
            .apply(
                &plan,
                Applying {
                    administrator: "test".to_owned(),
                    also: chancery_audit::Draft { writes: also, ..chancery_audit::Draft::default() },
                },
            )
            .await
            .expect("applied");
        let (keyring, signer) = chancery_tokens::open(store.clone(), sealer, clock.now()).await.expect("a keyring");
        let tenant = registry.tenant("acme").expect("the tenant");
        let client = |name: &str| applied.clients.iter().find(|(is, _)| is.as_str() == name).expect("a client").1.clone();

        let provider = Provider { store: store.clone(), tenant: Arc::clone(&tenant), clock: clock.clone() };
        let server = AuthorizationServer::new(Parts {
            registry: registry.clone(),
            keyring,
            signer: signer.clone(),
            journal: journal.clone(),
            store: store.clone(),
            counters: Counters::new(),
            sign_in: Arc::new(provider),
            pages: Arc::new(PlainPages),
            clock: clock.clone(),
            rng,
        });
        let (desk, reporter) = (client("desk"), client("reporter"));
        let router = server.router();
        Self { router, store, registry, journal, signer, clock, tenant, desk, reporter, folder }
    }

    pub fn credentials(&self) -> OwnCredentials {
        let (registry, signer, journal) = (self.registry.clone(), self.signer.clone(), self.journal.clone());
        OwnCredentials::new(registry, signer, journal, self.clock.clone(), Arc::new(SystemRng))
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.expect("an answer")).await
    }

    /// The kinds of events in the log, oldest first.
    pub async fn events(&self) -> Vec<String> {
        let entries = chancery_audit::tail(&self.store, &self.tenant.id, None, 1000).await.expect("the log");
        entries.into_iter().map(|entry| entry.kind).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn config() -> Config {
    let secrets = |reference: &SecretRef| match reference.to_string().as_str() {
        "env:REPORTER" => Ok(Secret::new(REPORTER_SECRET.to_owned())),
        _ => Ok(Secret::new("hunter2".to_owned())),
    };
    let read = Config::read(&[("chancery.yaml".to_owned(), FILE.to_owned())], &secrets);
    read.unwrap_or_else(|problems| panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Self { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.to_vec()).expect("text") }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.text))
    }

    pub fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {} {}", self.status, self.text)).to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub fn location(&self) -> url::Url {
        let to = self.header("location").unwrap_or_else(|| panic!("no redirect: {} {}", self.status, self.text));
        url::Url::parse(to).expect("a URL")
    }

    /// A parameter of the address that it redirects to.
    pub fn redirected_with(&self, name: &str) -> Option<String> {
        assert_eq!(self.status, 303, "SB-06");
        self.location().query_pairs().find(|(is, _)| is == name).map(|(_, value)| value.into_owned())
    }

    /// The sealed request in the consent page.
    pub fn page(&self) -> String {
        self.text.strip_prefix("page=").and_then(|rest| rest.lines().next()).unwrap_or_else(|| panic!("no page: {self:?}")).to_owned()
    }
}

/// Pages that say what they would show.
struct PlainPages;

impl Pages for PlainPages {
    type Decided = std::convert::Infallible;

    fn consent(&self, page: &ConsentPage) -> Shown<Self::Decided> {
        Shown::Html(Html(format!("page={}\n{page:?}", page.sealed)))
    }

    fn refusal(&self, page: &RefusalPage) -> Html {
        Html(format!("{} {}\n{}", page.row, page.title, page.text))
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("content-type", "text/html"), ("x-frame-options", "DENY")]
    }
}

/// Signs in alice at once: the address that it sends the browser to has the key to resume with.
struct Provider {
    store: Store,
    tenant: Arc<Tenant>,
    clock: Arc<HandClock>,
}

/// Her id is the same each time.
pub fn alice() -> SubjectId {
    SubjectId::mint(Timestamp::from_seconds(1), &mut Entropy::from_bytes([7; Entropy::BYTES]))
}

impl Provider {
    async fn sign_in(&self, request: SignInRequest) -> Result<String, SignInTrouble> {
        let (now, mut entropy) = (self.clock.now(), Entropy::draw(&SystemRng));
        let (state, key, cookie) = (secret_text(entropy.take()), secret_text(entropy.take()), secret_text(entropy.take()));
        let hash = |text: &Secret<String>| sha256(text.expose().as_bytes());
        let authentication = Authentication { auth_time: Some(now - Duration::from_secs(9)), acr: None, amr: vec!["pwd".to_owned()] };
        let provider: chancery_core::Slug = "corp".parse().expect("a slug");
        let session = Session {
            tenant: self.tenant.id,
            hash: hash(&cookie),
            id: SessionId::mint(now, &mut entropy),
            subject: alice(),
            provider: provider.clone(),
            authentication: authentication.clone(),
            created_at: now,
            expires_at: now + Duration::from_secs(3600),
            ended_at: None,
        };
        let signed_in = SignedIn { subject: session.subject, session: session.id, provider: provider.clone(), authentication };
        let subject = Subject {
            tenant: self.tenant.id,
            id: session.subject,
            provider: provider.clone(),
            key: "alice".to_owned(),
            status: Standing::Active,
            claims: "{\"username\":\"alice\"}".to_owned(),
            seen_at: now,
        };
        let sign_in = sign_ins::SignIn {
            tenant: self.tenant.id,
            state: hash(&state),
            provider,
            browser: request.browser,
            sealed: Vec::new(),
            request: request.request,
            created_at: now,
            expires_at: now + Duration::from_secs(600),
            claimed_at: Some(now),
            result: Some(serde_json::to_string(&signed_in).expect("JSON")),
            resume: Some(hash(&key)),
            resumed_at: None,
        };
        self.write(vec![sessions::insert(&session), sign_ins::insert(&sign_in)]).await;
        let known = subjects::by_id(&self.store, &self.tenant.id, &subject.id).await.expect("an answer");
        if known.is_none() {
            self.write(vec![subjects::insert(&subject)]).await;
        }
        Ok(format!("https://login.example.com/?key={}&session={}", key.expose(), cookie.expose()))
    }

    async fn write(&self, writes: Vec<Write>) {
        let _receipt = self.store.commit(Unit::new(self.tenant.id, writes)).await.expect("written");
    }
}

impl SignIn for Provider {
    fn begin(&self, request: SignInRequest) -> BoxFuture<'_, Result<String, SignInTrouble>> {
        self.sign_in(request).boxed()
    }
}
