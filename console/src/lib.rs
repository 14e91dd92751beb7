//! The pages a person reads: consent, where to sign in, refusal, and what they allowed. It renders; posts go to the room that owns the state.
//!
//! A page is one response: HTML with its stylesheet inside, no script, no image, nothing fetched. What a peer wrote is shown as text
//! that cannot act, hide or reorder what stands around it.

pub mod api;

mod apps;
mod asked;
mod chooser;
mod consent;
mod headers;
mod peer_text;
mod period;
mod refusal;
mod sign_out;

use std::convert::Infallible;

use askama::Template;
use chancery_core::{AppsPage, ChooserPage, ConsentPage, Html, Pages, RefusalPage, Shown, SignInPage, SignOutPage, SignedOutPage};

pub use headers::{HEADERS, STYLE};

/// The pages that `serve` shows. They only show: nothing here can decide for a person.
#[derive(Clone, Copy, Default)]
pub struct Console;

impl Pages for Console {
    type Decided = Infallible;

    fn consent(&self, page: &ConsentPage) -> Shown<Infallible> {
        Shown::Html(rendered(&consent::Consent::of(page)))
    }

    fn refusal(&self, page: &RefusalPage) -> Html {
        rendered(&refusal::Refusal::of(page))
    }

    fn apps(&self, page: &AppsPage) -> Html {
        rendered(&apps::Apps::of(page))
    }

    fn sign_in(&self, page: &SignInPage) -> Html {
        rendered(&apps::SignIn::of(page))
    }

    fn choose(&self, page: &ChooserPage) -> Html {
        rendered(&chooser::Chooser::of(page))
    }

    fn sign_out(&self, page: &SignOutPage) -> Html {
        rendered(&sign_out::SignOut::of(page))
    }

    fn signed_out(&self, page: &SignedOutPage) -> Html {
        rendered(&sign_out::SignedOut::of(page))
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        HEADERS
    }
}

fn rendered(template: &impl Template) -> Html {
    Html(template.render().expect("a template of strings, written to a string, renders"))
}

#[cfg(test)]
mod tests;
