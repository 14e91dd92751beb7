//! On from an answered page: the decision is committed, which happens once, and the browser is sent where it leads.

use std::time::Duration;

use chancery_audit::{Draft, Receipt};
use chancery_core::oauth::Code;
use chancery_core::{Decision, Pages, SignInRequest, SignInTrouble};

use super::approval::{CONSUMED, Issued};
use super::decide::{Facts, Next, decide};
use super::page::{Approved, Page};
use super::post::used;
use super::sealed::Sealed;
use crate::answer::Answer;
use crate::front::{Front, Visit};
use crate::refusal::Refused;
use crate::return_to::ReturnTo;
use crate::unanswered::{ATTEMPTS, Unanswered};
use crate::visit::Visitor;

/// A page was answered, by a person or by who stands in for one.
pub(super) async fn answer<P: Pages>(
    front: &Front<P>,
    visit: Visit<'_>,
    (page, decision): (Page, Decision),
    mut visitor: Option<Visitor>,
) -> Result<Answer, Unanswered> {
    let mut overtaken = CONSUMED;
    for _ in 0..ATTEMPTS {
        match send_on(front, visit, (&page, decision), visitor.as_ref()).await {
            Err(Unanswered::Overtaken(CONSUMED)) => {
                return front.refuse(visit, used()).await;
            }
            // The session ended after it was looked at: who approved signs in first, as if nobody had been known.
            Err(Unanswered::Overtaken(write)) => overtaken = write,
            sent_on => return sent_on,
        }
        visitor = Visitor::of(visit.tenant, visit.headers, &front.server.store, &front.server.moment()).await?;
    }
    Err(Unanswered::Overtaken(overtaken))
}

async fn send_on<P: Pages>(
    front: &Front<P>,
    visit: Visit<'_>,
    (page, decision): (&Page, Decision),
    visitor: Option<&Visitor>,
) -> Result<Answer, Unanswered> {
    let client = front.server.registry.client(visit.tenant, &page.request.client).await?;
    let facts = Facts { tenant: visit.tenant, client: client.as_deref(), visitor };
    match decide(page, decision, facts, &mut front.server.moment()) {
        Ok(Next::Denied(refused)) => front.send_back(visit, &page.request.return_to, refused).await,
        Ok(Next::Issued(issued)) => with_code(front, visit, &page.request.return_to, issued).await,
        Ok(Next::SignIn(approved, draft)) => {
            let receipt = commit(front, visit, draft).await?;
            to_sign_in(front, visit, (&approved, page.browser), receipt).await
        }
        Err(refusal) => front.refuse(visit, refusal).await,
    }
}

/// To the identity provider. The page is consumed by now: if this fails, the client hears of it and may start again.
async fn to_sign_in<P: Pages>(
    front: &Front<P>,
    visit: Visit<'_>,
    (approved, browser): (&Approved, [u8; 32]),
    receipt: Receipt,
) -> Result<Answer, Unanswered> {
    let sealed = approved.seal(&visit.keys.page, &visit.tenant.id, &mut front.server.moment());
    let request = SignInRequest {
        tenant: visit.tenant.id,
        client: Some(approved.request.client.clone()),
        provider: None,
        browser,
        request: sealed.ok_or(Unanswered::NoKeys(visit.tenant.id))?,
        login_hint: approved.request.login_hint.clone(),
        fresh: approved.request.fresh,
        max_age: approved.request.max_age.map(|seconds| Duration::from_secs(seconds.into())),
        acr_values: approved.request.acr_values.clone(),
    };
    match front.server.sign_in.begin(request).await {
        Ok(url) => Ok(Answer::redirect(&url, receipt.into())),
        Err(trouble) => {
            tracing::warn!(tenant = %visit.tenant.name, %trouble, "a sign-in could not begin");
            front.send_back(visit, &approved.request.return_to, not_begun(&trouble)).await
        }
    }
}

fn not_begun(trouble: &SignInTrouble) -> Refused {
    let refused = match trouble {
        SignInTrouble::NoProvider => {
            Refused::new(Code::ServerError, "this server has no identity provider to sign in with; tell who runs it")
        }
        SignInTrouble::Provider(_) | SignInTrouble::Store(_) => {
            Refused::new(Code::TemporarilyUnavailable, "the identity provider cannot be reached just now; try again in a minute")
        }
    };
    refused.because(trouble.to_string()).by_row("OA-04")
}

/// Back to the client, with the code, once the grant that it stands for is committed (RFC 6749 §4.1.2).
pub(super) async fn with_code<P: Pages>(front: &Front<P>, visit: Visit<'_>, to: &ReturnTo, issued: Issued) -> Result<Answer, Unanswered> {
    let receipt = commit(front, visit, issued.draft).await?;
    Ok(Answer::redirect(&to.with_code(&issued.code, &visit.tenant.issuer), receipt.into()))
}

pub(super) async fn commit<P: Pages>(front: &Front<P>, visit: Visit<'_>, draft: Draft) -> Result<Receipt, Unanswered> {
    Ok(front.server.journal.commit(&visit.tenant.id, draft).await?)
}
