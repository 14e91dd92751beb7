//! On from an answered page: the decision is committed, which happens once, and the browser is sent where it leads.

use chancery_audit::{Draft, Receipt};
use chancery_core::{Decision, Pages};

use super::approval::{CONSUMED, Issued};
use super::decide::{Facts, Next, decide};
use super::page::Page;
use super::post::used;
use crate::answer::Answer;
use crate::front::{Front, Visit};
use crate::return_to::ReturnTo;
use crate::sign_in::{Going, Wants, to_sign_in};
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
        visitor = front.server.visitor(visit.tenant, visit.headers, &front.server.moment()).await?;
    }
    Err(Unanswered::Overtaken(overtaken))
}

async fn send_on<P: Pages>(
    front: &Front<P>,
    visit: Visit<'_>,
    (page, decision): (&Page, Decision),
    visitor: Option<&Visitor>,
) -> Result<Answer, Unanswered> {
    let client = front.client(visit, &page.request.client).await?;
    let facts = Facts { tenant: visit.tenant, client: client.as_deref(), visitor };
    match decide(page, decision, facts, &mut front.server.moment()) {
        Ok(Next::Denied(refused)) => front.send_back(visit, &page.request.return_to, refused).await,
        Ok(Next::Issued(issued)) => with_code(front, visit, &page.request.return_to, issued).await,
        Ok(Next::SignIn(approved, draft)) => {
            let receipt = commit(front, visit, draft).await?;
            // Whoever is signed in here is whom the page named, or it named nobody.
            let known = visitor.filter(|visitor| page.person.is_none_or(|named| named == visitor.signed_in.subject));
            let came_by = known.map(|visitor| visitor.signed_in.provider.clone());
            to_sign_in(front, visit, Going { wants: Wants::Approved(approved), browser: page.browser, came_by }, receipt).await
        }
        Err(refusal) => front.refuse(visit, refusal).await,
    }
}

/// Back to the client, with the code, once the grant that it stands for is committed (RFC 6749 §4.1.2).
pub(super) async fn with_code<P: Pages>(front: &Front<P>, visit: Visit<'_>, to: &ReturnTo, issued: Issued) -> Result<Answer, Unanswered> {
    let receipt = commit(front, visit, issued.draft).await?;
    Ok(Answer::redirect(&to.with_code(&issued.code, &visit.tenant.issuer), receipt.into()))
}

pub(super) async fn commit<P: Pages>(front: &Front<P>, visit: Visit<'_>, draft: Draft) -> Result<Receipt, Unanswered> {
    Ok(front.server.journal.commit(&visit.tenant.id, draft).await?)
}
