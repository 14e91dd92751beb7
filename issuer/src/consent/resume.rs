//! The way on from the identity provider: the relying party has written who came, and sent the browser here with a
//! key to that row. It works once, in the browser that began the sign-in (SB-03).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use chancery_audit::{Draft, Receipt};
use chancery_core::oauth::Code;
use chancery_core::{Event, Field, Kind, Pages, SignedIn, Source, Timestamp};
use chancery_crypto::digest::sha256;
use chancery_registry::Access;
use chancery_store::repo::sign_ins::{self, SignIn};
use chancery_store::repo::subjects::{self, Subject};

use super::approval::CONSUMED;
use super::decide::{self, Facts, Resumed};
use super::onward::{commit, with_code};
use super::{ToAsk, ask, not_theirs};
use crate::answer::Answer;
use crate::apps;
use crate::authorize::AuthorizationRequest;
use crate::form::Form;
use crate::front::{From, Front, Visit, source_of};
use crate::moment::Moment;
use crate::page_refusal::PageRefusal;
use crate::refusal::Refused;
use crate::sign_in::Wants;
use crate::unanswered::Unanswered;
use crate::visit::{Browser, may_be_signed_in, person};

const ENDPOINT: &str = "resume";

pub(crate) async fn resume<P: Pages>(
    State(front): State<Arc<Front<P>>>,
    Path(tenant): Path<String>,
    source: From,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    go_on(&front, &tenant, (&headers, source_of(source)), &form).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

async fn go_on<P: Pages>(
    front: &Front<P>,
    tenant: &str,
    (headers, source): (&HeaderMap, Source),
    form: &Form,
) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    let visit = Visit { tenant: &tenant, keys: &keys, headers, source, endpoint: ENDPOINT };
    let key = sha256(form.one("sign_in").unwrap_or_default().as_bytes());
    let row = sign_ins::by_resume(&front.server.store, &tenant.id, &key).await?;
    let by = row.as_ref().and_then(who_came);
    let subject = match &by {
        Some(by) => subjects::by_id(&front.server.store, &tenant.id, &by.subject).await?,
        None => None,
    };
    match finished(Found { row, by, subject }, visit, &mut front.server.moment()) {
        Ok(finished) => match send_on(front, visit, finished).await {
            Err(Unanswered::Overtaken(CONSUMED)) => front.refuse(visit, used()).await,
            // The session that the sign-in made is all else that an approval finds and does not make.
            Err(Unanswered::Overtaken(_)) => front.refuse(visit, ended()).await,
            sent_on => sent_on,
        },
        // Somebody was faster, and it is over.
        Err(refusal) => match front.refuse(visit, refusal).await {
            Err(Unanswered::Overtaken(_)) => front.refuse(visit, used()).await,
            refused => refused,
        },
    }
}

/// A sign-in that came to an end, in the browser that began it.
struct Finished {
    row: SignIn,
    wants: Wants,
    by: SignedIn,
    browser: Browser,
    /// What their groups give who came.
    access: Access,
}

async fn send_on<P: Pages>(front: &Front<P>, visit: Visit<'_>, finished: Finished) -> Result<Answer, Unanswered> {
    let Finished { row, wants, by, browser, access } = finished;
    let (server, mut moment) = (&front.server, front.server.moment());
    let approved = match wants {
        Wants::Approved(approved) => *approved,
        Wants::Apps => {
            let once = Draft::default().writing(sign_ins::resume(&visit.tenant.id, &row.state, moment.now));
            return Ok(Answer::redirect(&apps::address(visit.tenant), commit(front, visit, once).await?.into()));
        }
    };
    if approved.request.allowed_to(&access).is_none() {
        let refused = not_theirs(visit, &approved.request, &by, &mut moment);
        return front.send_back(visit, &approved.request.return_to, refused).await;
    }
    if !approved.request.is_by_its_means(&by.authentication) {
        return front.send_back(visit, &approved.request.return_to, too_weak(visit, &approved.request, &by, &mut moment)).await; // SU-02
    }
    let client = front.client(visit, &approved.request.client).await?;
    let facts = Facts { tenant: visit.tenant, client: client.as_deref(), visitor: None };
    match decide::resume(&approved, &row, &by, facts, &mut moment) {
        Ok(Resumed::Issued(issued)) => with_code(front, visit, &approved.request.return_to, issued).await,
        Ok(Resumed::AskAgain(request, draft)) => {
            let _: Receipt = commit(front, visit, draft).await?;
            let visitor = server.visitor(visit.tenant, visit.headers, &moment).await?;
            ask(front, visit, ToAsk { request, browser: &browser, visitor: visitor.as_ref() }, &mut moment).await
        }
        Err(refusal) => front.refuse(visit, refusal).await,
    }
}

