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

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use chancery_audit::{CommitError, Draft};
use chancery_core::{AppsPage, Html, Pages, SignInPage, SubjectId};
use chancery_store::repo::{approvals, grants};

use self::ending::{CONSUMED, Ending};
use self::page::Page;
use crate::answer::Answer;
use crate::consent::post::{PostedFrom, once, used};
use crate::consent::sealed::Sealed;
use crate::form::Form;
use crate::front::{Front, Visit};
use crate::page_post::PagePost;
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
pub(crate) async fn post<P: Pages>(State(front): State<Arc<Front<P>>>, post: PagePost) -> Answer {
    end(&front, &post).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

/// The button of who is not signed in was pressed.
pub(crate) async fn sign_in<P: Pages>(State(front): State<Arc<Front<P>>>, post: PagePost) -> Answer {
    begin(&front, &post).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
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

async fn begin<P: Pages>(front: &Front<P>, post: &PagePost) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(&post.tenant, ENDPOINT)?;
    let visit = post.visit(&tenant, &keys, ENDPOINT);
    let form = match post.form() {
        Ok(form) => form,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    let now = front.server.moment().now;
    let page = match ending::checked(&PostedFrom::of(&tenant, visit.headers), Page::posted(&form, visit), &tenant, now) {
        Ok(page) => page,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    if let Err(refusal) = front.server.limits.answer(&tenant, visit.source, None) {
        return front.refuse(visit, refusal).await;
    }
    let answered = once(&tenant, &page.id, page.shown_at);
    let receipt = match front.server.journal.commit(&tenant.id, Draft::default().writing(answered)).await {
        Ok(receipt) => receipt,
        Err(CommitError::GuardFailed(_)) => return front.refuse(visit, ending::not_taken(used())).await,
        Err(trouble) => return Err(trouble.into()),
    };
    to_sign_in(front, visit, Going { wants: Wants::Apps, browser: page.browser, came_by: None }, receipt).await
}

async fn end<P: Pages>(front: &Front<P>, post: &PagePost) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(&post.tenant, ENDPOINT)?;
    let visit = post.visit(&tenant, &keys, ENDPOINT);
    let form = match post.form() {
        Ok(form) => form,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    let (page, posted_from) = (Page::posted(&form, visit), PostedFrom::of(&tenant, visit.headers));
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
