//! Where a person signs in: of a tenant's identity providers, at theirs.
//!
//! 1. [`choice`]: at the only one there is; else where people of the hinted address sign in; else where they signed in before, who must do so
//!    anew; else nobody knows.
//! 2. [`to_sign_in`] sends them there, or shows the page that asks. What they sign in for travels in it, sealed, bound to this browser.
//! 3. [`chosen`] takes its answer: it comes from our page, in that browser, in time ([`page`]), once, and names a provider and nothing else.

mod choice;
mod page;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use chancery_audit::{CommitError, Draft, Receipt};
use chancery_core::oauth::Code;
use chancery_core::{ChooserPage, Html, Pages, SignInRequest, SignInTrouble, Slug};

use self::choice::{Choice, choice};
use self::page::{Chooser, Posted, checked, chooser_page};
use crate::answer::Answer;
use crate::apps;
use crate::consent::post::{PostedFrom, once, used};
use crate::consent::sealed::Sealed;
use crate::front::{Front, Visit};
use crate::page_post::PagePost;
use crate::refusal::Refused;
use crate::unanswered::Unanswered;

pub(crate) use self::page::Wants;

const ENDPOINT: &str = "choose";

/// Who is to sign in, as far as anybody knows, and what for.
pub(crate) struct Going {
    pub wants: Wants,
    /// SHA-256 of the browser's cookie.
    pub browser: [u8; 32],
    /// By which provider they came before.
    pub came_by: Option<Slug>,
}

/// On to the identity provider, or to the page that asks which. What led here is consumed by now, as the receipt says.
pub(crate) async fn to_sign_in<P: Pages>(front: &Front<P>, visit: Visit<'_>, going: Going, receipt: Receipt) -> Result<Answer, Unanswered> {
    let Going { wants, browser, came_by } = going;
    match choice(visit.tenant, &wants, came_by.as_ref()) {
        Choice::At(provider) => begin(front, visit, (wants, browser, &provider.name), receipt).await,
        Choice::Ask => show(front, visit, wants, browser),
        Choice::Nowhere => not_begun(front, visit, &wants, &SignInTrouble::NoProvider).await,
    }
}

fn show<P: Pages>(front: &Front<P>, visit: Visit<'_>, wants: Wants, browser: [u8; 32]) -> Result<Answer, Unanswered> {
    let mut moment = front.server.moment();
    let chooser = Chooser::of(wants, browser, &mut moment);
    let sealed = chooser.seal(&visit.keys.page, &visit.tenant.id, &mut moment).ok_or(Unanswered::NoKeys(visit.tenant.id))?;
    let Html(html) = front.pages.choose(&chooser_page(&chooser, visit.tenant, sealed));
    Ok(Answer::asking_page(html, front.pages.headers()))
}

/// If this fails, whoever waits hears of it and may start again.
async fn begin<P: Pages>(
    front: &Front<P>,
    visit: Visit<'_>,
    (wants, browser, provider): (Wants, [u8; 32], &Slug),
    receipt: Receipt,
) -> Result<Answer, Unanswered> {
    let sealed = wants.seal(&visit.keys.page, &visit.tenant.id, &mut front.server.moment());
    let asked = wants.approved().map(|approved| &approved.request);
    let request = SignInRequest {
        tenant: visit.tenant.id,
        client: asked.map(|asked| asked.client.clone()),
        provider: provider.clone(),
        browser,
        request: sealed.ok_or(Unanswered::NoKeys(visit.tenant.id))?,
        login_hint: asked.and_then(|asked| asked.login_hint.clone()),
        fresh: asked.is_some_and(|asked| asked.fresh),
        select: asked.is_some_and(|asked| asked.select),
        max_age: asked.and_then(|asked| asked.max_age).map(|seconds| Duration::from_secs(seconds.into())),
        acr_values: asked.and_then(|asked| asked.acr_values.clone()),
    };
    match front.server.sign_in.begin(request).await {
        Ok(url) => Ok(Answer::redirect(&url, receipt.into())),
        Err(trouble) => not_begun(front, visit, &wants, &trouble).await,
    }
}

async fn not_begun<P: Pages>(front: &Front<P>, visit: Visit<'_>, wants: &Wants, trouble: &SignInTrouble) -> Result<Answer, Unanswered> {
    tracing::warn!(tenant = %visit.tenant.name, %trouble, "a sign-in could not begin");
    match wants.approved() {
        Some(approved) => front.send_back(visit, &approved.request.return_to, refused(trouble)).await,
        None => front.refuse(visit, apps::no_provider()).await,
    }
}

fn refused(trouble: &SignInTrouble) -> Refused {
    let refused = match trouble {
        SignInTrouble::NoProvider => {
            Refused::new(Code::ServerError, "this server has no identity provider to sign in with; tell who runs it")
        }
        SignInTrouble::Crowded => {
            Refused::new(Code::TemporarilyUnavailable, "too many people are signing in just now; try again in a few minutes")
        }
        SignInTrouble::Provider(_) | SignInTrouble::Store(_) => {
            Refused::new(Code::TemporarilyUnavailable, "the identity provider cannot be reached just now; try again in a minute")
        }
    };
    refused.because(trouble.to_string()).by_row("OA-04")
}

/// A provider's button was pressed.
pub(crate) async fn chosen<P: Pages>(State(front): State<Arc<Front<P>>>, post: PagePost) -> Answer {
    judge(&front, &post).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

/// How often is not asked here: each of these pages is the answer to one that was counted.
async fn judge<P: Pages>(front: &Front<P>, post: &PagePost) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(&post.tenant, ENDPOINT)?;
    let visit = post.visit(&tenant, &keys, ENDPOINT);
    let form = match post.form() {
        Ok(form) => form,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    let posted = Posted {
        from: PostedFrom::of(&tenant, visit.headers),
        chooser: form.one(ChooserPage::SEALED_FIELD).and_then(|sealed| Chooser::open(&keys.page, &tenant.id, sealed)),
        provider: form.one(ChooserPage::PROVIDER_FIELD),
    };
    let (chooser, provider) = match checked(posted, &tenant, front.server.moment().now) {
        Ok(checked) => checked,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    let answered = once(&tenant, &chooser.id, chooser.shown_at);
    match front.server.journal.commit(&tenant.id, Draft::default().writing(answered)).await {
        Ok(receipt) => begin(front, visit, (chooser.wants, chooser.browser, &provider.name), receipt).await,
        Err(CommitError::GuardFailed(_)) => front.refuse(visit, used()).await,
        Err(trouble) => Err(trouble.into()),
    }
}