/// The provider was asked for stronger means and used others. A weaker token would only be refused where it is needed, and so on for ever.
fn too_weak(visit: Visit<'_>, request: &AuthorizationRequest, by: &SignedIn, moment: &mut Moment) -> Refused {
    let event = Event::new(Kind::AuthorizationRefused, visit.tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, by.subject)
        .with(Field::Session, by.session)
        .with(Field::Client, &request.client)
        .with(Field::Reason, "acr")
        .with(Field::Row, "SU-02");
    let words = "the identity provider signed the person in by other means than acr_values asks for; ask who runs it which it has";
    Refused::new(Code::UnmetAuthenticationRequirements, words).by_row("SU-02").recording(event)
}

/// What the key that the browser brought leads to.
struct Found {
    row: Option<SignIn>,
    by: Option<SignedIn>,
    subject: Option<Subject>,
}

fn finished(found: Found, visit: Visit<'_>, moment: &mut Moment) -> Result<Finished, PageRefusal> {
    let Found { row, by, subject } = found;
    let row = row.ok_or_else(|| over("sign_in_unknown", "There is no sign-in of this key."))?;
    let by = by.ok_or_else(|| over("sign_in_unfinished", "The sign-in did not come to an end."))?;
    let access = still_trusted(&by, subject.as_ref(), visit)?;
    first_time(&row)?;
    in_time(&row, moment.now)?;
    let browser = same_browser(&row, &by, visit, moment)?;
    let wants = Wants::open(&visit.keys.page, &visit.tenant.id, &row.request)
        .ok_or_else(|| over("sign_in_seal", "What was approved can no longer be read."))?;
    Ok(Finished { row, wants, by, browser, access })
}

fn who_came(row: &SignIn) -> Option<SignedIn> {
    row.result.as_deref().and_then(|result| serde_json::from_str(result).ok())
}

/// The provider may have been taken out of the file while the person was there, or the person suspended.
fn still_trusted(by: &SignedIn, subject: Option<&Subject>, visit: Visit<'_>) -> Result<Access, PageRefusal> {
    let known = subject.filter(|subject| may_be_signed_in(subject, &by.provider, visit.tenant));
    known
        .map(|subject| visit.tenant.access_of(&person(subject), &by.provider))
        .ok_or_else(|| over("sign_in_provider", "Whoever signed you in does not vouch for you here any more."))
}

/// Whoever sends his own finished sign-in to somebody else would have them go on as himself. It is noticed once, and over then; who
/// scans links comes without any cookie, ends nothing and is counted.
fn same_browser(row: &SignIn, by: &SignedIn, visit: Visit<'_>, moment: &mut Moment) -> Result<Browser, PageRefusal> {
    let text = "The sign-in began in another browser, or this one no longer has the cookie that was set then.";
    let refused = over("sign_in_browser", text);
    match Browser::known(visit.tenant, visit.headers) {
        Some(browser) if browser.hash() == row.browser => return Ok(browser),
        Some(_) => {}
        None => return Err(refused),
    }
    let event = Event::new(Kind::SignInRefused, visit.tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, by.subject)
        .with(Field::IdentityProvider, &by.provider)
        .with(Field::Reason, "another browser")
        .with(Field::Row, "SB-03");
    Err(refused.writing(sign_ins::resume(&visit.tenant.id, &row.state, moment.now)).recording(event))
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

fn ended() -> PageRefusal {
    over("sign_in_ended", "Since you signed in, an administrator ended that.")
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
