//! What the gateway writes down: an open event before a call goes out, a close event when its answer has ended, and
//! a refusal as an event or a count. The other messages are counted ([`MessageCounts`]).
//!
//! Open without close reads "outcome unknown", so the close is written whatever becomes of the request: [`Closing`] writes it when it
//! is dropped. Writing goes on where the request that asked for it has gone; [`Recorder::settled`] waits for all of it.

use std::sync::Arc;
use std::time::Duration;

use chancery_audit::{CommitError, Counted, Counters, Draft, Journal, Receipt};
use chancery_core::{Clock, Entropy, Event, EventId, Field, Kind, Rng, TenantId};
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::leaving::Leaving;
use crate::message_counts::{MessageCounts, Tallied};
use crate::refusal::{ENDPOINT, Refusal};

/// Between two tries to write a close.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a close is tried while the node stops.
const LAST_TRIES: u32 = 3;

/// Proof that what an answer tells is written down: in a committed Unit, or as a count.
pub struct Written(());

impl<P: Proof> From<P> for Written {
    fn from(_: P) -> Self {
        Self(())
    }
}

/// What only a record makes.
pub trait Proof {}

impl Proof for Receipt {}
impl Proof for Counted {}
impl Proof for Tallied {}

/// The log as the gateway uses it. Cloning shares it.
#[derive(Clone)]
pub struct Recorder {
    pub journal: Journal,
    pub counters: Counters,
    pub messages: MessageCounts,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub writing: TaskTracker,
    pub leaving: Leaving,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Answered,
    /// With an HTTP error, a JSON-RPC error, or a tool's own.
    AnsweredError,
    /// The client went away before the answer had ended.
    ClientGone,
    UpstreamFailed,
    /// By policy, when a credential for the upstream was asked for: the call never went out.
    Denied,
    /// By us: what the call stands for was ended meanwhile.
    Cut,
    /// By us: it was silent for too long, or took too long in all.
    TimedOut,
    /// By us: this node stopped.
    Stopped,
    /// By us, since nobody could say whether the call was in the log, or since the rules that let it through were changed meanwhile. It did
    /// not go out, or, of a tool that only reads, nothing came back.
    Refused,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::AnsweredError => "answered_error",
            Self::ClientGone => "client_gone",
            Self::UpstreamFailed => "upstream_failed",
            Self::Denied => "denied",
            Self::Cut => "cut",
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
            Self::Refused => "refused",
        }
    }
}

impl Recorder {
    /// Counts a refusal of nobody in particular.
    pub fn counted(&self, tenant: Option<TenantId>, refusal: &Refusal) -> Counted {
        let counted = chancery_audit::Counter { endpoint: ENDPOINT, reason: refusal.reason, row: refusal.row };
        self.counters.count(tenant, counted)
    }

    /// Writes an event of a refused call, and what else comes of it.
    pub async fn refused(&self, event: Event, besides: Draft) -> Result<Receipt, Refusal> {
        let written = self.write(event.tenant, besides.recording(event)).await;
        written.ok().and_then(Result::ok).ok_or_else(Refusal::log_unavailable)
    }

    /// Writes the open events of a request's calls, all in one Unit. They must share a tenant.
    pub fn open(&self, events: Vec<Event>) -> Opening {
        let tenant = events.first().expect("a record has an event").tenant;
        let closing = Closing { calls: events.iter().map(Call::of).collect(), tenant, recorder: self.clone() };
        let committed = self.committed(tenant, Draft { events, ..Draft::default() });
        let (hand_over, opening) = oneshot::channel();
        // If nobody takes it over, what closes the calls is begun here, before this is over.
        self.writing.spawn(async move { drop(hand_over.send(closing.opened(committed.await))) });
        Opening(opening)
    }

    /// Waits until everything begun is written. Call it when no request is under way any more.
    pub async fn settled(&self) {
        self.writing.close();
        self.writing.wait().await;
    }

    /// Begins a commit that is finished whether or not anybody waits for it.
    fn write(&self, tenant: TenantId, draft: Draft) -> JoinHandle<Result<Receipt, CommitError>> {
        self.writing.spawn(self.committed(tenant, draft))
    }

