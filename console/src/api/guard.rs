//! Who may ask what (RFC 6750; RFC 9068 §4). A request that gets past here has a live token of this tenant's issuer, for the admin API,
//! of a person, with the address's scope, and the tenant's policies permit it.
//!
//! 1. It is judged by its head: of whoever may not ask, nothing more is read.
//! 2. Its body is read here, whole, so that no handler can wait for one.
//! 3. It is judged again: a body may take its time, and what was ended or forbidden meanwhile is not done.
//!
//! A refusal of a live token is an event; of nobody in particular, a count.

mod refusal;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chancery_audit::{Counter, Draft};
use chancery_core::oauth::{Code, Error};
use chancery_core::{Entropy, Event, Field, Kind, ScopeSet, Source, SubjectId};
use chancery_policy::{Action, Circumstances, Question};
use chancery_registry::{Resource, Tenant};
use chancery_tokens::bearer::{self, Presented, Scheme, Shown};
use chancery_tokens::challenge::{self, Offer};
use chancery_tokens::{Asked, VerifiedToken};

use self::refusal::{Refused, bad_token, refused};
use super::routes::Route;
use super::{Parts, Problem};

const ENDPOINT: &str = "admin";

#[derive(Clone)]
pub(super) struct Guard {
    pub parts: Arc<Parts>,
    pub route: &'static Route,
}

/// Whoever got past.
#[derive(Clone)]
pub(super) struct Administrator {
    pub tenant: Arc<Tenant>,
    pub token: Arc<VerifiedToken>,
}

/// Where the admin API is: the tenant, and the resource that tokens for it are for.
type Place = (Arc<Tenant>, Arc<Resource>);

pub(super) async fn admit(State(guard): State<Guard>, Path(path): Path<Vec<(String, String)>>, request: Request, next: Next) -> Response {
    let name = path.iter().find(|(name, _)| name == "tenant").map_or("", |(_, value)| value);
    match guard.admitted(name, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    }
}

/// There is no such tenant, or it gives the admin API to nobody: which of them is nobody's business.
pub(super) fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no admin API here")
        .remedy("check the tenant's name; a tenant has an admin API once an `access` rule in its file gives its scopes to a group")
}

impl Guard {
    /// The request with its whole body, and who asks; or what is answered instead.
    async fn admitted(&self, tenant: &str, request: Request) -> Result<Request, Response> {
        let address = request.extensions().get::<Source>().map(|source| source.address());
        let place = self.served(tenant).ok_or_else(|| self.nothing_here())?;
        let presented = bearer::presented(request.headers());
        let tried = presented.scheme();
        let token = match self.verified(&place, presented, &request).and_then(|token| self.may_ask(&place, token, address)) {
            Ok(token) => token,
            Err(refused) => return Err(self.refuse(&place, tried, *refused).await),
        };

        let mut request = whole(request).await.map_err(IntoResponse::into_response)?;

        let same = self.served(tenant).filter(|(now, resource)| now.id == place.0.id && resource.url == place.1.url);
        let place = same.ok_or_else(|| self.nothing_here())?;
        match self.still_good(token).and_then(|token| self.may_ask(&place, token, address)) {
            Ok(token) => {
                request.extensions_mut().insert(Administrator { tenant: place.0, token });
                Ok(request)
            }
            Err(refused) => Err(self.refuse(&place, tried, *refused).await),
        }
    }

    fn served(&self, tenant: &str) -> Option<Place> {
        let tenant = self.parts.registry.tenant(tenant)?;
        let resource = tenant.administration().cloned()?;
        Some((tenant, resource))
    }

    fn nothing_here(&self) -> Response {
        self.parts.counters.count(None, Counter { endpoint: ENDPOINT, reason: "nothing_here", row: "" });
        nothing_here().into_response()
    }

    fn verified(
        &self,
        (tenant, resource): &Place,
        presented: Presented<'_>,
        request: &Request,
    ) -> Result<Arc<VerifiedToken>, Box<Refused>> {
        let shown = shown(presented)?; // OA-20, PR-02
        let url = format!("{}{}", tenant.base, request.uri().path());
        let asked = Asked { method: request.method().as_str(), url: &url }; // DP-07
        let verified = self.parts.verifier.verify((tenant, resource), shown, asked, self.parts.clock.now()); // AT-01, PR-03, DP-04
        verified.map_err(|trouble| bad_token(&trouble))
    }

    /// Its proof was consumed, and is not asked for again.
    fn still_good(&self, token: Arc<VerifiedToken>) -> Result<Arc<VerifiedToken>, Box<Refused>> {
        match self.parts.verifier.still(&token, self.parts.clock.now()) {
            Ok(()) => Ok(token),
            Err(trouble) => Err(bad_token(&trouble)), // RV-05
        }
    }

    fn may_ask(&self, place: &Place, token: Arc<VerifiedToken>, address: Option<IpAddr>) -> Result<Arc<VerifiedToken>, Box<Refused>> {
        a_person(&token)?; // SB-10
        self.in_scope(&token)?; // OA-20
        self.permitted(place, &token, address)?;
        Ok(token)
    }

