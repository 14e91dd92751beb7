//! Approvals that are remembered. A request that asks no more than the person allowed this client, at the address and by the name that the
//! page showed, leads straight to a code; anything else is asked. What their groups give them no more is not asked for.
//!
//! It is a GET that writes, so it must be one that a person's browser makes to go somewhere: the session's cookie is `Lax`, which keeps
//! other sites' frames, images and posts out, and what a browser says of the request keeps out those of our own site's other hosts, and
//! pages that are fetched before anybody wants them. What is left is a link that somebody made: it sends a code to a client that the
//! person allowed, at an address of that client alone, where `state` and the code's challenge are the client's to check (RFC 9700 §4.7).

use chancery_core::{Pages, Timestamp};
use chancery_registry::{Client, Tenant};
use chancery_store::repo::approvals::{self, Approval as Remembered};
use chancery_store::repo::sessions;
use http::HeaderMap;

use super::approval::{Approval, Issued};
use super::onward::with_code;
use crate::answer::Answer;
use crate::authorize::AuthorizationRequest;
use crate::front::{Front, Visit};
use crate::moment::Moment;
use crate::redirect_uri::{is_one_hosts, shown_host};
use crate::unanswered::Unanswered;
use crate::visit::Visitor;

/// Who wants what, in whose browser.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub request: &'a AuthorizationRequest,
    pub client: &'a Client,
    pub visitor: &'a Visitor,
}

/// The answer, if nobody has to be asked.
pub(crate) async fn remembered<P: Pages>(front: &Front<P>, visit: Visit<'_>, known: Known<'_>) -> Result<Option<Answer>, Unanswered> {
    if let Err(why) = may_be_spared(known, visit.headers) {
        tracing::debug!(tenant = %visit.tenant.name, client = %known.client.id, ?why, "the person is asked");
        return Ok(None);
    }
    let (server, person) = (&front.server, &known.visitor.signed_in.subject);
    if server.limits.answer(visit.tenant, visit.source, Some(known.visitor)).is_err() {
        return Ok(None); // a page cannot have itself answered
    }
    let approvals = approvals::of_client(&server.store, &visit.tenant.id, person, &known.client.id).await?;
    match decide(visit.tenant, known, &approvals, &mut server.moment()) {
        Ok(issued) => match with_code(front, visit, &known.request.return_to, issued).await {
            Ok(answer) => Ok(Some(answer)),
            // The approval or the session ended meanwhile: then it is asked about.
            Err(Unanswered::Overtaken(_)) => Ok(None),
            Err(why) => Err(why),
        },
        Err(why) => {
            tracing::debug!(tenant = %visit.tenant.name, client = %known.client.id, ?why, "the person is asked");
            Ok(None)
        }
    }
}

/// Why a person is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// `prompt=consent`.
    ByTheClient,
    /// `prompt=login`, `max_age`: who comes may be somebody else.
    SignInComesFirst,
    /// The answer goes to a loopback port or an app's own scheme, which any program on that computer may have (OA-03).
    AnybodysAddress,
    /// The browser is not on its way there: it loads a part of a page, or looks ahead.
    NobodyGoesThere,
    /// Their groups give this person none of it any more.
    NotTheirs,
    /// This person did not allow this client anything at this resource, or it was ended, or it is too long ago.
    NotAllowed,
    MoreScopes,
    /// The client calls itself otherwise than the page did.
    OtherName,
    /// The answer goes to another host than the page said.
    OtherHost,
    /// Another agent acts than the page named.
    OtherAgent,
}

/// What can be told before anything is looked up.
pub(super) fn may_be_spared(known: Known<'_>, headers: &HeaderMap) -> Result<(), Asked> {
    let Known { request, .. } = known;
    refuse(request.ask, Asked::ByTheClient)?;
    refuse(request.fresh || request.select, Asked::SignInComesFirst)?;
    refuse(!is_one_hosts(&request.return_to.uri), Asked::AnybodysAddress)?;
    refuse(!is_navigation(headers), Asked::NobodyGoesThere)
}

pub(super) fn decide(tenant: &Tenant, known: Known<'_>, approvals: &[Remembered], moment: &mut Moment) -> Result<Issued, Asked> {
    let Known { request, client, visitor } = known;
    let now = moment.now;
    refuse(!request.is_met_by(&visitor.signed_in.authentication, now), Asked::SignInComesFirst)?;
    let request = &request.allowed_to(&visitor.access).ok_or(Asked::NotTheirs)?;
    let approvals = covering(request, client, approvals, now)?;
    let until = approvals.iter().map(|approval| approval.expires_at).min().ok_or(Asked::NotAllowed)?;
    let session = sessions::alive(&tenant.id, &visitor.session, now);
    let guards = std::iter::once(session).chain(approvals.into_iter().map(|approval| approvals::alive(approval, now))).collect();
    let approval = Approval { tenant, client, request, by: &visitor.signed_in };
    Ok(approval.issue_again(until, guards, moment))
}

/// The approvals of this person that cover the request, one for each resource.
fn covering<'a>(
    request: &AuthorizationRequest,
    client: &Client,
    approvals: &'a [Remembered],
    now: Timestamp,
) -> Result<Vec<&'a Remembered>, Asked> {
    let host = shown_host(&request.return_to.uri);
    let mut covering = Vec::new();
    for asked in &request.resources {
        let allowed = |approval: &&Remembered| approval.client == client.id && approval.resource == asked.resource_id;
        let approval = approvals.iter().find(allowed).filter(|approval| now < approval.expires_at).ok_or(Asked::NotAllowed)?; // SB-04
        refuse(!asked.scope.is_subset(&approval.scope), Asked::MoreScopes)?;
        refuse(approval.client_name != client.name, Asked::OtherName)?; // CI-08
        refuse(approval.redirect_host != host, Asked::OtherHost)?; // CI-08
        refuse(approval.agent != request.agent, Asked::OtherAgent)?;
        covering.push(approval);
    }
    Ok(covering)
}

/// What the browser says by Fetch Metadata, if it says anything: a whole page is wanted, by somebody, now.
fn is_navigation(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    says("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
        && says("sec-fetch-dest").is_none_or(|what| what == "document")
        && says("sec-purpose").or_else(|| says("purpose")).is_none_or(|purpose| !purpose.contains("prefetch"))
}

fn refuse(condition: bool, why: Asked) -> Result<(), Asked> {
    if condition { Err(why) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
