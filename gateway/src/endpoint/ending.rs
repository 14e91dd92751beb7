//! How a request ends: with its record and the upstream's answer, or with a refusal that is written down.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use chancery_core::{Caller, Entropy, EventId, Timestamp, TokenId};
use chancery_policy::Permit;
use chancery_registry::{Resource, UpstreamLimits};
use chancery_tokens::{Standing, VerifiedToken, step_up_asked};
use http::{Method, StatusCode};
use http_body::Body as _;

use super::Call;
use crate::answer::{self, Answer, Around, Attended, Waits};
use crate::events::{self, Who};
use crate::headers;
use crate::leg::Leg;
use crate::listing::{Instead, Shown, Visible, is_of_another_type};
use crate::message::Message;
use crate::method::Log;
use crate::passage::{Failed, Record, Settled};
use crate::record::Written;
use crate::refusal::Refusal;
use crate::session::{self, Named};
use crate::upstream::{Answered, Place as Room};
use crate::watch::Watch;
use crate::wire::{ReplyTo, Told, instead, respond};

/// How an answer goes back.
pub(super) struct Answering<'a, F> {
    pub token: &'a Arc<VerifiedToken>,
    pub limits: &'a UpstreamLimits,
    /// Given back when the answer has ended.
    pub room: Room,
    /// It may hold lists of what not everybody sees.
    pub lists: bool,
    /// Gives the name of a session.
    pub outward: F,
}