    fn in_scope(&self, token: &Arc<VerifiedToken>) -> Result<(), Box<Refused>> {
        let needed: ScopeSet = self.route.scope.parse().expect("the table's scopes are scopes");
        if needed.is_subset(&token.claims().scope) {
            return Ok(());
        }
        let held = token.claims().scope.to_string();
        let title = format!("this takes {needed}, and the token has {}", if held.is_empty() { "no scope" } else { &held });
        let problem = Problem::new(StatusCode::FORBIDDEN, title)
            .remedy(format!("log in for {needed}; where your groups do not give it to you, ask whoever writes the `access` rules"));
        let error = Error::new(Code::InsufficientScope, "the token does not have the scope that this takes");
        Err(refused(problem, Some((Some(error), needed)), "insufficient_scope", "OA-20").of(token.into(), None))
    }

    fn permitted(&self, (tenant, resource): &Place, token: &Arc<VerifiedToken>, address: Option<IpAddr>) -> Result<(), Box<Refused>> {
        let now = self.parts.clock.now();
        let claims = token.claims();
        let agent = claims.agent.and_then(|agent| tenant.agent(&agent).cloned());
        let question = Question {
            action: Action::CallTool,
            subject: &claims.sub,
            client: &claims.client_id,
            agent: agent.as_deref().map(Into::into),
            resource: (&**resource).into(),
            target: Some(self.route.target),
            scope: &claims.scope,
            roles: &claims.roles,
            circumstances: Circumstances { authentication: token.caller().authentication.as_ref(), address, arguments: None },
        };
        let denied = match tenant.policy.decide(&question, now, &mut Entropy::draw(&*self.parts.rng)) {
            Ok(_permit) => return Ok(()),
            Err(denied) => denied,
        };
        let problem = Problem::new(StatusCode::FORBIDDEN, "policy does not allow this")
            .because(&denied)
            .remedy(denied.advice.clone().unwrap_or_else(|| "ask whoever writes the policies".to_owned()));
        Err(refused(problem, None, "denied_by_policy", "").of(token.into(), Some(denied.decision.to_string())))
    }

    async fn refuse(&self, (tenant, resource): &Place, tried: Scheme, refused: Refused) -> Response {
        let Refused { problem, challenge, wants_proof, counter, of } = refused;
        if let Some((token, decision)) = of {
            let (claims, now) = (token.claims(), self.parts.clock.now());
            let event = Event::new(Kind::AdministrationRefused, tenant.id, now, &mut Entropy::draw(&*self.parts.rng))
                .with(Field::Administrator, &claims.sub)
                .with(Field::Subject, &claims.sub)
                .with(Field::Client, &claims.client_id)
                .with(Field::Token, claims.jti)
                .with(Field::Scope, &claims.scope)
                .with(Field::Target, self.route.target)
                .with(Field::Reason, counter.reason)
                .with_some(Field::Decision, decision);
            if let Err(error) = self.parts.journal.commit(&tenant.id, Draft::default().recording(event)).await {
                return unwritten(&error).into_response();
            }
        } else {
            self.parts.counters.count(Some(tenant.id), counter);
        }
        let mut response = problem.into_response();
        if let Some((error, scope)) = challenge {
            let offer = Offer::at(resource.dpop, tried, wants_proof); // DP-04
            let challenge = challenge::challenge(offer, error.as_ref(), &resource.metadata_url(), &scope); // PR-02
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// As long as the address takes.
async fn whole(request: Request) -> Result<Request, Problem> {
    let (head, body) = request.into_parts();
    match Bytes::from_request(Request::from_parts(head.clone(), body), &()).await {
        Ok(body) => Ok(Request::from_parts(head, body.into())),
        Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than this address takes"))
        }
        Err(_) => Err(Problem::malformed("the body did not come whole: it was cut off, or took too long")),
    }
}

/// What cannot be recorded is not answered.
pub(super) fn unwritten(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "an administrator's request could not be recorded");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store could not be used").remedy("see to the database, then try again")
}

fn shown(presented: Presented<'_>) -> Result<Shown<'_>, Box<Refused>> {
    let problem = |title: &str| Problem::new(StatusCode::UNAUTHORIZED, title).remedy("log in: `chancery login --server URL --tenant NAME`");
    match presented {
        Presented::Token(shown) => Ok(shown),
        Presented::Nothing => Err(refused(problem("this takes a token"), Some((None, ScopeSet::default())), "no_token", "PR-02")),
        Presented::Malformed => {
            let error = Error::new(Code::InvalidRequest, "send one Authorization header with one bearer token");
            let mut problem = problem("the Authorization header cannot be read");
            problem.status = StatusCode::BAD_REQUEST.as_u16();
            Err(refused(problem, Some((Some(error), ScopeSet::default())), "malformed_authorization", "OA-20"))
        }
    }
}

/// The scopes are given to people by their groups. Nothing else has a group, so nothing else is an administrator.
fn a_person(token: &Arc<VerifiedToken>) -> Result<(), Box<Refused>> {
    if token.claims().sub.parse::<SubjectId>().is_ok() {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::FORBIDDEN, "only people administer").remedy("log in as a person whose groups give it to you");
    Err(refused(problem, None, "not_a_person", "SB-10").of(token.into(), None))
}
