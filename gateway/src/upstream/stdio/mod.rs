//! An upstream that is a child process: MCP over HTTP towards the client, over standard input and output towards it.
//!
//! A session has a child of its own, from `initialize` until the client ends it, nobody has asked for long, or the child dies. A request
//! without a session (the era that has none) is given a child of that caller's which does nothing else meanwhile; it is kept for the
//! next. So two callers never share a process, no id needs another name, and what a child says belongs to whoever asked it.
//! A session lives on the node that runs its child: elsewhere it is unknown, and the client opens another.

mod answer;
mod conversation;
mod correlation;
mod id;
mod order;
mod room;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_core::{Caller, Clock, Entropy, Rng, Timestamp};
use chancery_registry::Resource;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use answer::Said;

use super::breaker::Breaker;
use super::{Answered, Flow, Health, Outgoing};
use crate::era::Era;
use crate::members::members;
use crate::refusal::Refusal;
use crate::session;
use conversation::Conversation;
use id::{Id, Value};
use room::{Full, make_room};

/// What children of a node have in common.
#[derive(Clone)]
pub struct Yard {
    /// The commands that this node runs.
    pub allowed: Arc<[String]>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    /// All that has to end before the node does.
    pub running: TaskTracker,
    pub end: CancellationToken,
}

/// The children of one resource.
pub struct Children {
    resource: Arc<Resource>,
    most: usize,
    idle: Duration,
    patience: Duration,
    yard: Yard,
    breaker: Arc<Breaker>,
    /// Those whose processes are there, also where the conversation is over.
    present: Mutex<Vec<Arc<Conversation>>>,
    end: CancellationToken,
    _ended_with_us: DropGuard,
}

/// Whose a child is: nobody else ever speaks to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Owner {
    subject: String,
    client: String,
}

/// What is in a message, as far as it has to be known here.
pub struct Message {
    id: Option<Id>,
    method: Option<String>,
    progress: Option<Value>,
}

impl Children {
    /// # Errors
    /// Why none can be run here.
    pub fn new(resource: &Arc<Resource>, yard: Yard) -> Result<Self, String> {
        let upstream = resource.upstream.as_ref().ok_or("nothing stands behind it")?;
        let stdio = upstream.stdio.as_ref().ok_or("it is no command")?;
        if !yard.allowed.contains(&stdio.command) {
            return Err(format!("this node runs no `{}`: name it under `server.stdio`", stdio.command));
        }
        let (most, idle, end) = (stdio.most as usize, upstream.limits.idle, yard.end.child_token());
        // What a mute command's callers get ends by then, whichever limit is reached first: so that it does counts.
        let patience = upstream.limits.first_byte.min(idle).min(upstream.limits.absolute);
        let (breaker, present) = (Arc::default(), Mutex::default());
        let _ended_with_us = end.clone().drop_guard();
        Ok(Self { resource: resource.clone(), most, idle, patience, yard, breaker, present, end, _ended_with_us })
    }

    pub async fn ask(&self, outgoing: Outgoing) -> Result<Answered, Refusal> {
        let named = outgoing.headers.get(session::HEADER).and_then(|value| value.to_str().ok());
        let owner = Owner::of(outgoing.token.caller());
        let found = named.map(|id| self.session(id, &owner)).transpose()?;
        match (&outgoing.method, found) {
            (&Method::POST, found) => self.post(found, owner, &outgoing).await,
            (&Method::GET, Some(session)) => Ok(answered(StatusCode::OK, None, Flow::Said(session.listen()?))),
            (&Method::DELETE, Some(session)) => {
                session.end();
                Ok(answered(StatusCode::NO_CONTENT, None, Flow::Nothing))
            }
            _ => Ok(answered(StatusCode::METHOD_NOT_ALLOWED, None, Flow::Nothing)),
        }
    }

