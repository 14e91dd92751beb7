//! A whole site in the test's own process, on loopback: one node or several behind a [balancer](crate::balancer), the development identity
//! provider, a bank and an exchange behind the gateway, and a clock that the test turns. Spoken to over HTTP alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery::admin::message::{Answer as Administered, Files, Registering, Registration, Revocable, Revoke, SentSecret, Task};
use chancery::admin::{Administration, Administrator};
use chancery::exit::Failure;
use chancery::stop::Stop;
use chancery_core::{Clock, Secret, Timestamp};
use chancery_crypto::seal::Sealer;
use chancery_registry::config::FeedConfig;
use chancery_store::{Change, Store, Topic, Unit, Value as Column, Write, repo};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::browser::Browser;
use crate::cast::{AppName, ODD_SECRET, ODD_SECRET_REF, OTHER_PROVIDER, Person, REDIRECT_AT, SECRET, SECRET_REF, ServerName, TENANT};
use crate::chores::Chores;
use crate::idp_sim::{IdpSim, Profile};
use crate::log::{Log, Logged};
use crate::nodes::{Nodes, Setting};
use crate::postgres::Database;
use crate::relay::Relay;
use crate::{Answer, Ask, Forge, HandClock, IdentityProvider, Kind, Tokens};

/// How long a change may take until every node follows it. More than the second that is promised, since tests share a machine.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(60);
/// More events than any test makes.
const WHOLE_LOG: u32 = 10_000;

/// Cheap to clone; all clones are one site.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    base: String,
    clock: Arc<HandClock>,
    /// Of the first node, by which the test looks behind the scenes.
    administration: Administration,
    store: Store,
    sealer: Sealer,
    chores: Vec<Chores>,
    provider: IdentityProvider,
    other: (IdentityProvider, String),
    /// How many of the store's reads were the test's own.
    own_reads: AtomicU64,
    /// How far each node has followed the change feed.
    applied: Vec<watch::Receiver<i64>>,
    addresses: Vec<String>,
    relay: Option<Relay>,
    file: Mutex<Value>,
    secrets: Mutex<BTreeMap<String, String>>,
    apps: Mutex<BTreeMap<String, String>>,
    people: Mutex<BTreeMap<Person, String>>,
    stop: Stop,
    standing_on: crate::nodes::StandingOn,
}

/// An app of the file, or one that registered itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct App {
    pub id: String,
    pub secret: Option<&'static str>,
    pub redirect_uri: String,
}

impl Site {
    /// One node on SQLite.
    pub async fn on_sqlite() -> Self {
        Self::of(Kind::Sqlite, 1).await.expect("SQLite is always there")
    }

    /// One node on PostgreSQL. None where there is none and that is allowed; so it is with several.
    pub async fn on_postgres() -> Option<Self> {
        Self::of(Kind::Postgres, 1).await
    }

    /// So many nodes on one PostgreSQL database, behind a balancer that sends each request to any of them.
    pub async fn cluster(nodes: usize) -> Option<Self> {
        Self::of(Kind::Postgres, nodes).await
    }

    /// One node on SQLite whose clock goes with the machine's: for identity providers that are processes of their own.
    pub async fn in_real_time() -> Self {
        Self::by(HandClock::running(), Setting::of(Kind::Sqlite, 1)).await.expect("SQLite is always there")
    }

    async fn of(kind: Kind, nodes: usize) -> Option<Self> {
        Self::by(HandClock::new(), Setting::of(kind, nodes)).await
    }

    /// Two nodes of which the second may lose the database by [`Site::relay`], and is configured for that so. The balancer knows the first
    /// alone, so that all goes on.
    pub async fn that_may_lose_its_feed(feed: FeedConfig) -> Option<Self> {
        Self::by(HandClock::new(), Setting { feed, relayed: true, ..Setting::of(Kind::Postgres, 2) }).await
    }

    async fn by(clock: HandClock, setting: Setting) -> Option<Self> {
        let clock = Arc::new(clock);
        let nodes = Nodes::start(setting, clock.clone()).await?;
        let inner = Inner {
            base: nodes.base,
            clock,
            administration: nodes.administration,
            store: nodes.store,
            sealer: nodes.sealer,
            chores: nodes.chores,
            provider: nodes.provider,
            other: nodes.other,
            own_reads: AtomicU64::new(0),
            applied: nodes.applied,
            addresses: nodes.addresses,
            relay: nodes.relay,
            file: Mutex::new(nodes.file),
            secrets: Mutex::default(),
            apps: Mutex::default(),
            people: Mutex::default(),
            stop: nodes.stop,
            standing_on: nodes.standing_on,
        };
        let site = Self(Arc::new(inner));
        site.apply(|_| {}).await;
        Some(site)
    }

