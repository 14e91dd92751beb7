//! A request to a resource, of any method, from the top:
//!
//! 1. who: a token in the header, verified for this resource, and with a proof where it is bound to a key; else 401, whatever the method;
//! 2. from where: a web page of ours, or no web page;
//! 3. what: the body is read once; headers that mirror it must agree; the era says what there is; a session must be the caller's;
//! 4. whether: agent, sign-in and scope, policy; 5. the record, durable before the call goes out (while it goes out, for tools that only read);
//! 6. out, with the upstream's own credential; 7. the answer streams back, lists without what this
//!    caller may not use, and its end closes the record.
//!
//! Nothing here reads the store, and no lock is held while anything is awaited.

mod body;
mod ending;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use chancery_core::{Caller, Entropy, Source, Timestamp};
use chancery_policy::Permit;
use chancery_registry::{Resource, Tenant};
use chancery_tokens::bearer::{self, Presented, Scheme};
use chancery_tokens::{Asked, NamedToken, TenantKeys, VerifiedToken};
use http::{Method, StatusCode, request};

use self::ending::{Answering, only_read};
use crate::decide::{Facts, decide};
use crate::era::Era;
use crate::leg::Authenticated;
use crate::memory::Part;
use crate::message::{Message, Messages};
use crate::origin::{self, Origin};
use crate::passage::{Failed, Onward, Passage, Permits};
use crate::refusal::Refusal;
use crate::session::{self, Named, Place};
use crate::wire::{ReplyTo, respond};
use crate::{Gateway, Inner, headers, method, mirror};

pub async fn answer(State(gateway): State<Gateway>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Some((tenant, resource)) = gateway.inner.served(&head) else {
        let refusal = Refusal::nothing_here();
        let counted = gateway.inner.recorder.counted(None, &refusal);
        return respond(&refusal, None, &ReplyTo::Nobody, None, &counted.into());
    };
    let origin = Origin::of(&head.headers, &[&tenant.base, resource.url.as_str()]);
    let (tried, era, reply_to) = (Scheme::default(), Era::UNNAMED, ReplyTo::Nobody);
    let mut call = Call { gateway: &gateway.inner, tenant, resource, head, origin, tried, token: None, era, reply_to };
    let mut response =
        if origin::is_preflight(&call.head.method, &call.head.headers) { call.preflight() } else { call.answered(body).await };
    call.origin.dress(response.headers_mut());
    response
}

impl Inner {
    /// What is served where this request goes.
    fn served(&self, head: &request::Parts) -> Option<(Arc<Tenant>, Arc<Resource>)> {
        let found = self.registry.resource_at(headers::host(&head.uri, &head.headers), head.uri.path());
        found.filter(|(_, resource)| resource.upstream.is_some())
    }
}

/// One request on its way through the steps.
struct Call<'a> {
    gateway: &'a Inner,
    tenant: Arc<Tenant>,
    resource: Arc<Resource>,
    head: request::Parts,
    origin: Origin,
    /// Once the token is read.
    tried: Scheme,
    /// Once there is a live one: from then on a refusal is somebody's.
    token: Option<NamedToken>,
    /// Once the body is read.
    era: Era,
    reply_to: ReplyTo,
}

