//! Signing out. A GET only asks: a link, an image or a frame of another site signs nobody out.
//!
//! 1. [`get`] asks who is signed in here whether they want to, and says what ends with it.
//! 2. [`post`] takes the button ([`ending`]): from our page, in that browser, by that session, in time, once. The session ends, and what was
//!    allowed in it where the tenant wants that, in one Unit; the cookie goes.
//! 3. The browser goes on to the identity provider, where that has a place for it (OpenID Connect RP-Initiated Logout 1.0), and comes back to
//! 4. [`goodbye`], which changes nothing. It tells nobody that they are signed out who is not: they are asked, as in 1.

mod ending;
mod page;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use chancery_core::{Cookie, Html, Pages, SignOutPage, SignOutRequest, SignedOutPage, WhatWasAllowed};
use chancery_registry::Tenant;
use chancery_store::repo::grants;

use self::ending::CONSUMED;
use self::page::{Farewell, Page};
use crate::answer::Answer;
use crate::apps;
use crate::consent::post::{PostedFrom, used};
use crate::consent::sealed::Sealed;
use crate::form::Form;
use crate::front::{Front, Visit};
use crate::page_post::PagePost;
use crate::unanswered::{ATTEMPTS, Unanswered};
use crate::visit::{Browser, Visitor};

const ENDPOINT: &str = "sign-out";

/// The page's address.
pub(crate) fn address(tenant: &Tenant) -> String {
    format!("{}/sign-out", tenant.issuer)
}

/// Where people come back to from signing out at the identity provider, which knows it beforehand.
fn goodbye_address(tenant: &Tenant) -> String {
    format!("{}/signed-out", tenant.issuer)
}

pub(crate) async fn get<P: Pages>(State(front): State<Arc<Front<P>>>, Path(tenant): Path<String>, headers: HeaderMap) -> Answer {
    ask(&front, &tenant, &headers).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

/// The button was pressed.
pub(crate) async fn post<P: Pages>(State(front): State<Arc<Front<P>>>, post: PagePost) -> Answer {
    end(&front, &post).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

/// Where it all leads.
pub(crate) async fn goodbye<P: Pages>(
    State(front): State<Arc<Front<P>>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    over(&front, &tenant, &headers, &form).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

async fn ask<P: Pages>(front: &Front<P>, tenant: &str, headers: &HeaderMap) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    let mut moment = front.server.moment();
    let Some(visitor) = front.server.visitor(&tenant, headers, &moment).await? else {
        return Ok(Answer::again_by_get(&goodbye_address(&tenant)));
    };
    let browser = Browser::known_or_new(&tenant, headers, &mut moment);
    let page = Page::of(browser.hash(), visitor.signed_in.session, &mut moment);
    let Html(html) = front.pages.sign_out(&SignOutPage {
        tenant: tenant.name.to_string(),
        allowed: allowed(front, &tenant, &visitor).await?,
        person: visitor.label,
        at_provider: tenant.sign_out.at_provider,
        apps: apps::address(&tenant),
        action: address(&tenant),
        sealed: page.seal(&keys.page, &tenant.id, &mut moment).ok_or(Unanswered::NoKeys(tenant.id))?,
    });
    Ok(Answer::asking_page(html, front.pages.headers()).setting_cookie(browser.set_cookie(&tenant)))
}

async fn allowed<P: Pages>(front: &Front<P>, tenant: &Tenant, visitor: &Visitor) -> Result<WhatWasAllowed, Unanswered> {
    let grants = grants::of_session(&front.server.store, &tenant.id, &visitor.signed_in.session).await?;
    Ok(match (grants.is_empty(), tenant.sign_out.ends_grants) {
        (true, _) => WhatWasAllowed::Nothing,
        (false, true) => WhatWasAllowed::Ends,
        (false, false) => WhatWasAllowed::GoesOn,
    })
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
        match end_now(front, visit, &page).await {
            Err(Unanswered::Overtaken(CONSUMED)) => return front.refuse(visit, ending::not_taken(used())).await,
            // Something was allowed meanwhile, or the session ended by another way: it is decided anew.
            Err(Unanswered::Overtaken(write)) => overtaken = write,
            ended => return ended,
        }
    }
    Err(Unanswered::Overtaken(overtaken))
}

async fn end_now<P: Pages>(front: &Front<P>, visit: Visit<'_>, page: &Page) -> Result<Answer, Unanswered> {
    let (server, tenant, mut moment) = (&front.server, visit.tenant, front.server.moment());
    let Some(visitor) = server.visitor(tenant, visit.headers, &moment).await? else {
        return Ok(Answer::again_by_get(&goodbye_address(tenant)).setting_cookie(Some(Cookie::Session.clear(&tenant.base, &tenant.name))));
    };
    if let Err(refusal) = ending::by_whom(page, &visitor) {
        return front.refuse(visit, refusal).await;
    }
    let grants = match tenant.sign_out.ends_grants {
        true => Some(grants::of_session(&server.store, &tenant.id, &visitor.signed_in.session).await?),
        false => None,
    };
    let draft = ending::decide(tenant, page, (&visitor, grants.as_deref()), &mut moment);
    let receipt = server.journal.commit(&tenant.id, draft).await?;
    let to = onwards(front, visit, page, &visitor).await?;
    Ok(Answer::redirect(&to, receipt.into()).setting_cookie(Some(Cookie::Session.clear(&tenant.base, &tenant.name)))) // SB-06
}

/// To the provider, or where the way back from there leads.
async fn onwards<P: Pages>(front: &Front<P>, visit: Visit<'_>, page: &Page, visitor: &Visitor) -> Result<String, Unanswered> {
    let (tenant, mut moment) = (visit.tenant, front.server.moment());
    let mut farewell = |at_provider| {
        let farewell = Farewell { browser: page.browser, at_provider };
        farewell.seal(&visit.keys.page, &tenant.id, &mut moment).ok_or(Unanswered::NoKeys(tenant.id))
    };
    let back = goodbye_address(tenant);
    let request = SignOutRequest { tenant: tenant.id, session: visitor.session, back: back.clone(), state: farewell(true)? };
    let there = if tenant.sign_out.at_provider { front.server.sign_in.sign_out(request).await } else { None };
    match there {
        Some(url) => Ok(url),
        None => Ok(format!("{back}?state={}", farewell(false)?)),
    }
}

async fn over<P: Pages>(front: &Front<P>, tenant: &str, headers: &HeaderMap, form: &Form) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    if front.server.visitor(&tenant, headers, &front.server.moment()).await?.is_some() {
        return Ok(Answer::again_by_get(&address(&tenant)));
    }
    let said = form.one("state").and_then(|sealed| Farewell::open(&keys.page, &tenant.id, sealed));
    let own = said.filter(|said| Browser::known(&tenant, headers).is_some_and(|browser| browser.hash() == said.browser));
    let page =
        SignedOutPage { tenant: tenant.name.to_string(), at_provider: own.map(|said| said.at_provider), apps: apps::address(&tenant) };
    let Html(html) = front.pages.signed_out(&page);
    Ok(Answer::asking_page(html, front.pages.headers()))
}
