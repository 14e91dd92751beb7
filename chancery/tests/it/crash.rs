//! What a server has answered for is there when it is started again, however it ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_testkit::Kind;
use chancery_testkit::cast::{ALICE, BOB};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, Tokens};
use crate::process::Running;
use crate::served::Served;

/// How often the server is killed, and how much it answers before.
const KILLS: usize = 4;
const ENOUGH: usize = 40;
const WORKERS: usize = 8;

/// What answers said, each written down once the whole answer was there.
struct Acknowledged {
    kept: Mutex<Kept>,
    answers: watch::Sender<usize>,
}

/// What must not be missing.
#[derive(Default)]
struct Kept {
    /// Codes that nobody redeemed yet.
    codes: Vec<String>,
    /// Access tokens by their ids.
    tokens: Vec<String>,
    /// The newest tokens of each sign-in, by the code it began with.
    newest: BTreeMap<String, Tokens>,
    /// The token of each call that was answered.
    calls: Vec<String>,
}

impl Acknowledged {
    fn new() -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), answers: watch::Sender::new(0) })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Kept)) {
        note(&mut self.kept());
        self.answers.send_modify(|answers| *answers += 1);
    }
}

/// Uses the site for as long as it answers.
async fn work(app: App, acknowledged: Arc<Acknowledged>) {
    loop {
        let unused = app.approved_by(BOB).await;
        acknowledged.note(|kept| kept.codes.push(unused));
        let code = app.approved_by(ALICE).await;
        let mut tokens = app.redeem(&code).await;
        for turn in 1..=3 {
            acknowledged.note(|kept| {
                kept.tokens.push(tokens.id());
                kept.newest.insert(code.clone(), tokens.clone());
            });
            app.mcp(&tokens).call("transfer", json!({ "to": "bob", "amount": turn })).await.answered();
            acknowledged.note(|kept| kept.calls.push(tokens.id()));
            tokens = app.refresh(&tokens).await;
        }
    }
}

/// Works until enough was answered, and kills the server in the midst of it.
async fn killed_at_work(mut server: Running, app: &App) -> Kept {
    let acknowledged = Acknowledged::new();
    let workers: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(work(app.clone(), acknowledged.clone()))).collect();
    let _ = acknowledged.answers.subscribe().wait_for(|answers| *answers >= ENOUGH).await;
    assert!(!workers.iter().any(JoinHandle::is_finished), "a worker ended before the server did: of an answer that was wrong");
    server.kill();
    for worker in workers {
        assert!(worker.await.is_err(), "a worker does not end by itself");
    }
    std::mem::take(&mut *acknowledged.kept())
}

/// On a server that was started again.
async fn nothing_is_missing(served: &Served, app: &App, kept: &Kept) {
    let log = served.audit();
    for id in &kept.tokens {
        assert!(log.iter().any(|event| issues(event) && event["fields"]["token"] == **id), "no event says that {id} was issued");
    }
    for id in &kept.calls {
        assert!(log.iter().any(|event| event["kind"] == "call_opened" && event["fields"]["token"] == **id), "no event of a call by {id}");
    }
    for code in &kept.codes {
        app.redeem(code).await;
    }
    for tokens in kept.newest.values() {
        app.mcp(tokens).call("account_balance", json!({})).await.answered();
        app.refresh(tokens).await;
    }
}

async fn nothing_acknowledged_is_lost(kind: Kind) {
    let longer_codes = |file: &mut Value| file["lifetimes"] = json!({ "code": "10m" });
    let Some(served) = Served::on(kind, longer_codes).await else { return };
    let mut server = served.serve();
    let app = App::registered_at(&served.base).await;

    for _ in 0..KILLS {
        let kept = killed_at_work(server, &app).await;
        server = served.serve();
        nothing_is_missing(&served, &app, &kept).await;
    }
}

fn issues(event: &Value) -> bool {
    matches!(event["kind"].as_str(), Some("token_issued" | "token_refreshed"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9_on_sqlite() {
    nothing_acknowledged_is_lost(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9_on_postgres() {
    nothing_acknowledged_is_lost(Kind::Postgres).await;
}
