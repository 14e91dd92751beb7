//! The company's identity provider, with a hand held between it and everybody else: a test counts what is asked of it, and alters what it
//! answers. The provider itself stays right, so whatever a site makes of an alteration is the alteration's doing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use chancery_demo::provider::Provider;

use crate::cast::Person;
use crate::{Forge, claims};

pub const METADATA: &str = "/.well-known/openid-configuration";
pub const KEYS: &str = "/jwks";
pub const TOKEN: &str = "/token";

/// Much more than a busy machine takes to ask.
const PATIENCE: Duration = Duration::from_secs(20);

/// The key that altered ID tokens are signed with. It is in the provider's key set from the beginning.
const KEY: &str = "the-hand-between";

/// The provider as a test holds it. All clones are one.
#[derive(Clone)]
pub struct IdentityProvider(Arc<Inner>);

struct Inner {
    provider: OnceLock<Arc<Provider>>,
    forge: Forge,
    asked: Mutex<Vec<String>>,
    /// What was asked for and given at [`TOKEN`].
    exchanged: Mutex<Vec<(Bytes, Bytes)>>,
    alterations: Mutex<BTreeMap<&'static str, Alteration>>,
    held: Mutex<BTreeMap<&'static str, Held>>,
}

type Alteration = Arc<dyn Fn(Reply) -> Reply + Send + Sync>;

/// An answer of the provider that waits until it is let go. All clones are one.
#[derive(Clone)]
pub struct Held(Arc<(Semaphore, Semaphore)>);

impl Held {
    /// Waits until the provider has answered and the answer is held.
    ///
    /// # Panics
    /// When nobody asks.
    pub async fn comes(&self) {
        let came = timeout(PATIENCE, self.0.0.acquire()).await.expect("somebody asks what is held");
        came.expect("nobody closes it").forget();
    }

    pub fn let_go(&self) {
        self.0.1.add_permits(1);
    }

    async fn wait(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.expect("nobody closes it").forget();
    }
}

