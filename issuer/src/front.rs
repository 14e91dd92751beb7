//! What the endpoints that a person visits work with: the server, the pages, and the way to the identity provider.

use std::sync::Arc;

use axum::Extension;
use axum::http::{Extensions, HeaderMap};
use chancery_audit::Counter;
use chancery_core::{ClientId, EventId, Html, Pages, RefusalPage, Source};
use chancery_registry::{Client, Tenant};
use chancery_tokens::TenantKeys;

use crate::answer::Answer;
use crate::authorize::Sent;
use crate::page_refusal::PageRefusal;
use crate::refusal::Refused;
use crate::return_to::ReturnTo;
use crate::server::Server;
use crate::unanswered::Unanswered;

pub(crate) struct Front<P> {
    pub server: Arc<Server>,
    pub pages: Arc<P>,
}

/// One request of a browser at a tenant's page.
#[derive(Clone, Copy)]
pub(crate) struct Visit<'a> {
    pub tenant: &'a Tenant,
    pub keys: &'a TenantKeys,
    pub headers: &'a HeaderMap,
    pub source: Source,
    pub endpoint: &'static str,
}

/// Where a request came from, as the listener says.
pub(crate) type From = Option<Extension<Source>>;

pub(crate) fn source_of(from: From) -> Source {
    from.map_or_else(Source::nowhere, |Extension(source)| source)
}

/// The same, of a request that is taken apart by hand.
pub(crate) fn source_in(extensions: &Extensions) -> Source {
    extensions.get().copied().unwrap_or_else(Source::nowhere)
}

impl<P: Pages> Front<P> {
    /// The client of a request that was checked before, as it is now. Its document may have to be fetched anew, for this source.
    pub async fn client(&self, visit: Visit<'_>, id: &ClientId) -> Result<Option<Arc<Client>>, Unanswered> {
        Ok(self.server.registry.client_for(visit.tenant, id, Some(visit.source)).await?)
    }

    /// A refusal on our own page, recorded.
    pub async fn refuse(&self, visit: Visit<'_>, refusal: PageRefusal) -> Result<Answer, Unanswered> {
        let PageRefusal { title, text, remedy, row, reason, draft, wait } = refusal;
        let reference = self.reference();
        tracing::debug!(tenant = %visit.tenant.name, endpoint = visit.endpoint, row, reason, reference, "refused on a page");
        let record = self.server.record(visit.tenant, Counter { endpoint: visit.endpoint, reason, row }, *draft).await?;
        let page = RefusalPage { title: title.to_owned(), text, remedy: remedy.to_owned(), row, reference };
        let Html(html) = self.pages.refusal(&page);
        Ok(Answer::refusal_page(html, self.pages.headers(), record).too_often(wait))
    }

    /// A refusal that the client hears of, recorded (OA-04).
    pub async fn send_back(&self, visit: Visit<'_>, to: &ReturnTo, refused: Refused) -> Result<Answer, Unanswered> {
        let (error, record) = self.server.recorded(visit.tenant, visit.endpoint, refused).await?;
        Ok(Answer::redirect(&to.with_error(&error, &visit.tenant.issuer), record))
    }

    /// A refusal of an authorization request, wherever it goes.
    pub async fn send(&self, visit: Visit<'_>, sent: Sent) -> Result<Answer, Unanswered> {
        match sent {
            Sent::OnPage(refusal) => self.refuse(visit, refusal).await,
            Sent::ToClient(to, refused) => self.send_back(visit, &to, refused).await,
        }
    }

    /// What a person reads when nothing could be decided.
    pub fn unanswered(&self, why: &Unanswered) -> Answer {
        let reference = self.reference();
        why.log(&reference);
        let (title, text, remedy) = match why {
            Unanswered::NotHere => ("There is nothing here.", "No organisation of this name is served here.", "Start again from the app."),
            _ => (
                "This cannot be done just now.",
                "A part of this server did not answer. It is not your fault, nor the app's.",
                "Try again in a minute. If it stays so, tell who runs this server, with the reference below.",
            ),
        };
        let page = RefusalPage { title: title.to_owned(), text: text.to_owned(), remedy: remedy.to_owned(), row: "", reference };
        let Html(html) = self.pages.refusal(&page);
        Answer::unanswered_page(why, html, self.pages.headers())
    }

    /// What a page and the log call the same thing by.
    fn reference(&self) -> String {
        let mut moment = self.server.moment();
        EventId::mint(moment.now, &mut moment.entropy).to_string()
    }
}
