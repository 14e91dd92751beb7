//! What follows from an answer. The states, and what leads from one to the next:
//!
//! ```text
//! AuthorizationRequest ── shown ──▶ Page ── denied ──────────────────────────▶ access_denied, to the client
//!                                    │ approved, by the session it named ────▶ a code, to the client
//!                                    ╰ approved, nobody known ──▶ Approved ── who it named, or nobody named ──▶ a code
//!                                                                    ╰ somebody else ──▶ Page, naming them
//! ```

use chancery_audit::{Draft, Write};
use chancery_core::oauth::Code;
use chancery_core::{Decision, Event, Field, Kind, SignedIn};
use chancery_registry::{Client, Tenant};
use chancery_store::repo::sessions;
use chancery_store::repo::sign_ins::{self, SignIn};

use super::approval::{Approval, Issued};
use super::page::{Approved, Page};
use super::post::{once, unusable};
use crate::authorize::AuthorizationRequest;
use crate::client_auth::acting_agent;
use crate::moment::Moment;
use crate::page_refusal::PageRefusal;
use crate::redirect_uri::is_registered;
use crate::refusal::Refused;
use crate::visit::Visitor;

/// What is known of an answer's surroundings: the registry of now, and the session of now.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub tenant: &'a Tenant,
    pub client: Option<&'a Client>,
    pub visitor: Option<&'a Visitor>,
}

/// Where an answered page leads.
pub(crate) enum Next {
    /// Back to the client, without.
    Denied(Refused),
    /// Back to the client, with a code.
    Issued(Issued),
    /// To the identity provider; the draft consumes the page.
    SignIn(Box<Approved>, Draft),
}

/// Where a finished sign-in leads.
#[expect(clippy::large_enum_variant, reason = "it is made once, and taken apart at once")]
pub(crate) enum Resumed {
    Issued(Issued),
    /// To a page that names who came; the draft consumes the sign-in.
    AskAgain(AuthorizationRequest, Draft),
}

pub(crate) fn decide(page: &Page, decision: Decision, facts: Facts<'_>, moment: &mut Moment) -> Result<Next, PageRefusal> {
    let client = still_registered((&page.request, &page.client_name), facts)?;
    let consuming = once(facts.tenant, &page.id, page.shown_at); // OA-22
    if decision == Decision::Deny {
        return Ok(Next::Denied(denied(page, consuming, facts, moment)));
    }
    let is_met = |visitor: &&Visitor| page.request.is_met_by(&visitor.signed_in.authentication, moment.now);
    match facts.visitor.filter(|visitor| page.person == Some(visitor.signed_in.subject)).filter(is_met) {
        Some(visitor) => {
            let alive = sessions::alive(&facts.tenant.id, &visitor.session, moment.now);
            let approval = Approval { tenant: facts.tenant, client, request: &page.request, by: &visitor.signed_in };
            Ok(Next::Issued(approval.issue(vec![consuming, alive], moment)))
        }
        None => {
            let approved = Approved { request: page.request.clone(), client_name: page.client_name.clone(), person: page.person };
            Ok(Next::SignIn(Box::new(approved), Draft::default().writing(consuming)))
        }
    }
}

/// `row` is the sign-in's, as the key that the browser brought found it; `approved` what it held.
pub(crate) fn resume(
    approved: &Approved,
    row: &SignIn,
    by: &SignedIn,
    facts: Facts<'_>,
    moment: &mut Moment,
) -> Result<Resumed, PageRefusal> {
    let client = still_registered((&approved.request, &approved.client_name), facts)?;
    let consuming = sign_ins::resume(&facts.tenant.id, &row.state, moment.now);
    if approved.person.is_some_and(|named| named != by.subject) {
        // Who came has just signed in: to ask for that again would never end.
        return Ok(Resumed::AskAgain(approved.request.signed_in(), Draft::default().writing(consuming)));
    }
    // A sign-in may wait here for minutes: whoever was revoked meanwhile is not let in by it.
    let alive = sessions::alive_by_id(&facts.tenant.id, &by.session, moment.now);
    let approval = Approval { tenant: facts.tenant, client, request: &approved.request, by };
    Ok(Resumed::Issued(approval.issue(vec![consuming, alive], moment)))
}

/// A page may be minutes old. What it asks must still be there to be asked for, by the client that asked (SB-04), under the name that
/// the person read (CI-08): what is remembered of their answer says so.
fn still_registered<'a>((request, name): (&AuthorizationRequest, &str), facts: Facts<'a>) -> Result<&'a Client, PageRefusal> {
    let gone = || unusable("page_outdated", "What it was about has been changed by an administrator meanwhile.").by_row("SB-04");
    let client = facts.client.filter(|client| client.id == request.client).ok_or_else(gone)?;
    if client.name != name {
        return Err(unusable("page_outdated", "The app has changed its name since the page was shown.").by_row("CI-08")); // CI-08
    }
    let returns = client.redirect_uris.iter().any(|registered| is_registered(registered, &request.return_to.uri));
    let offered = request.resources.iter().all(|asked| facts.tenant.resource(&asked.resource_id).is_some());
    let same_actor = acting_agent(client) == request.agent;
    if returns && offered && same_actor { Ok(client) } else { Err(gone()) }
}

/// A known person's no is an event; a stranger's is counted.
fn denied(page: &Page, consuming: Write, facts: Facts<'_>, moment: &mut Moment) -> Refused {
    let refused = Refused::new(Code::AccessDenied, "the person said no").by_row("OA-04").with(Draft::default().writing(consuming));
    let Some(visitor) = facts.visitor else { return refused };
    let event = Event::new(Kind::ConsentDenied, facts.tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, visitor.signed_in.subject)
        .with(Field::Client, &page.request.client)
        .with(Field::Session, visitor.signed_in.session);
    refused.recording(event)
}

#[cfg(test)]
mod tests;
