//! PostgreSQL dies in the midst of everything (`kill -9` of all its processes) and comes back: what is under way ends properly, nothing
//! new begins, nothing is lost or doubled, and everything goes on without a restart of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chancery_core::SystemClock;
use chancery_crypto::digest;
use chancery_testkit::cast::ALICE;
use chancery_testkit::coming::{self, call};
use chancery_testkit::postgres::{Database, Locked, Mortal};
use chancery_testkit::relay::Relay;
use chancery_testkit::{Answer, Browser, Mcp};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::app::{App, Tokens};
use crate::killed_gateway::{behind, in_session, opened, outcomes, transfer};
use crate::process::{Running, free_port};
use crate::served::Served;
use crate::worker::Worker;

/// Longer than whoever gives up soon would try.
const OUTAGE: Duration = Duration::from_secs(7);
/// How long it may take until all is well again.
const PATIENCE: Duration = Duration::from_secs(60);
/// For so long a node that hears nothing of the others goes on, so that what is refused meanwhile is refused for what a test looks at.
const LOST_AFTER: &str = "20s";
/// How long nothing must come where nothing is to come.
const A_WHILE: Duration = Duration::from_secs(1);
/// Who calls and refreshes under load, how much is answered before the database dies, and how often it does.
const CALLERS: usize = 6;
const ENOUGH: usize = 40;
const DEATHS: usize = 2;

fn server(port: u16, store: &str) -> Value {
    let mut server = crate::served::server(port, store);
    server["feed"] = json!({ "lost_after": LOST_AFTER });
    server
}

struct Site {
    worker: Worker,
    served: Served,
    _gateway: Running,
    app: App,
    database: Database,
    mortal: Mortal,
}

impl Site {
    async fn start() -> Option<Self> {
        let on_mortal_server = tokio::task::spawn_blocking(Database::on_mortal_server);
        let (database, mortal) = on_mortal_server.await.expect("a database, or the panic that says why not")?;
        let (worker, port) = (Worker::start(), free_port());
        let served = Served::at(format!("http://127.0.0.1:{port}"), server(port, &database.url()), behind(&worker)).await;
        let gateway = served.serve();
        let app = App::registered_at(&served.base).await;
        Some(Self { worker, served, _gateway: gateway, app, database, mortal })
    }

    async fn signed_in(&self) -> Tokens {
        self.app.redeem(&self.app.approved_by(ALICE).await).await
    }

