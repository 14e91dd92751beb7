//! Where a refusal of an authorization request goes (OAuth 2.1 §4.1.2.1; RFC 9700 §4.11.2).
//!
//! Until the redirect URI is trusted, on our own page. From then on to the client, unless nobody vouches for it: anybody can register an
//! address of theirs and a request that must fail, and our own host would send whoever follows that link to them, unasked. Such
//! a client hears of a refusal only after a person had a page in front of them.

use chancery_core::pages::quoted;
use chancery_registry::Client;

use crate::page_refusal::PageRefusal;
use crate::redirect_uri::{is_loopback, shown_host};
use crate::refusal::Refused;
use crate::return_to::ReturnTo;

pub(crate) enum Sent {
    OnPage(PageRefusal),
    ToClient(ReturnTo, Refused),
}

impl Sent {
    /// A refusal before anybody was asked.
    pub fn unasked(client: &Client, to: ReturnTo, refused: Refused) -> Self {
        if client.is_who_it_says() || is_loopback(&to.uri) {
            return Self::ToClient(to, refused);
        }
        Self::OnPage(in_its_stead(&to, refused)) // OA-04
    }
}

/// The same refusal, on our page.
fn in_its_stead(to: &ReturnTo, refused: Refused) -> PageRefusal {
    let (error, row, draft) = refused.into_parts();
    let text = format!(
        "It asked for something that it cannot have: {}. The app would have been told so at {}, but nobody here vouches for that app, so you \
         are not sent there.",
        error.description(),
        quoted(&shown_host(&to.uri))
    );
    let refusal = PageRefusal::new(
        error.code().as_str(),
        "This app's request cannot be granted.",
        text,
        "Close this page, and start again from the app if you trust it. If you build this app, correct the request, or ask who runs this \
         server to register it.",
    );
    PageRefusal { draft: Box::new(draft), ..refusal.by_row(row) }
}
