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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_core::{Caller, Clock, Entropy, Rng, Timestamp};
use chancery_registry::Resource;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
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
    live: Mutex<Vec<Arc<Conversation>>>,
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
        let (patience, breaker, live) = (upstream.limits.first_byte.min(idle), Arc::default(), Mutex::default());
        let _ended_with_us = end.clone().drop_guard();
        Ok(Self { resource: resource.clone(), most, idle, patience, yard, breaker, live, end, _ended_with_us })
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
        let has_sessions = !Era::of(&outgoing.headers)?.is_stateless();
        let begins = has_sessions && message.method.as_deref() == Some("initialize");
        let in_session = session.is_some();
        let conversation = match session {
            Some(session) => session,
            None if message.id.is_none() || message.method.is_none() => return Ok(answered(StatusCode::ACCEPTED, None, Flow::Nothing)),
            None => self.child(owner, begins)?,
        };
        let (Some(id), Some(_)) = (&message.id, &message.method) else {
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
        let live = self.live();
        let found = live.iter().find(|child| child.is_session && child.id == id && child.owner == *owner && !child.is_over());
        found.cloned().ok_or_else(Refusal::unknown_session)
    }

    /// A child for a session, or one of the owner's that is free.
    fn child(&self, owner: Owner, is_session: bool) -> Result<Arc<Conversation>, Refusal> {
        let now = self.yard.clock.now();
        let mut live = self.live();
        live.retain(|child| !child.is_over());
        if !is_session && let Some(free) = live.iter().find(|child| !child.is_session && child.owner == owner && child.take()) {
            return Ok(free.clone());
        }
        let attempt = self.breaker.admit(now).ok_or_else(Refusal::upstream_resting)?;
        make_room(&mut live, &owner, self.most)?;
        let id = hex(&Entropy::draw(&*self.yard.rng).take::<16>());
        let order = order::of(&self.resource).ok_or_else(Refusal::upstream_unreachable)?;
        match Conversation::start(&order, (id, owner, is_session), (self.patience, self.end.child_token()), &self.yard, attempt) {
            Ok(child) => {
                live.push(child.clone());
                Ok(child)
            }
            Err(error) => {
                tracing::error!(resource = %self.resource.url, %error, "an upstream's command cannot be run");
                Err(Refusal::upstream_unreachable())
            }
        }
    }

    /// Ends children that nobody has asked anything for long.
    pub fn reap(&self) {
        let now = self.yard.clock.now();
        let mut live = self.live();
        live.iter().filter(|child| child.idle_since().is_some_and(|since| since + self.idle <= now)).for_each(|child| child.end());
        live.retain(|child| !child.is_over());
    }

    pub fn health(&self, resource: &str, now: Timestamp) -> Health {
        let address = order::of(&self.resource).map(|order| order.command.to_owned()).unwrap_or_default();
        let resting = self
            .breaker
            .resting_until(now)
            .map(|until| format!("several times it ended before it said anything, or said nothing for too long; not run until {until}"));
        Health { resource: resource.to_owned(), address, resting }
    }

    fn live(&self) -> MutexGuard<'_, Vec<Arc<Conversation>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An owner may have a quarter of all, so that one is not everybody; the oldest that does nothing gives way.
fn make_room(live: &mut Vec<Arc<Conversation>>, owner: &Owner, most: usize) -> Result<(), Refusal> {
    let own = live.iter().filter(|child| child.owner == *owner).count();
    let share = (most / 4).max(1);
    if own < share && live.len() < most {
        return Ok(());
    }
    let idle = live.iter().filter(|child| child.owner == *owner).filter_map(|child| Some((child.idle_since()?, child.clone())));
    let Some((_, oldest)) = idle.min_by_key(|(since, _)| *since) else {
        return Err(Refusal::too_many_at_once("server", u32::try_from(if own < share { most } else { share }).unwrap_or(u32::MAX)));
    };
    oldest.end();
    live.retain(|child| !child.is_over());
    Ok(())
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