impl Call<'_> {
    async fn answered(&mut self, body: Body) -> Response {
        let mut response = match self.pass(body).await {
            Ok(response) => response,
            Err(failed) => self.refused(failed).await,
        };
        if self.token.is_some() {
            response.extensions_mut().insert(Authenticated);
        }
        response
    }

    async fn pass(&mut self, body: Body) -> Result<Response, Failed> {
        let token = self.authenticated()?; // OA-20, PR-02, AT-01, MC-01
        self.origin.admitted()?;
        let (body, _part) = self.body(body, token.caller()).await?;
        self.still_stands(&token)?; // RV-05
        self.under_the_rules_of_now()?;
        let messages = self.messages(&body)?;

        let now = self.gateway.clock.now();
        let keys = self.gateway.keyring.tenant(&self.tenant.id).ok_or_else(Refusal::keys_unavailable)?;
        let place = self.place(&keys)?;
        let session = if self.era.is_stateless() { None } else { session::presented(&self.head.headers, place, token.caller(), now)? }; // MC-07
        let permits = self.decided((&self.tenant, &self.resource), &messages.all, token.caller(), now)?; // MC-01

        let backend = self.gateway.way.backends.of(self.tenant.version, &self.resource)?;
        let room = backend.enter(token.caller())?;
        let record = self.record(&messages.all, &permits, &token, now).await?;
        if let Err(refusal) = self.still_stands(&token) {
            return Err(record.failed(refusal).await); // RV-05
        }
        let passage = Passage::new(token.clone(), Permits::of(permits), record);
        let may_go = || self.by_the_rules_of_now(&messages.all, token.caller(), now); // MC-01
        let (method, headers) = (self.head.method.clone(), &self.head.headers);
        let onward = Onward { method, headers, session: session.as_ref(), body: body.clone(), may_go: &may_go };
        let held = self.gateway.way.send(passage, (&self.resource, &backend), onward, self.halted(&token)).await?; // MC-02
        let released = held.released().await?;
        let outward = |named: Named<'_>| {
            // Of now: a key may be revoked while an answer is waited for, and what it seals nobody opens.
            let keys = self.gateway.keyring.tenant(&self.tenant.id).ok_or_else(Refusal::session_unnamed)?;
            let seal = |place: Place<'_>| place.seal(named, token.caller(), now, &mut Entropy::draw(&*self.gateway.rng));
            Ok(self.place(&keys).map_err(|_| Refusal::session_unnamed())?.outward(named, session.as_ref(), seal)) // MC-07
        };
        let lists = messages.all.iter().any(|message| message.known.lists());
        self.streamed(released, Answering { token: &token, limits: backend.limits(), room, lists, outward })
    }

    fn address(&self) -> Option<IpAddr> {
        self.head.extensions.get::<Source>().map(|source| source.address())
    }

    /// What a message of this caller's, or for them, may take of the memory.
    fn part(&self, caller: &Caller) -> Part {
        self.gateway.memory.part((&caller.tenant, &caller.subject))
    }

    fn authenticated(&mut self) -> Result<Arc<VerifiedToken>, Refusal> {
        let presented = bearer::presented(&self.head.headers);
        self.tried = presented.scheme();
        let shown = match presented {
            Presented::Token(shown) => shown,
            Presented::Nothing => return Err(Refusal::no_token()), // PR-02
            Presented::Malformed => return Err(Refusal::malformed_authorization()), // OA-20
        };
        let asked = Asked { method: self.head.method.as_str(), url: self.resource.url.as_str() }; // DP-07
        let verified = self.gateway.verifier.verify((&self.tenant, &self.resource), shown, asked, self.gateway.clock.now()); // AT-01, PR-03, DP-04
        self.token = verified.as_ref().map_or_else(|trouble| trouble.token().cloned(), |token| Some(token.into()));
        verified.map_err(|trouble| Refusal::bad_token(&trouble))
    }

    /// A body may be slow, and so may the log: what was ended meanwhile, or has run out, goes no further.
    fn still_stands(&self, token: &Arc<VerifiedToken>) -> Result<(), Refusal> {
        self.gateway.verifier.still(token, self.gateway.clock.now()).map_err(|trouble| Refusal::bad_token(&trouble))
    }

    /// A body may take its time, and an operator change what stands in the file meanwhile: whether a call may pass, and to where, is
    /// decided by what stands there when the call is known.
    fn under_the_rules_of_now(&mut self) -> Result<(), Refusal> {
        let (tenant, resource) = self.served_now().ok_or_else(Refusal::nothing_here)?;
        // The token was held against these. Its proof is good once, so whoever asks shows both again.
        if !self.takes_the_same_tokens(&resource) {
            return Err(Refusal::rules_changed()); // AT-05, PR-05
        }
        (self.tenant, self.resource) = (tenant, resource);
        Ok(())
    }

    /// So may the log, and whoever makes what the upstream is shown. What was decided stands in the log by then, and stays: what would be
    /// decided otherwise now, or be written down otherwise, goes nowhere, least of all to a server that was replaced.
    fn by_the_rules_of_now(&self, messages: &[Message<'_>], caller: &Caller, then: Timestamp) -> Result<(), Refusal> {
        if self.gateway.registry.version(&self.tenant.id) == Some(self.tenant.version) {
            return Ok(());
        }
        let (tenant, resource) = self.served_now().ok_or_else(Refusal::rules_changed)?;
        match (&self.resource.upstream, &resource.upstream) {
            (Some(before), Some(now)) if before.is_but_for_limits(now) => {}
            _ => return Err(Refusal::upstream_replaced()),
        }
        let as_written = only_read(messages, &resource) || !only_read(messages, &self.resource);
        // As of then, since only the rules are in question.
        let permitted = || self.decided((&tenant, &resource), messages, caller, then).is_ok();
        if self.takes_the_same_tokens(&resource) && as_written && permitted() { Ok(()) } else { Err(Refusal::rules_changed()) }
    }

    fn decided(
        &self,
        (tenant, resource): (&Tenant, &Resource),
        messages: &[Message<'_>],
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Vec<Permit>, Refusal> {
        let Tenant { policy, agents, .. } = tenant;
        let facts = Facts { policy, agents, resource, caller, address: self.address() };
        decide(messages, &facts, now, &mut Entropy::draw(&*self.gateway.rng))
    }

    fn takes_the_same_tokens(&self, now: &Resource) -> bool {
        (now.algorithm, now.dpop) == (self.resource.algorithm, self.resource.dpop)
    }

    fn served_now(&self) -> Option<(Arc<Tenant>, Arc<Resource>)> {
        self.gateway.served(&self.head).filter(|(_, now)| now.id == self.resource.id && now.url == self.resource.url)
    }

    /// What the request says, be it by its body or by its verb.
    fn messages<'b>(&mut self, body: &'b [u8]) -> Result<Messages<'b>, Refusal> {
        let verb = match self.head.method {
            Method::POST => {
                let messages = Messages::read(body)?;
                self.reply_to = ReplyTo::of(&messages);
                self.era = mirror::agreed(&self.head.headers, &messages)?; // mcp_1a_15
                // Streams are resumed by GET: what came of another request, and what of it may be shown, would not be known here.
                self.head.headers.remove("last-event-id");
                return if messages.batch && !self.era.has_batches() { Err(Refusal::no_batches()) } else { Ok(messages) };
            }
            Method::GET => &method::STREAM,
            Method::DELETE => &method::SESSION_END,
            _ => return Err(Refusal::wrong_verb()),
        };
        self.reply_to = ReplyTo::Verb;
        self.era = Era::of(&self.head.headers)?;
        if self.era.is_stateless() {
            return Err(Refusal::post_only());
        }
        Ok(Messages { all: vec![Message::of_verb(verb)], batch: false })
    }

    fn place<'k>(&'k self, keys: &'k TenantKeys) -> Result<Place<'k>, Refusal> {
        let newest = keys.mcp_session.newest().ok_or_else(Refusal::keys_unavailable)?;
        Ok(Place { keys: &keys.mcp_session, newest, tenant: &self.tenant.id, resource: &self.resource.id })
    }

    /// Browsers ask without a token, so this is answered before anything else; it says nothing that the metadata doesn't.
    fn preflight(&self) -> Response {
        if let Err(refusal) = self.origin.admitted() {
            return respond(&refusal, None, &ReplyTo::Nobody, None, &self.counted(&refusal));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        origin::preflight(&self.head.headers, response.headers_mut());
        response
    }
}
