//! Consent: a person allows one client what it asks for, before they are sent to the identity provider, for every client by itself
//! (SB-04).
//!
//! 0. What a known person allowed before is not asked again ([`remembered`]).
//! 1. [`ask`] shows the page. The request travels in it, sealed, bound to this browser.
//! 2. [`posted`] takes its answer: it comes from our page, in that browser, in time ([`post`]).
//! 3. What follows is decided ([`decide`]) and committed, once ([`onward`]): no leads back to the client, yes to a code or to the
//!    identity provider.
//! 4. [`resume`] goes on when the person is back from there.

mod approval;
mod decide;
#[cfg(test)]
pub(crate) mod fixtures;
mod onward;
mod page;
pub(crate) mod post;
mod remembered;
mod resume;
pub(crate) mod sealed;
mod shown;

use std::sync::Arc;

use axum::extract::State;
use chancery_core::oauth::Code;
use chancery_core::{ConsentPage, Decision, Event, Field, Html, Kind, Pages, Shown, SignedIn};

use self::onward::answer;
use self::page::Page;
use self::post::{Post, PostedFrom, checked, unusable};
use self::sealed::Sealed;
use crate::answer::Answer;
use crate::authorize::{AuthorizationRequest, Sent};
use crate::front::{Front, Visit};
use crate::moment::Moment;
use crate::page_post::PagePost;
use crate::refusal::Refused;
use crate::unanswered::Unanswered;
use crate::visit::{Browser, Visitor};

pub(crate) use self::page::Approved;
pub(crate) use self::remembered::{Known, remembered};
pub(crate) use self::resume::resume;
pub(crate) use self::shown::resource_ask;

const ENDPOINT: &str = "consent";

/// Who is asked for what, where.
pub(crate) struct ToAsk<'a> {
    pub request: AuthorizationRequest,
    pub browser: &'a Browser,
    pub visitor: Option<&'a Visitor>,
}

/// Shows the page. Where a stand-in answers instead of a person, its answer is taken as if this browser had posted it.
pub(crate) async fn ask<P: Pages>(
    front: &Front<P>,
    visit: Visit<'_>,
    to_ask: ToAsk<'_>,
    moment: &mut Moment,
) -> Result<Answer, Unanswered> {
    let ToAsk { request, browser, visitor } = to_ask;
    // Who must sign in anew may turn out to be somebody else: the page names nobody.
    let named = visitor.filter(|visitor| request.is_met_by(&visitor.signed_in.authentication, moment.now));
    let client = front.client(visit, &request.client).await?;
    let Some(client) = client else {
        return front.refuse(visit, unusable("page_outdated", "The app was removed by an administrator meanwhile.")).await;
    };
    let request = match named.map(|visitor| (visitor, request.allowed_to(&visitor.access))) {
        Some((_, Some(narrower))) => narrower,
        Some((visitor, None)) => {
            let refused = not_theirs(visit, &request, &visitor.signed_in, moment);
            return front.send(visit, Sent::unasked(&client, request.return_to, refused)).await;
        }
        None => request,
    };
    let named_subject = named.map(|visitor| visitor.signed_in.subject);
    let page = Page::of((request, &client.name), browser.hash(), named_subject, moment);
    let sealed = page.seal(&visit.keys.page, &visit.tenant.id, moment).ok_or(Unanswered::NoKeys(visit.tenant.id))?;
    match front.pages.consent(&shown::consent_page(&page, &client, (visit.tenant, named), sealed)) {
        Shown::Html(Html(html)) => Ok(Answer::asking_page(html, front.pages.headers())),
        Shown::Decided(decision) => answer(front, visit, (page, decision.into()), visitor.cloned()).await,
    }
}

/// Of all that is asked for, their groups give this person nothing, so there is nothing to allow.
fn not_theirs(visit: Visit<'_>, request: &AuthorizationRequest, by: &SignedIn, moment: &mut Moment) -> Refused {
    let event = Event::new(Kind::AuthorizationRefused, visit.tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, by.subject)
        .with(Field::Session, by.session)
        .with(Field::Client, &request.client)
        .with(Field::Reason, "groups");
    let words = "the person's groups give none of what was asked for; ask for less, or ask who runs this server";
    Refused::new(Code::AccessDenied, words).by_row("OA-04").recording(event)
}

/// The page's form was posted.
pub(crate) async fn posted<P: Pages>(State(front): State<Arc<Front<P>>>, post: PagePost) -> Answer {
    judge(&front, &post).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

async fn judge<P: Pages>(front: &Front<P>, post: &PagePost) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(&post.tenant, ENDPOINT)?;
    let visit = post.visit(&tenant, &keys, ENDPOINT);
    let form = match post.form() {
        Ok(form) => form,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    let moment = front.server.moment();
    let post = Post {
        from: PostedFrom::of(&tenant, visit.headers),
        page: form.one(ConsentPage::SEALED_FIELD).and_then(|sealed| Page::open(&keys.page, &tenant.id, sealed)),
        decision: form.one(Decision::FIELD).and_then(Decision::from_field),
    };
    match checked(post, &tenant, moment.now) {
        Ok(post) => {
            let visitor = front.server.visitor(&tenant, visit.headers, &moment).await?;
            if let Err(refusal) = front.server.limits.answer(&tenant, visit.source, visitor.as_ref()) {
                return front.refuse(visit, refusal).await;
            }
            answer(front, visit, post, visitor).await
        }
        Err(refusal) => front.refuse(visit, refusal).await,
    }
}
