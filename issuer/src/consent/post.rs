//! The post of a consent page, before what it says counts: it comes from our page, in the browser that was shown it, in time (OA-22,
//! SB-03). Without the cookie in the seal, an attacker could post a page of his own from a victim's browser, whose provider signs the
//! victim in without a word.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use chancery_core::{Decision, Timestamp};
use chancery_registry::Tenant;
use chancery_store::Write;
use chancery_store::repo::consumed;

use super::page::Page;
use crate::page_refusal::PageRefusal;
use crate::visit::Browser;

/// Where a page's form was posted from, as the browser says.
#[derive(Clone, Copy)]
pub(crate) struct PostedFrom<'a> {
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`: the browser's word, which no page can forge.
    pub fetch_site: Option<&'a str>,
    /// SHA-256 of the browser's cookie.
    pub browser: Option<[u8; 32]>,
}

/// What was posted.
pub(crate) struct Post<'a> {
    pub from: PostedFrom<'a>,
    /// Nothing, if the seal is not ours.
    pub page: Option<Page>,
    pub decision: Option<Decision>,
}

/// The page that was answered, and how.
pub(crate) fn checked(post: Post<'_>, tenant: &Tenant, now: Timestamp) -> Result<(Page, Decision), PageRefusal> {
    post.from.same_origin(&tenant.base)?; // OA-22
    let page = post.page.ok_or_else(|| unusable("page_seal", "What was sent is not a page of this server.").by_row("OA-22"))?;
    post.from.same_browser(page.browser)?; // SB-03
    post.from.in_time(page.shown_at + tenant.lifetimes.consent_page, now)?; // OA-22
    let decision = post.decision.ok_or_else(|| unusable("page_decision", "The page came back without an answer.").by_row("OA-22"))?;
    Ok((page, decision))
}

impl<'a> PostedFrom<'a> {
    pub fn of(tenant: &Tenant, headers: &'a HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let browser = Browser::known(tenant, headers).map(|browser| browser.hash());
        Self { origin: header(ORIGIN.as_str()), fetch_site: header("sec-fetch-site"), browser }
    }

    /// A browser that hides the origin (`null`, or none at all) must say by `Sec-Fetch-Site` that it is ours.
    pub fn same_origin(&self, base: &str) -> Result<(), PageRefusal> {
        let ours = match self.origin {
            Some("null") | None => self.fetch_site == Some("same-origin"),
            Some(origin) => origin == base,
        };
        if ours { Ok(()) } else { Err(unusable("page_origin", "Another site sent this answer in your name.").by_row("OA-22")) }
    }

    pub fn same_browser(&self, shown_to: [u8; 32]) -> Result<(), PageRefusal> {
        if self.browser == Some(shown_to) {
            return Ok(());
        }
        let text = "This page was shown in another browser, or this browser no longer has the cookie that was set with it.";
        Err(unusable("page_browser", text).by_row("SB-03"))
    }

    pub fn in_time(&self, end: Timestamp, now: Timestamp) -> Result<(), PageRefusal> {
        if now < end { Ok(()) } else { Err(unusable("page_age", "The page was open for too long.").by_row("OA-22")) }
    }
}

/// Each page is answered once: kept until its time is over, when the seal is too old anyhow (SB-03).
pub(crate) fn once(tenant: &Tenant, page: &str, shown_at: Timestamp) -> Write {
    consumed::consume(&tenant.id, "page", page, shown_at + tenant.lifetimes.consent_page)
}

/// The page was answered before.
pub(crate) fn used() -> PageRefusal {
    unusable("page_used", "This page was answered before.").by_row("SB-03")
}

/// The page does nothing.
pub(crate) fn unusable(reason: &'static str, text: &str) -> PageRefusal {
    PageRefusal::new(
        reason,
        "This answer could not be taken.",
        text,
        "Nothing was allowed or denied. Start again from the app; if you did not start anything, close this page.",
    )
}

#[cfg(test)]
mod tests;
