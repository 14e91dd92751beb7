//! What a person allowed: the apps, what they may do, since when, last used, and a button to end each.
//!
//! 1. [`get`] shows it to a known session, and to nobody else: who is not signed in finds a button that leads to the identity provider.
//! 2. [`sign_in`] takes that button, and sends them there ([`crate::sign_in`]); the issuer's resume address leads back here.
//! 3. [`post`] takes the button that ends an app ([`ending`]): from our page, in that browser, by that person, in time, once. The approval
//!    and every grant behind it end in one Unit, and the feed tells every node.

mod ending;
mod listed;
mod page;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use chancery_core::{AppsPage, Html, Pages, SignInPage, Source, SubjectId};
use chancery_store::repo::{approvals, consumed, grants};

use self::ending::{CONSUMED, Ending};
use self::page::Page;
use crate::answer::Answer;
use crate::body::{Unread, whole};
use crate::consent::post::{PostedFrom, used};
use crate::consent::sealed::Sealed;
use crate::form::Form;
use crate::front::{From, Front, Visit, source_of};
use crate::sign_in::{Going, Wants, to_sign_in};
use crate::unanswered::{ATTEMPTS, Unanswered};
use crate::visit::Browser;

pub(crate) use self::ending::no_provider;
pub(crate) use self::page::Errand as AppsErrand;

const ENDPOINT: &str = "apps";

/// The page's address.
pub(crate) fn address(tenant: &chancery_registry::Tenant) -> String {
    format!("{}/apps", tenant.issuer)
}

pub(crate) async fn get<P: Pages>(
    State(front): State<Arc<Front<P>>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let ended = Form::read(query.unwrap_or_default().as_bytes()).one("ended").is_some();
    show(&front, &tenant, &headers, ended).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

/// An app's button was pressed.
pub(crate) async fn post<P: Pages>(
    State(front): State<Arc<Front<P>>>,
    Path(tenant): Path<String>,
    source: From,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    end(&front, &tenant, (&headers, source_of(source)), whole(body)).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

/// The button of who is not signed in was pressed.
pub(crate) async fn sign_in<P: Pages>(
    State(front): State<Arc<Front<P>>>,
    Path(tenant): Path<String>,
    source: From,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    begin(&front, &tenant, (&headers, source_of(source)), whole(body)).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

async fn show<P: Pages>(front: &Front<P>, tenant: &str, headers: &HeaderMap, ended: bool) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    let (store, mut moment) = (&front.server.store, front.server.moment());
    let visitor = front.server.visitor(&tenant, headers, &moment).await?;
    let browser = Browser::known_or_new(&tenant, headers, &mut moment);
    let person = visitor.as_ref().map(|visitor| visitor.signed_in.subject);
    let page = Page::of(browser.hash(), person, &mut moment);
    let sealed = page.seal(&keys.page, &tenant.id, &mut moment).ok_or(Unanswered::NoKeys(tenant.id))?;
    let Html(html) = match visitor {
        None => {
            front.pages.sign_in(&SignInPage { tenant: tenant.name.to_string(), action: format!("{}/sign-in", address(&tenant)), sealed })
        }
        Some(visitor) => {
            let person = visitor.signed_in.subject;
            let held = grants::held_of_subject(store, &tenant.id, &person.to_string(), moment.now).await?;
            let approvals = approvals::of_subject(store, &tenant.id, &person).await?;
            let apps = listed::apps(&tenant, &held, &approvals, moment.now);
            front.pages.apps(&AppsPage {
                tenant: tenant.name.to_string(),
                person: visitor.label,
                apps,
                ended,
                sign_out: crate::sign_out::address(&tenant),
                action: address(&tenant),
                sealed,
            })
        }
    };
    Ok(Answer::asking_page(html, front.pages.headers()).setting_cookie(browser.set_cookie(&tenant)))
}

async fn begin<P: Pages>(
    front: &Front<P>,
    tenant: &str,
    (headers, source): (&HeaderMap, Source),
    body: Result<Bytes, Unread>,
) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    let visit = Visit { tenant: &tenant, keys: &keys, headers, source, endpoint: ENDPOINT };
    let form = match body {
        Ok(body) => Form::read(&body),
        Err(unread) => return front.refuse(visit, unread.on_page()).await,
    };
    let now = front.server.moment().now;
    let page = match ending::checked(&PostedFrom::of(&tenant, headers), Page::posted(&form, visit), &tenant, now) {
        Ok(page) => page,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    if let Err(refusal) = front.server.limits.answer(&tenant, source, None) {
        return front.refuse(visit, refusal).await;
    }
    let consuming = consumed::consume(&tenant.id, "page", &page.id, page.shown_at + tenant.lifetimes.consent_page);
    let receipt = match front.server.journal.commit(&tenant.id, chancery_audit::Draft::default().writing(consuming)).await {
        Ok(receipt) => receipt,
        Err(chancery_audit::CommitError::GuardFailed(_)) => return front.refuse(visit, ending::not_taken(used())).await,
        Err(trouble) => return Err(trouble.into()),
    };
    to_sign_in(front, visit, Going { wants: Wants::Apps, browser: page.browser, came_by: None }, receipt).await
}

async fn end<P: Pages>(
    front: &Front<P>,
    tenant: &str,
    (headers, source): (&HeaderMap, Source),
    body: Result<Bytes, Unread>,
) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    let visit = Visit { tenant: &tenant, keys: &keys, headers, source, endpoint: ENDPOINT };
    let form = match body {
        Ok(body) => Form::read(&body),
        Err(unread) => return front.refuse(visit, unread.on_page()).await,
    };
    let (page, posted_from) = (Page::posted(&form, visit), PostedFrom::of(&tenant, headers));
    let page = match ending::checked(&posted_from, page, &tenant, front.server.moment().now) {
        Ok(page) => page,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    let mut overtaken = CONSUMED;
    for _ in 0..ATTEMPTS {
        match end_now(front, visit, &page, &form).await {
            Err(Unanswered::Overtaken(CONSUMED)) => return front.refuse(visit, ending::not_taken(used())).await,
            // Another grant came meanwhile, or the session ended: it is decided anew.
            Err(Unanswered::Overtaken(write)) => overtaken = write,
            ended => return ended,
        }
    }
    Err(Unanswered::Overtaken(overtaken))
}

async fn end_now<P: Pages>(front: &Front<P>, visit: Visit<'_>, page: &Page, form: &Form) -> Result<Answer, Unanswered> {
    let (store, mut moment) = (&front.server.store, front.server.moment());
    let visitor = front.server.visitor(visit.tenant, visit.headers, &moment).await?;
    let (client, visitor) = match ending::by_whom(page, form, visitor.as_ref()) {
        Ok(known) => known,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    if let Err(refusal) = front.server.limits.answer(visit.tenant, visit.source, Some(visitor)) {
        return front.refuse(visit, refusal).await;
    }
    let person: &SubjectId = &visitor.signed_in.subject;
    let grants = grants::alive_of_subject_to_client(store, &visit.tenant.id, (&person.to_string(), &client), moment.now).await?;
    let draft = ending::decide(visit.tenant, &Ending { page, client: &client, visitor, grants: &grants }, &mut moment);
    let receipt = front.server.journal.commit(&visit.tenant.id, draft).await?;
    Ok(Answer::redirect(&format!("{}?ended=1", address(visit.tenant)), receipt.into())) // SB-06
}