/// An answer of the provider on its way.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl IdentityProvider {
    pub(crate) fn new() -> Self {
        let (asked, exchanged) = (Mutex::default(), Mutex::default());
        let (provider, forge) = (OnceLock::new(), Forge::stranger(KEY));
        let provider = Self(Arc::new(Inner { provider, forge, asked, exchanged, alterations: Mutex::default(), held: Mutex::default() }));
        let jwk = provider.0.forge.jwk();
        provider.alter_json(KEYS, move |document| document["keys"].as_array_mut().expect("a key set").push(jwk.clone()));
        provider
    }

    pub(crate) fn holds(&self, provider: Arc<Provider>) {
        let _ = self.0.provider.set(provider);
    }

    /// Nobody signs in or refreshes as this person any more. Nobody is told.
    pub fn disable(&self, person: Person) {
        self.provider().disable(known(person));
    }

    pub fn enable(&self, person: Person) {
        self.provider().enable(known(person));
    }

    /// This person is in these groups, and in no others.
    pub fn put_in_groups(&self, person: Person, groups: &[&str]) {
        self.provider().put_in_groups(known(person), groups);
    }

    /// Whether refresh tokens stay good after their use, and no new ones are given; else they rotate.
    pub fn be_lenient(&self, lenient: bool) {
        self.provider().be_lenient(lenient);
    }

    /// Ends all sessions of this person, and tells the site by its back-channel logout.
    pub async fn sign_out(&self, person: Person) {
        self.provider().clone().sign_out(known(person)).await;
    }

    /// A key of the provider's, to sign with whatever a test wants.
    pub fn forge(&self) -> &Forge {
        &self.0.forge
    }

    /// From now on each answer at this path is as it is without a hand between.
    pub fn leave_alone(&self, path: &'static str) {
        lock(&self.0.alterations).remove(path);
    }

    fn provider(&self) -> &Arc<Provider> {
        self.0.provider.get().expect("a provider is behind each site")
    }

    /// Puts the hand between the provider's routes and everybody else.
    pub(crate) fn around(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), between))
    }

    /// How often this path was asked for, such as [`TOKEN`].
    pub fn asked(&self, path: &str) -> usize {
        lock(&self.0.asked).iter().filter(|asked| *asked == path).count()
    }

    /// The forms that came to [`TOKEN`] so far, and what was answered.
    pub fn exchanged(&self) -> Vec<(Vec<(String, String)>, Value)> {
        let read = |form: &Bytes| form_urlencoded::parse(form).into_owned().collect();
        lock(&self.0.exchanged).iter().map(|(form, answer)| (read(form), serde_json::from_slice(answer).unwrap_or_default())).collect()
    }

    /// Alters every answer at this path from now on, in place of what altered it before.
    pub fn alter(&self, path: &'static str, alteration: impl Fn(Reply) -> Reply + Send + Sync + 'static) {
        lock(&self.0.alterations).insert(path, Arc::new(alteration));
    }

    /// Holds the next answer at this path, after the provider gave it.
    pub fn hold(&self, path: &'static str) -> Held {
        let hold = Held(Arc::new((Semaphore::new(0), Semaphore::new(0))));
        lock(&self.0.held).insert(path, hold.clone());
        hold
    }

    /// The same for a JSON document.
    pub fn alter_json(&self, path: &'static str, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.alter(path, move |reply| {
            let mut document = serde_json::from_slice(&reply.body).expect("the provider answers in JSON");
            change(&mut document);
            reply.saying(document.to_string())
        });
    }

    /// Puts another ID token in the place of each: the closure gets the claims, and a key of the provider's to sign with.
    pub fn alter_id_token(&self, make: impl Fn(Value, &Forge) -> String + Send + Sync + 'static) {
        let provider = self.clone();
        self.alter_json(TOKEN, move |answer| {
            if let Some(token) = answer["id_token"].as_str() {
                answer["id_token"] = json!(make(claims(token), &provider.0.forge));
            }
        });
    }

    /// Signs each ID token anew after this change of its claims.
    pub fn alter_claims(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.alter_id_token(move |mut claims, forge| {
            change(&mut claims);
            forge.signed(&id_token_header(forge).to_string(), &claims.to_string())
        });
    }
}

fn known(person: Person) -> chancery_demo::Person {
    person.parse().expect("somebody whom the provider knows")
}

/// The header of a good ID token.
pub fn id_token_header(forge: &Forge) -> Value {
    json!({ "typ": "JWT", "alg": "ES256", "kid": forge.kid })
}

impl Reply {
    /// The same with another body.
    pub fn saying(mut self, body: impl Into<Bytes>) -> Self {
        self.headers.remove(header::CONTENT_LENGTH);
        self.body = body.into();
        self
    }

    /// The same with another status.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

async fn between(State(provider): State<IdentityProvider>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    lock(&provider.0.asked).push(path.clone());
    let alteration = lock(&provider.0.alterations).get(path.as_str()).cloned();
    let exchanges = path.ends_with(TOKEN);
    let held = lock(&provider.0.held).remove(path.as_str());
    if alteration.is_none() && held.is_none() && !exchanges {
        return next.run(request).await;
    }

    let (head, form) = request.into_parts();
    let form = form.collect().await.expect("a site's requests are whole").to_bytes();
    let (mut head, body) = next.run(Request::from_parts(head, Body::from(form.clone()))).await.into_parts();
    let body = body.collect().await.expect("the provider's answers are whole").to_bytes();
    let mut reply = Reply { status: head.status, headers: head.headers, body };
    if let Some(alteration) = alteration {
        reply = alteration(reply);
    }
    if exchanges {
        lock(&provider.0.exchanged).push((form, reply.body.clone()));
    }
    if let Some(held) = held {
        held.wait().await;
    }
    (head.status, head.headers) = (reply.status, reply.headers);
    Response::from_parts(head, Body::from(reply.body))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
