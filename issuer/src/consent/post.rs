//! The post of a consent page, before what it says counts: it comes from our page, in the browser that was shown it, in time (OA-22,
//! SB-03). Without the cookie in the seal, an attacker could post a page of his own from a victim's browser, whose provider signs the
//! victim in without a word.

use std::time::Duration;

use chancery_core::{Decision, Timestamp};
use chancery_registry::Tenant;

use super::page::Page;
use crate::page_refusal::PageRefusal;

/// What was posted.
pub(crate) struct Post<'a> {
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`: the browser's word, which no page can forge.
    pub fetch_site: Option<&'a str>,
    /// SHA-256 of the browser's cookie.
    pub browser: Option<[u8; 32]>,
    /// Nothing, if the seal is not ours.
    pub page: Option<Page>,
    pub decision: Option<Decision>,
}

/// The page that was answered, and how.
pub(crate) fn checked(post: Post<'_>, tenant: &Tenant, now: Timestamp) -> Result<(Page, Decision), PageRefusal> {
    same_origin(&post, &tenant.base).map_err(|refusal| refusal.by_row("OA-22"))?;
    let page = post.page.ok_or_else(|| unusable("page_seal", "What was sent is not a page of this server.").by_row("OA-22"))?;
    same_browser(&page, post.browser).map_err(|refusal| refusal.by_row("SB-03"))?;
    in_time(&page, tenant.lifetimes.consent_page, now).map_err(|refusal| refusal.by_row("OA-22"))?;
    let decision = post.decision.ok_or_else(|| unusable("page_decision", "The page came back without an answer.").by_row("OA-22"))?;
    Ok((page, decision))
}

/// A browser that hides the origin (`null`, or none at all) must say by `Sec-Fetch-Site` that it is ours.
fn same_origin(post: &Post<'_>, base: &str) -> Result<(), PageRefusal> {
    let ours = match post.origin {
        Some("null") | None => post.fetch_site == Some("same-origin"),
        Some(origin) => origin == base,
    };
    if ours { Ok(()) } else { Err(unusable("page_origin", "Another site sent this answer in your name.")) }
}

fn same_browser(page: &Page, browser: Option<[u8; 32]>) -> Result<(), PageRefusal> {
    if browser == Some(page.browser) {
        return Ok(());
    }
    Err(unusable("page_browser", "This page was shown in another browser, or this browser no longer has the cookie that was set with it."))
}

fn in_time(page: &Page, life: Duration, now: Timestamp) -> Result<(), PageRefusal> {
    if now < page.shown_at + life { Ok(()) } else { Err(unusable("page_age", "The page was open for too long.")) }
}

/// The page does nothing.
pub(super) fn unusable(reason: &'static str, text: &str) -> PageRefusal {
    PageRefusal::new(
        reason,
        "This answer could not be taken.",
        text,
        "Nothing was allowed or denied. Start again from the app; if you did not start anything, close this page.",
    )
}

#[cfg(test)]
mod tests;