    fn committed(&self, tenant: TenantId, draft: Draft) -> impl Future<Output = Result<Receipt, CommitError>> + use<> {
        let journal = self.journal.clone();
        async move {
            let written = journal.commit(&tenant, draft).await;
            written.inspect_err(|error| tracing::error!(%tenant, %error, "the audit log cannot be written"))
        }
    }
}

/// Open events on their way to the log. If nobody waits for them any more, what closes them follows as soon as they are written.
pub struct Opening(oneshot::Receiver<Result<(Receipt, Closing), Refusal>>);

impl Opening {
    /// Waits for them.
    pub async fn durable(self) -> Result<(Receipt, Closing), Refusal> {
        self.0.await.unwrap_or_else(|_| Err(Refusal::log_unavailable()))
    }
}

/// What a close event repeats of the open one, so that either can be found alone.
struct Call {
    opened: EventId,
    facts: Vec<(Field, String)>,
}

impl Call {
    fn of(event: &Event) -> Self {
        let kept = [Field::Subject, Field::Client, Field::Resource, Field::Target];
        let facts = kept.into_iter().filter_map(|field| Some((field, event.field(field)?.to_owned())));
        Self { opened: event.id, facts: facts.collect() }
    }
}

/// Writes the close events of opened calls: when told how they ended, else when dropped, since then the client has gone.
pub struct Closing {
    /// Empty once closed.
    calls: Vec<Call>,
    tenant: TenantId,
    recorder: Recorder,
}

impl Closing {
    /// `status` is what the client was answered.
    pub fn close(mut self, outcome: Outcome, status: StatusCode) {
        self.write(outcome, |event| event.with(Field::Status, status.as_u16()));
    }

    /// There was no answer but this.
    pub fn refused(mut self, refusal: &Refusal) {
        self.write(refusal.outcome(), |event| event.with(Field::Reason, refusal.reason).with_some(Field::Decision, refusal.decision));
    }

    /// If the open events were not written nothing was opened, so nothing is to be closed; if nobody knows, the log is told what became of
    /// it as soon as it can be.
    fn opened(mut self, written: Result<Receipt, CommitError>) -> Result<(Receipt, Self), Refusal> {
        match written {
            Ok(receipt) => return Ok((receipt, self)),
            Err(error) if error.is_unknown() => self.refused(&Refusal::log_unavailable()),
            Err(_) => self.calls.clear(),
        }
        Err(Refusal::log_unavailable())
    }

    fn write(&mut self, outcome: Outcome, more: impl Fn(Event) -> Event) {
        let calls = std::mem::take(&mut self.calls);
        if calls.is_empty() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return tracing::error!("a call could not be closed in the audit log: the process is ending");
        };
        let (tenant, recorder) = (self.tenant, self.recorder.clone());
        // A node that stops has hung up itself.
        let outcome = if outcome == Outcome::ClientGone && recorder.leaving.is_over() { Outcome::Stopped } else { outcome };
        let now = recorder.clock.now();
        let event = |call: Call| {
            let event = Event::new(Kind::CallClosed, tenant, now, &mut Entropy::draw(&*recorder.rng))
                .with(Field::Opened, call.opened)
                .with(Field::Outcome, outcome.as_str());
            call.facts.into_iter().fold(more(event), |event, (field, value)| event.with(field, value))
        };
        let events: Vec<Event> = calls.into_iter().map(event).collect();
        self.recorder.writing.spawn_on(write_persistently(recorder, tenant, events), &runtime);
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.write(Outcome::ClientGone, std::convert::identity);
    }
}

/// A close has nobody to tell that it failed, so it is tried until it is written, or until the node stops and the last tries fail too.
/// As many wait as calls were under way: while the log cannot be written no other call is opened.
async fn write_persistently(recorder: Recorder, tenant: TenantId, events: Vec<Event>) {
    let (mut pause, mut last_tries) = (FIRST_PAUSE, LAST_TRIES);
    while let Err(error) = recorder.journal.commit(&tenant, Draft { events: events.clone(), ..Draft::default() }).await {
        if error.is_there_already() {
            return; // a try whose answer was lost had written them, all of them
        }
        if recorder.writing.is_closed() {
            last_tries -= 1;
            if last_tries == 0 {
                return tracing::error!(%tenant, %error, "calls could not be closed in the audit log; their outcome reads unknown");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 4).min(LONGEST_PAUSE);
    }
}
