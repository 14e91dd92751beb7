//! The way on from the identity provider (rulings, Consent): the relying party has written who came, and sent the browser here with a
//! key to that row. It works once, in the browser that began the sign-in (SB-03).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use chancery_core::{Event, Field, Kind, Pages, SignedIn, Timestamp};
use chancery_crypto::digest::sha256;
use chancery_registry::Tenant;
use chancery_store::repo::sign_ins::{self, SignIn};

use super::decide::{self, Facts, Resumed};
use super::page::{Approved, Sealed};
use super::{Asking, ask, code, commit};
use crate::answer::Answer;
use crate::form::Form;
use crate::front::{Front, Visit};
use crate::moment::Moment;
use crate::page_refusal::PageRefusal;
use crate::unanswered::Unanswered;
use crate::visit::{Browser, Visitor};

const ENDPOINT: &str = "resume";

pub(crate) async fn resume<P: Pages>(
    State(front): State<Arc<Front<P>>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    resumed(&front, &tenant, &headers, &form).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

async fn resumed<P: Pages>(front: &Front<P>, tenant: &str, headers: &HeaderMap, form: &Form) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    let visit = Visit { tenant: &tenant, keys: &keys, headers, endpoint: ENDPOINT };
    let tenant = &*tenant;
    let (server, mut moment) = (&front.server, front.server.moment());
    let key = sha256(form.one("sign_in").unwrap_or_default().as_bytes());
    let row = sign_ins::by_resume(&server.store, &tenant.id, &key).await?;
    let browser = Browser::known(tenant, headers);
    let (row, by) = match finished(row, browser.as_ref(), tenant, &mut moment) {
        Ok(finished) => finished,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    let Some(approved) = Approved::open(&keys.page, &tenant.id, &row.request) else {
        return front.refuse(visit, over("sign_in_seal", "What was approved can no longer be read.")).await;
    };

    let client = server.registry.client(tenant, &approved.request.client).await?;
    let facts = Facts { tenant, client: client.as_deref(), visitor: None };
    let sent_on = match decide::resume(&approved, &row, &by, facts, &mut moment) {
        Ok(Resumed::Issued(issued)) => {
            commit(front, visit, issued.draft).await.map(|receipt| code(visit, &approved.request.return_to, (&issued.code, receipt)))
        }
        Ok(Resumed::AskAgain(request, draft)) => match (commit(front, visit, draft).await, &browser) {
            (Ok(_), Some(browser)) => {
                let visitor = Visitor::of(tenant, headers, &server.store, &moment).await?;
                ask(front, visit, Asking { request, browser, visitor: visitor.as_ref() }, &mut moment).await
            }
            (Ok(_), None) => Err(Unanswered::Overtaken),
            (Err(outage), _) => Err(outage),
        },
        Err(refusal) => front.refuse(visit, refusal).await,
    };
    match sent_on {
        Err(Unanswered::Overtaken) => front.refuse(visit, used()).await,
        sent_on => sent_on,
    }
}

/// The sign-in that the key leads to, and who it brought.
fn finished(
    row: Option<SignIn>,
    browser: Option<&Browser>,
    tenant: &Tenant,
    moment: &mut Moment,
) -> Result<(SignIn, SignedIn), PageRefusal> {
    let row = row.ok_or_else(|| over("sign_in_unknown", "There is no sign-in of this key."))?;
    let by: SignedIn = row
        .result
        .as_deref()
        .and_then(|result| serde_json::from_str(result).ok())
        .ok_or_else(|| over("sign_in_unfinished", "The sign-in did not come to an end."))?;
    same_browser(&row, browser, (&by, tenant), moment)?;
    first_time(&row)?;
    in_time(&row, moment.now)?;
    Ok((row, by))
}

/// Whoever sends his own finished sign-in to somebody else would have them go on as himself.
fn same_browser(
    row: &SignIn,
    browser: Option<&Browser>,
    (by, tenant): (&SignedIn, &Tenant),
    moment: &mut Moment,
) -> Result<(), PageRefusal> {
    if browser.is_some_and(|browser| browser.hash() == row.browser) {
        return Ok(());
    }
    let event = Event::new(Kind::SignInRefused, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, by.subject)
        .with(Field::IdentityProvider, &by.provider)
        .with(Field::Reason, "another browser")
        .with(Field::Row, "SB-03");
    Err(over("sign_in_browser", "The sign-in began in another browser, or this one no longer has the cookie that was set then.")
        .recording(event))
}

fn first_time(row: &SignIn) -> Result<(), PageRefusal> {
    if row.resumed_at.is_none() { Ok(()) } else { Err(used()) }
}

fn in_time(row: &SignIn, now: Timestamp) -> Result<(), PageRefusal> {
    if now < row.expires_at { Ok(()) } else { Err(over("sign_in_age", "The sign-in took too long.")) }
}

fn used() -> PageRefusal {
    over("sign_in_used", "This sign-in was used before. If you went back in your browser, nothing is wrong: the app has its answer.")
}

fn over(reason: &'static str, text: &str) -> PageRefusal {
    PageRefusal::new(
        reason,
        "This sign-in cannot be continued.",
        text,
        "Start again from the app; if you did not start anything, close this page.",
    )
    .by_row("SB-03")
}