impl Call<'_> {
    /// Calls by their open events, the rest by counting.
    pub(super) async fn record(
        &self,
        messages: &[Message<'_>],
        permits: &[Permit],
        token: &VerifiedToken,
        now: Timestamp,
    ) -> Result<Record, Refusal> {
        let mut events = Vec::new();
        let mut tallied = None;
        for (message, permit) in messages.iter().zip(permits) {
            if message.known.recorded == Log::Counted {
                tallied = Some(self.gateway.recorder.messages.count(token.caller(), &self.resource.url, message.known.name));
                continue;
            }
            events.push(events::opened(
                message,
                permit,
                self.who(token.caller(), token.claims().jti),
                now,
                &mut Entropy::draw(&*self.gateway.rng),
            ));
        }
        match tallied {
            Some(tallied) if events.is_empty() => Ok(Record::tallied(tallied)),
            _ if only_read(messages, &self.resource) => Ok(Record::meanwhile(self.gateway.recorder.open(events))),
            _ => Record::durable(self.gateway.recorder.open(events)).await,
        }
    }

    /// Why a request may not wait any longer for its answer to begin.
    pub(super) async fn halted(&self, token: &VerifiedToken) -> Refusal {
        let mut watch = Watch::of_head(|| self.gateway.verifier.standing(token), self.gateway.leaving.clone());
        let halt = watch.halted(self.head.method == Method::GET).await;
        self.midway(halt.refusal())
    }

    /// A refusal of what went out already. Who waits for an answer is answered.
    fn midway(&self, refusal: Refusal) -> Refusal {
        match self.reply_to {
            ReplyTo::Request(_) | ReplyTo::Batch(_) => refusal.in_answer(),
            ReplyTo::Nobody | ReplyTo::Verb => refusal,
        }
    }

    /// The upstream's answer as the client may see it.
    pub(super) fn streamed(
        &self,
        (answer, settled): (Answered, Settled),
        Answering { token, limits, room, lists, outward }: Answering<'_, impl Fn(Named<'_>) -> Result<String, Refusal>>,
    ) -> Result<Response, Failed> {
        let leg = answer.head.extensions.get::<Leg>().cloned();
        let session = match self.passable(&answer, token, lists).and_then(|()| self.session_of(&answer, outward)) {
            Ok(session) => session,
            Err(refusal) => return Err(Failed { leg: leg.map(Box::new), ..settled.failed(refusal) }),
        };
        let Answered { head, body, .. } = answer;
        let (verifier, watched) = (self.gateway.verifier.clone(), token.clone());
        let watch = Watch::new(move || verifier.standing(&watched), limits, self.gateway.leaving.clone());
        let waits = match &self.reply_to {
            ReplyTo::Request(id) => Waits::For(id.clone()),
            ReplyTo::Verb if !settled.is_open() => Waits::ForNothing,
            ReplyTo::Batch(ids) => Waits::ForAll(ids.clone()),
            ReplyTo::Verb | ReplyTo::Nobody => Waits::ForTheEnd,
        };
        let around = Around { watch, waits, room: Some(room), longest_piece: answer::longest_piece(self.head.version) };
        let closing = settled.at_the_end(head.status);
        let body = if lists {
            let [unreadable, no_room] =
                [Refusal::list_unreadable(), Refusal::no_room_for_list()].map(|refusal| instead(&refusal, &self.reply_to).into());
            let shown = Shown::new(&head, body, (self.visible(token), self.part(token.caller())), Instead { unreadable, no_room }); // mcp_1a_14
            Body::new(Attended::new(Answer::new(&head, shown, closing, around)))
        } else {
            Body::new(Attended::new(Answer::new(&head, body, closing, around)))
        };
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        if let Some(leg) = leg {
            response.extensions_mut().insert(leg);
        }
        *response.headers_mut() = headers::back(&head.headers, session.as_deref());
        Ok(response)
    }

    /// Whether anything of this answer may go to who asked.
    fn passable(&self, answer: &Answered, token: &VerifiedToken, lists: bool) -> Result<(), Refusal> {
        let head = &answer.head;
        if self.gateway.verifier.standing(token) == Standing::Ended {
            return Err(self.midway(Refusal::stream_ended())); // RV-05
        }
        answer::passable(head.status, &head.headers, &self.resource, &token.caller().scope)?;
        // A 202 is the answer of what waits for none.
        if lists && is_of_another_type(head) && head.status != StatusCode::ACCEPTED && !answer.body.is_end_stream() {
            return Err(Refusal::list_unreadable()); // mcp_1a_14
        }
        Ok(())
    }

    /// The session that the answer names, as the client may know it.
    fn session_of(&self, answer: &Answered, outward: impl Fn(Named<'_>) -> Result<String, Refusal>) -> Result<Option<String>, Refusal> {
        let named = answer.head.headers.get(session::HEADER).filter(|_| !self.era.is_stateless()).and_then(|id| id.to_str().ok());
        let named = named.map(|upstream| outward(Named { upstream, replica: answer.replica.as_deref() })).transpose();
        named.map_err(|refusal| self.midway(refusal))
    }

    /// By the rules of now, where there are any: its answer may have taken its time.
    fn visible(&self, token: &Arc<VerifiedToken>) -> Visible {
        let (tenant, resource) = self.served_now().unwrap_or_else(|| (self.tenant.clone(), self.resource.clone()));
        Visible {
            tenant,
            resource,
            token: token.clone(),
            address: self.address(),
            clock: self.gateway.clock.clone(),
            stateless: self.era.is_stateless(),
        }
    }

    /// A refusal is answered once it is written down: of somebody as an event, of nobody in particular as a count.
    pub(super) async fn refused(&self, Failed { refusal, written, leg }: Failed) -> Response {
        let mut response = self.refusing(refusal, written).await;
        if let Some(leg) = leg {
            response.extensions_mut().insert(*leg);
        }
        response
    }

    async fn refusing(&self, refusal: Refusal, written: Option<Written>) -> Response {
        if let Some(written) = written {
            return self.told(&refusal, None, &written);
        }
        let Some(token) = self.token.as_ref().filter(|_| !refusal.is_ours()) else {
            return self.told(&refusal, None, &self.counted(&refusal));
        };
        let entropy = &mut Entropy::draw(&*self.gateway.rng);
        let event = events::refused(&refusal, self.who(token.caller(), token.claims().jti), self.gateway.clock.now(), entropy);
        let reference = event.id;
        let grant = token.caller().grants.last().filter(|_| refusal.asks_to_authorize_anew());
        let besides = grant.map(|grant| step_up_asked(&self.tenant.id, grant, self.gateway.clock.now())); // mcp_3_2
        match self.gateway.recorder.refused(event, besides.unwrap_or_default()).await {
            Ok(receipt) => self.told(&refusal, Some(reference), &receipt.into()),
            Err(unavailable) => self.told(&unavailable, None, &self.counted(&unavailable)),
        }
    }

    fn told(&self, refusal: &Refusal, reference: Option<EventId>, written: &Written) -> Response {
        let told = Told { resource: &self.resource, tried: self.tried };
        respond(refusal, Some(told), &self.reply_to, reference, written)
    }

    pub(super) fn counted(&self, refusal: &Refusal) -> Written {
        self.gateway.recorder.counted(Some(self.tenant.id), refusal).into()
    }

    fn who<'w>(&'w self, caller: &'w Caller, token: TokenId) -> Who<'w> {
        Who { caller, token, resource: self.resource.url.as_str(), headers: &self.head.headers }
    }
}

/// Whether all calls of these only read, so that they go out while they are written down.
pub(super) fn only_read(messages: &[Message<'_>], resource: &Resource) -> bool {
    let mut calls = messages.iter().filter(|message| message.known.recorded != Log::Counted);
    calls.all(|message| message.tool().is_some_and(|tool| resource.is_read_only(tool)))
}