    /// Calls until a call passes.
    async fn is_back(&self, mcp: &Mcp, mark: &str) {
        let begun = Instant::now();
        while mcp.post(&transfer(mark, "")).await.status != 200 {
            assert!(begun.elapsed() < PATIENCE, "the database is back, and calls do not pass");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Each call of the upstream's has one open event, each open event one close at most, and each grant one family.
    fn is_not_doubled(&self, log: &[Value]) {
        let mut opened: BTreeMap<&str, usize> = BTreeMap::new();
        for event in log.iter().filter(|event| event["kind"] == "call_opened") {
            *opened.entry(event["fields"]["inputs_digest"].as_str().expect("a digest")).or_default() += 1;
        }
        let calls = self.worker.calls();
        for mark in &calls {
            let arguments = transfer(mark, "")["params"]["arguments"].to_string();
            let digest = digest::hex(&digest::sha256(arguments.as_bytes()));
            assert_eq!(opened.get(digest.as_str()), Some(&1), "the events that open the call {mark}");
        }
        assert_eq!(calls.iter().collect::<BTreeSet<_>>().len(), calls.len(), "a call was carried out twice: {calls:?}");
        let mut closed: Vec<&Value> =
            log.iter().filter(|event| event["kind"] == "call_closed").map(|event| &event["fields"]["opened"]).collect();
        let closes = closed.len();
        closed.sort_by_key(|id| id.to_string());
        closed.dedup();
        assert_eq!(closed.len(), closes, "a call was closed twice");
        let doubled = self.database.sql("SELECT count(*) - count(DISTINCT grant_id) FROM families");
        assert_eq!(doubled.trim(), "0", "a grant has two families");
    }
}

fn reason(answer: &chancery_testkit::Answer) -> Value {
    answer.json()["error"]["data"]["reason"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_stop_while_the_database_is_dead_and_go_on_by_themselves() {
    let Some(mut site) = Site::start().await else { return };
    let tokens = site.signed_in().await;
    let mut mcp = site.app.mcp(&tokens);
    mcp.initialize().await.expect("a session");
    mcp.post(&transfer("before", "")).await.has_status(200);
    let waiting = {
        let mcp = mcp.clone();
        tokio::spawn(async move { coming::post(&mcp, &transfer("waits", "waits")).await.response })
    };
    site.worker.has_done(2).await;
    let mut streaming = coming::post(&mcp, &transfer("streams", "streams")).await;
    assert!(streaming.piece().await.contains("progress"));
    site.served.audit_when(|log| outcomes(log).len() == 1).await;

    site.mortal.kill();

    // Nothing new begins, and whoever asks is told so. What only reads goes out meanwhile, but its answer is not given.
    let refused = mcp.post(&transfer("meanwhile", "")).await;
    assert_eq!(reason(refused.has_status(503)), "log_unavailable");
    assert_eq!((&refused.json()["id"], refused.header("www-authenticate")), (&json!(1), None));
    let read = mcp.post(&call("account_balance", &json!({ "mark": "read" }))).await;
    assert_eq!(reason(read.has_status(503)), "log_unavailable");
    let unavailable = site.app.token(&[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]).await;
    assert_eq!(unavailable.has_status(503).json()["error"], "temporarily_unavailable");
    // What was open in the log comes to its end.
    site.worker.release(2).await;
    let answer = waiting.await.expect("it ran");
    assert_eq!(answer.status(), 200);
    assert!(String::from_utf8_lossy(&answer.into_body().collect().await.expect("a whole answer").to_bytes()).contains("\"done\""));
    assert!(streaming.piece().await.contains("\"done\""));
    assert!(streaming.next().await.is_none(), "a proper end");

    let begun = Instant::now();
    let is_ready = async || Browser::program(Arc::new(SystemClock)).get(&format!("{}/ready", site.served.base)).await.status == 200;
    while is_ready().await {
        assert!(begun.elapsed() < PATIENCE, "the database is dead, and the node says that it is ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(OUTAGE.saturating_sub(begun.elapsed())).await;
    site.mortal.start_again();

    site.is_back(&mcp, "after").await;
    assert!(is_ready().await, "calls pass, and the node says that it is not ready");
    let log = site.served.audit_when(|log| outcomes(log).len() == opened(log).0).await;
    assert_eq!((opened(&log), outcomes(&log)), ((4, 0), vec!["answered"; 4]), "how they ended was known, and had to wait");
    assert_eq!(site.worker.calls(), ["before", "waits", "streams", "read", "after"]);
    site.app.mcp(&site.app.refresh(&tokens).await).call("transfer", json!({ "mark": "refreshed" })).await.answered();
}

/// Has each commit that opens a call last for as long as somebody holds this lock. No timeout of PostgreSQL's runs during a COMMIT.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1)";
const LINGERS: &str = "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$; \
     CREATE CONSTRAINT TRIGGER lingers AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
     WHEN (NEW.kind = 'call_opened') EXECUTE FUNCTION linger()";
const COMMITTING: &str = "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'";

/// A call whose open event is being committed, and its commit lingers.
struct Lingering {
    worker: Worker,
    served: Served,
    _gateway: Running,
    database: Database,
    calling: JoinHandle<Answer>,
    /// What the commit waits for.
    held: Locked,
}

impl Lingering {
    /// `url` is where the gateway finds the database.
    async fn start(database: Database, url: &str) -> Self {
        let (worker, port) = (Worker::start(), free_port());
        let served = Served::at(format!("http://127.0.0.1:{port}"), server(port, url), behind(&worker)).await;
        let gateway = served.serve();
        let mcp = in_session(&served.base).await;
        mcp.post(&transfer("before", "")).await.has_status(200);
        served.audit_when(|log| outcomes(log).len() == 1).await;

        database.sql(LINGERS);
        let held = database.hold(LOCK);
        let calling = tokio::spawn(async move { mcp.post(&transfer("meanwhile", "")).await });
        worker.until(|| async { database.sql(COMMITTING).trim() == "1" }).await;
        Self { worker, served, _gateway: gateway, database, calling, held }
    }
}

fn is_committed(database: &Database) -> bool {
    database.sql(COMMITTING).trim() == "0"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_event_may_be_written_is_not_sent_and_is_known_to_be_refused() {
    let fresh = tokio::task::spawn_blocking(Database::fresh).await.expect("a database, or the panic that says why not");
    let Some(database) = fresh else { return };
    let (relay, url) = Relay::to_database(&database.url()).await;
    let mut site = Lingering::start(database, &url).await;
    relay.hangs_up();

    assert_eq!(reason((&mut site.calling).await.expect("it ran").has_status(503)), "log_unavailable");
    drop(site.held);
    site.worker.until(|| async { is_committed(&site.database) }).await;
    site.database.sql("DROP TRIGGER lingers ON events");
    relay.passes();
    let log = site.served.audit_when(|log| outcomes(log).len() == 2).await;
    assert_eq!((opened(&log), outcomes(&log)), ((2, 0), vec!["answered", "refused"]), "the commit went through, and its answer did not");
    assert_eq!(site.worker.calls(), ["before"], "what is not known to be in the log is not sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_while_the_call_s_event_is_written_is_told_of_after_it() {
    let fresh = tokio::task::spawn_blocking(Database::fresh).await.expect("a database, or the panic that says why not");
    let Some(database) = fresh else { return };
    let url = database.url();
    let site = Lingering::start(database, &url).await;
    site.calling.abort();

    let begun = Instant::now();
    while begun.elapsed() < A_WHILE {
        let closed = site.database.sql("SELECT count(*) FROM events WHERE kind = 'call_closed'");
        assert_eq!(closed.trim(), "1", "the log closes a call that it has not opened");
    }
    assert!(!is_committed(&site.database));
    drop(site.held);
    let log = site.served.audit_when(|log| outcomes(log).len() == 2).await;
    assert_eq!((opened(&log), outcomes(&log)), ((2, 0), vec!["answered", "client_gone"]));
    assert_eq!(site.worker.calls(), ["before"], "whoever has gone wants nothing done");
}

/// Calls and refreshes until it is refused, and gives the newest tokens.
async fn work(app: App, mut tokens: Tokens, (name, answered): (String, Arc<AtomicUsize>)) -> Tokens {
    for turn in 0.. {
        let mark = format!("{name}.{turn}");
        if app.mcp(&tokens).post(&transfer(&mark, "")).await.status != 200 {
            break;
        }
        answered.fetch_add(1, Ordering::Relaxed);
        let refreshed = app.token(&[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]).await;
        if refreshed.status != 200 {
            break;
        }
        tokens = Tokens::of(&refreshed);
        answered.fetch_add(1, Ordering::Relaxed);
    }
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_database_dies_under_load() {
    let Some(mut site) = Site::start().await else { return };
    let mut all = join_all((0..CALLERS).map(|_| site.signed_in())).await;
    for death in 0..DEATHS {
        let codes = join_all((0..CALLERS).map(|_| site.app.approved_by(ALICE))).await;
        let answered = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = all
            .into_iter()
            .enumerate()
            .map(|(at, tokens)| tokio::spawn(work(site.app.clone(), tokens, (format!("{death}.{at}"), answered.clone()))))
            .collect();
        site.worker.until(|| async { answered.load(Ordering::Relaxed) >= ENOUGH }).await;
        let redeeming = tokio::spawn({
            let (app, codes) = (site.app.clone(), codes.clone());
            async move { join_all(codes.iter().map(|code| app.try_redeem(code))).await }
        });

        site.mortal.kill();
        all = join_all(workers).await.into_iter().map(|tokens| tokens.expect("who is refused stops")).collect();
        let redeemed = redeeming.await.expect("who is refused stops");
        site.mortal.start_again();

        site.is_back(&site.app.mcp(&all[0]), &format!("{death} is over")).await;
        // Whatever an app was given last still stands, and brings the next.
        all = join_all(all.iter().map(|tokens| site.app.refresh(tokens))).await;
        for (code, answer) in codes.iter().zip(redeemed) {
            match answer {
                Some(tokens) => drop(site.app.refresh(&tokens).await),
                // Either nothing was written, or the code is used up: it brings nothing twice.
                None => drop(site.app.try_redeem(code).await),
            }
        }
    }
    let log = site.served.audit();
    site.is_not_doubled(&log);
}