    /// Has the file's `env:` reference of this name lead to this secret.
    pub fn secret(&self, reference: &str, secret: &str) {
        lock(&self.0.secrets).insert(reference.to_owned(), secret.to_owned());
    }

    /// Changes the file and applies it.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn apply(&self, change: impl FnOnce(&mut Value)) {
        let text = {
            let mut file = lock(&self.0.file);
            change(&mut file);
            file.to_string() // JSON is YAML
        };
        let given = lock(&self.0.secrets).clone();
        let secrets = [(SECRET_REF, SECRET), (ODD_SECRET_REF, ODD_SECRET)].map(|(name, secret)| (name.to_owned(), secret.to_owned()));
        let sent = |(name, secret): (String, String)| (name, SentSecret(Secret::new(secret)));
        let files = Files { files: vec![("site.yaml".to_owned(), text)], secrets: secrets.into_iter().chain(given).map(sent).collect() };
        let applied = self.0.administration.apply(&files, &Administrator::at_start()).await;
        let Administered::Applied(applied) = applied.unwrap_or_else(|failure| panic!("{failure}")) else {
            panic!("an apply answers with what was applied");
        };
        *lock(&self.0.apps) = applied.clients;
        self.settle().await;
    }

    /// The same, and the thread waits: for what cannot wait otherwise, such as an answer that is altered.
    pub fn apply_meanwhile(&self, change: impl FnOnce(&mut Value)) {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.apply(change)));
    }

    /// The file as it was applied last.
    pub fn file(&self) -> String {
        lock(&self.0.file).to_string()
    }

    /// Has the first node's administration end something, and waits until every node knows.
    pub async fn revoke(&self, kind: Revocable, id: &str) -> Result<Administered, Failure> {
        let asked = Revoke { tenant: TENANT.to_owned(), kind, id: id.to_owned(), reason: "a test wants it".to_owned(), dry_run: false };
        self.administer(&Task::Revoke(asked)).await
    }

    /// The same, and waits for nobody.
    pub async fn revoke_unheard(&self, kind: Revocable, id: &str) {
        let asked = Revoke { tenant: TENANT.to_owned(), kind, id: id.to_owned(), reason: "a test wants it".to_owned(), dry_run: false };
        let done = self.0.administration.answer(&Task::Revoke(asked), &Administrator::at_start()).await;
        done.unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// Has the first node's administration do something, and waits until every node knows.
    pub async fn administer(&self, task: &Task) -> Result<Administered, Failure> {
        let answer = self.0.administration.answer(task, &Administrator::at_start()).await;
        self.settle().await;
        answer
    }

    /// Has the first node's administration govern registration, and waits until every node knows.
    pub async fn registration(&self, what: Registering) -> Result<Administered, Failure> {
        let asked = Registration { tenant: TENANT.to_owned(), what };
        let answer = self.0.administration.answer(&Task::Registration(asked), &Administrator::at_start()).await;
        self.settle().await;
        answer
    }

    /// Turns the clock.
    pub fn turn(&self, by: Duration) {
        self.0.clock.turn(by);
    }

    /// Has `what` be done by a node whose clock is so far ahead; everything after it is another's.
    pub async fn ahead<T>(&self, by: Duration, what: impl Future<Output = T>) -> T {
        self.0.clock.turn(by);
        let done = what.await;
        self.0.clock.turn_back(by);
        done
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The company's identity provider.
    pub fn identity_provider(&self) -> &IdentityProvider {
        &self.0.provider
    }

    /// Another company's, which the file does not name unless a test has it do so.
    pub fn other_identity_provider(&self) -> &IdentityProvider {
        &self.0.other.0
    }

    /// What the file would say of it.
    pub fn other_provider(&self) -> Value {
        json!({ "name": OTHER_PROVIDER, "issuer": self.0.other.1, "client_id": "chancery", "client_secret": SECRET_REF })
    }

    /// A browser that nobody has used yet.
    pub fn browser(&self) -> Browser {
        Browser::new(self.0.clock.clone())
    }

    /// A program, which has no cookies.
    pub fn program(&self) -> Browser {
        Browser::program(self.0.clock.clone())
    }

    /// Where each node is reached by itself, past the balancer.
    pub fn nodes(&self) -> &[String] {
        &self.0.addresses
    }

    /// The last node's way to the database.
    ///
    /// # Panics
    /// When this site has none in the test's hands.
    pub fn relay(&self) -> &Relay {
        self.0.relay.as_ref().expect("this site's nodes go straight to the database")
    }

    /// Where the site is reached, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.0.base
    }

    pub fn issuer(&self) -> String {
        format!("{}/t/{TENANT}", self.0.base)
    }

    /// The issuer's address of something, such as `token`.
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.issuer())
    }

    /// A resource's URL.
    pub fn url(&self, server: ServerName) -> String {
        format!("{}/mcp/{server}", self.0.base)
    }

    /// A simulated identity provider that tells the time as this site does; people return from it as from one called `name`, which no
    /// file speaks of yet.
    pub async fn simulated(&self, profile: Profile, name: &str) -> IdpSim {
        IdpSim::start(profile, self.0.clock.clone(), &[&self.endpoint(&format!("callback/{name}"))]).await
    }

    /// The issuer's metadata.
    pub async fn metadata(&self) -> Value {
        let url = format!("{}/.well-known/oauth-authorization-server/t/{TENANT}", self.0.base);
        self.program().get(&url).await.has_status(200).json()
    }

    /// An app of the file.
    ///
    /// # Panics
    /// When the file has no such app.
    pub fn app(&self, name: AppName) -> App {
        let id = lock(&self.0.apps).get(name).cloned().unwrap_or_else(|| panic!("the file has no app {name}"));
        let has_secret =
            lock(&self.0.file)["clients"].as_array().into_iter().flatten().any(|app| app["name"] == name && !app["secret"].is_null());
        App { id, secret: has_secret.then_some(SECRET), redirect_uri: REDIRECT_AT.to_owned() }
    }

    /// An authorization request that nothing is wrong with: for the bank, with its default scope.
    pub fn ask(&self, app: AppName) -> Ask {
        Ask::new(self, self.app(app))
    }

    /// The same, for an app that is not in the file.
    pub fn ask_as(&self, app: App) -> Ask {
        Ask::new(self, app)
    }

    /// All the way: a new browser, sign-in, consent, code, tokens for the bank.
    pub async fn sign_in(&self, person: Person, app: AppName) -> Tokens {
        self.ask(app).approved_by(person).await.redeem().await.granted()
    }

    /// Registers a client (RFC 7591).
    pub async fn register(&self, metadata: &Value) -> Answer {
        self.program().post_json(&self.endpoint("register"), metadata).await
    }

    /// Posts to the token endpoint as this app, with its secret where it has one.
    pub async fn post_token(&self, app: &App, fields: &[(&str, &str)]) -> Answer {
        self.post_token_with(app, &[], fields).await
    }

    /// The same with more headers, such as a `DPoP` proof.
    pub async fn post_token_with(&self, app: &App, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let mut fields = [fields, &[("client_id", app.id.as_str())]].concat();
        if let Some(secret) = app.secret {
            fields.push(("client_secret", secret));
        }
        self.program().post_with(&self.endpoint("token"), headers, &fields).await
    }

    /// What the audit log says now: what the nodes have begun to write is waited for.
    pub async fn audit(&self) -> Log {
        for chores in &self.0.chores {
            chores.settle().await;
        }
        let tail = chancery::admin::message::Tail { tenant: TENANT.to_owned(), after: None, limit: WHOLE_LOG, follow: false };
        self.0.own_reads.fetch_add(1, Ordering::Relaxed);
        let entries = self.0.administration.tail(&tail).await.unwrap_or_else(|failure| panic!("{failure}"));
        let mut events: Vec<Logged> = entries.into_iter().map(Logged::from).collect();
        events.sort_by_key(|event| event.at); // a node may write later what it decided earlier
        Log { events, names: self.names() }
    }

    /// Has every node write down what it has counted so far.
    pub async fn summarise(&self) {
        for chores in &self.0.chores {
            chores.summarise().await;
        }
    }

    /// Has what has expired deleted.
    pub async fn reap(&self) {
        self.0.own_reads.fetch_add(1, Ordering::Relaxed);
        let _rows = chancery_store::reap::reap(&self.0.store, self.now()).await.expect("the store answers");
    }

    /// Has the gateway end what nobody asks any more.
    pub fn tidy(&self) {
        self.0.chores.iter().for_each(Chores::tidy);
    }

    /// Has every node see to it that the providers forget the clients that are no more.
    pub async fn forget_left_behind(&self) {
        for chores in &self.0.chores {
            chores.forget().await;
        }
    }

    /// Has all nodes at once tell clients of the sessions that ended.
    pub async fn tell_of_logouts(&self) {
        futures_util::future::join_all(self.0.chores.iter().map(Chores::tell)).await;
    }

    /// Takes the audit log's table away, so that no event can be written.
    pub async fn lose_log(&self) {
        self.alter("ALTER TABLE events RENAME TO events_away").await;
    }

    /// Puts it back.
    pub async fn restore_log(&self) {
        self.alter("ALTER TABLE events_away RENAME TO events").await;
    }

    /// Has the disk of SQLite fail whenever a new client is committed: nobody can say then whether there is one.
    pub async fn lose_commits_of_clients(&self) {
        self.alter("CREATE TABLE snag (client TEXT REFERENCES nowhere (id) DEFERRABLE INITIALLY DEFERRED)").await;
        self.alter("CREATE TABLE nowhere (id TEXT PRIMARY KEY)").await;
        self.alter("CREATE TRIGGER snags AFTER INSERT ON clients BEGIN INSERT INTO snag (client) VALUES (NEW.id); END").await;
    }

    /// The end of that.
    pub async fn keep_commits_of_clients(&self) {
        self.alter("DROP TRIGGER snags").await;
    }

    async fn alter(&self, sql: &'static str) {
        self.commit(vec![Write::any(sql, Vec::new())], Vec::new()).await;
    }

    /// Has the feed say this, as though some node had written what it tells of.
    pub async fn tells(&self, topic: Topic, key: &str) {
        self.commit(Vec::new(), vec![Change { topic, key: key.to_owned() }]).await;
    }

    async fn commit(&self, writes: Vec<Write>, changes: Vec<Change>) {
        self.0.own_reads.fetch_add(1, Ordering::Relaxed);
        let tenants = repo::tenants::all(&self.0.store).await.expect("the store answers");
        let unit = Unit { changes, ..Unit::new(tenants.first().expect("a tenant").id, writes) };
        let _receipt = self.0.store.commit(unit).await.expect("the store obeys");
    }

    /// Where it keeps its rows, to do to it what happens to databases.
    ///
    /// # Panics
    /// When that is no PostgreSQL.
    pub fn database(&self) -> &Database {
        self.0.standing_on.database.as_ref().expect("this site is on SQLite")
    }

    /// Makes tokens with the issuer's own key.
    pub async fn forge(&self) -> Forge {
        self.0.own_reads.fetch_add(1, Ordering::Relaxed);
        Forge::of(&self.0.store, &self.0.sealer).await
    }

    /// How often the site itself has read its first node's store.
    pub fn reads(&self) -> u64 {
        self.0.store.reads() - self.0.own_reads.load(Ordering::Relaxed)
    }

    /// The first node's store, for tests that must look at rows.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Waits until every node has followed all that was written so far.
    ///
    /// # Panics
    /// When one doesn't in time.
    pub async fn settle(&self) {
        const NEWEST: &str = "SELECT COALESCE(MAX(seq), 0) FROM feed";
        self.0.own_reads.fetch_add(1, Ordering::Relaxed);
        let rows = self.0.store.query(NEWEST, Vec::<Column>::new()).await.expect("the store answers");
        let newest = rows.into_iter().next().map_or(Ok(0), |mut row| row.int()).expect("a number");
        for applied in &self.0.applied {
            let mut applied = applied.clone();
            let followed = tokio::time::timeout(FOLLOWED_WITHIN, applied.wait_for(|seq| *seq >= newest)).await;
            followed.expect("a node did not follow the change feed in time").expect("the node runs");
        }
    }

    pub(crate) fn met(&self, person: Person, subject: &str) {
        lock(&self.0.people).insert(person, subject.to_owned());
    }

    fn names(&self) -> BTreeMap<String, String> {
        let people = lock(&self.0.people).iter().map(|(name, id)| ((*name).to_owned(), id.clone())).collect::<Vec<_>>();
        let servers = [crate::cast::BANK, crate::cast::EXCHANGE].map(|server| (server.to_owned(), self.url(server)));
        lock(&self.0.apps).clone().into_iter().chain(people).chain(servers).collect()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.drain.cancel();
        self.stop.end.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