    async fn post(&self, session: Option<Arc<Conversation>>, owner: Owner, outgoing: &Outgoing) -> Result<Answered, Refusal> {
        let message = Message::read(&outgoing.body)?;
        let asked = message.id.as_ref().filter(|_| message.method.is_some());
        asked.map_or(Ok(()), correlation::may_be_asked)?; // before a child is started for it
        let has_sessions = !Era::of(&outgoing.headers)?.is_stateless();
        let begins = has_sessions && message.method.as_deref() == Some("initialize");
        let in_session = session.is_some();
        let conversation = match session {
            Some(session) => session,
            None if asked.is_none() => return Ok(answered(StatusCode::ACCEPTED, None, Flow::Nothing)),
            None => self.child(&owner, begins).await?,
        };
        let Some(id) = asked else {
            conversation.say(outgoing.body.clone()).await?;
            return Ok(answered(StatusCode::ACCEPTED, None, Flow::Nothing));
        };
        let streams = accepts_events(&outgoing.headers);
        let said = conversation.ask((id, message.progress), outgoing.body.clone(), streams).await?;
        let name = (begins && !in_session).then(|| conversation.id.clone());
        let mut answer = answered(StatusCode::OK, name.as_deref(), Flow::Said(said));
        if !streams {
            answer.head.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(answer)
    }

    fn session(&self, id: &str, owner: &Owner) -> Result<Arc<Conversation>, Refusal> {
        let present = self.present();
        let found = present.iter().find(|child| child.is_session && child.id == id && child.owner == *owner && !child.is_over());
        found.cloned().ok_or_else(Refusal::unknown_session)
    }

    /// A child for a session, or one of the owner's that is free. There may have to be room for it first.
    async fn child(&self, owner: &Owner, is_session: bool) -> Result<Arc<Conversation>, Refusal> {
        let end = Instant::now() + self.patience.min(room::LONGEST_WAIT);
        loop {
            match self.child_now(owner, is_session) {
                Ok(child) => return Ok(child),
                Err(full) => full.lessens(end).await?,
            }
        }
    }

    fn child_now(&self, owner: &Owner, is_session: bool) -> Result<Arc<Conversation>, Full> {
        let now = self.yard.clock.now();
        let mut present = self.present();
        present.retain(|child| !child.process_gone.is_cancelled());
        if !is_session && let Some(free) = present.iter().find(|child| !child.is_session && child.owner == *owner && child.take()) {
            return Ok(free.clone());
        }
        let attempt = self.breaker.admit(now).ok_or_else(Refusal::upstream_resting)?;
        make_room(&present, owner, self.most)?;
        let id = hex(&Entropy::draw(&*self.yard.rng).take::<16>());
        let order = order::of(&self.resource).ok_or_else(Refusal::upstream_unreachable)?;
        let whose = (id, owner.clone(), is_session);
        match Conversation::start(&order, whose, (self.patience, self.end.child_token()), &self.yard, attempt) {
            Ok(child) => {
                present.push(child.clone());
                Ok(child)
            }
            Err(error) => {
                tracing::error!(resource = %self.resource.url, %error, "an upstream's command cannot be run");
                Err(Refusal::upstream_unreachable().into())
            }
        }
    }

    /// Ends children that nobody has asked anything for long.
    pub fn reap(&self) {
        let long_ago = self.yard.clock.now() - self.idle;
        let mut present = self.present();
        present.iter().for_each(|child| _ = child.end_if_idle(long_ago));
        present.retain(|child| !child.process_gone.is_cancelled());
    }

    pub fn health(&self, resource: &str, now: Timestamp) -> Health {
        let address = order::of(&self.resource).map(|order| order.command.to_owned()).unwrap_or_default();
        let resting = self
            .breaker
            .rest(now)
            .map(|rest| format!("several times it ended before it said anything, or said nothing for too long, and {rest}"));
        Health { resource: resource.to_owned(), address, resting }
    }

    fn present(&self) -> MutexGuard<'_, Vec<Arc<Conversation>>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner {
    fn of(caller: &Caller) -> Self {
        Self { subject: caller.subject.clone(), client: caller.client.to_string() }
    }
}

impl Message {
    /// One message; several at once are not for a child's line.
    fn read(text: &[u8]) -> Result<Self, Refusal> {
        let unread = || Refusal::invalid_request("this server takes one message at a time");
        let text = std::str::from_utf8(text).map_err(|_| unread())?;
        Self::of(text).ok_or_else(unread)
    }

    fn of(text: &str) -> Option<Self> {
        let [id, method, params] = members(text, &["id", "method", "params"]).ok()?;
        let method = method.and_then(crate::members::text).map(std::borrow::Cow::into_owned);
        let meta = params.and_then(|params| members(params.get(), &["_meta", "progressToken"]).ok());
        let progress = meta.and_then(|[meta, token]| match (meta, token) {
            (_, Some(token)) => Some(token),
            (Some(meta), None) => members(meta.get(), &["progressToken"]).ok()?[0],
            _ => None,
        });
        Some(Self { id: id.map(Id::of), method, progress: progress.map(Value::of) })
    }

    /// Whether it says to be JSON-RPC.
    fn is_json_rpc(text: &[u8]) -> bool {
        let version = |text| members(text, &["jsonrpc"]).ok()?[0].and_then(crate::members::text);
        std::str::from_utf8(text).is_ok_and(|text| version(text).as_deref() == Some("2.0"))
    }

    /// Of an answer, whether it is no error.
    fn is_result(text: &[u8]) -> bool {
        std::str::from_utf8(text).is_ok_and(|text| members(text, &["result"]).is_ok_and(|[result]| result.is_some()))
    }
}

fn accepts_events(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/event-stream") || value.contains("*/*"))
}

fn answered(status: StatusCode, session: Option<&str>, body: Flow) -> Answered {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::OK {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    }
    if let Some(value) = session.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(session::HEADER, value);
    }
    let (head, ()) = response.into_parts();
    Answered { head, body, replica: None }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
