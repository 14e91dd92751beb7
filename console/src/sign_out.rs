//! The page that asks whether to sign out, and the one after it.

use askama::Template;
use chancery_core::{AppsPage, SignOutPage, SignedOutPage, WhatWasAllowed};

use crate::consent::NAME;
use crate::peer_text::line;

#[derive(Template)]
#[template(path = "sign_out.html")]
pub(crate) struct SignOut<'a> {
    tenant: &'a str,
    person: String,
    allowed: WhatWasAllowed,
    at_provider: bool,
    apps: &'a str,
    action: &'a str,
    sealed: &'a str,
}

impl<'a> SignOut<'a> {
    pub(crate) fn of(page: &'a SignOutPage) -> Self {
        let SignOutPage { tenant, person, allowed, at_provider, apps, action, sealed } = page;
        Self { tenant, person: line(person, NAME), allowed: *allowed, at_provider: *at_provider, apps, action, sealed }
    }
}

#[derive(Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOut<'a> {
    tenant: &'a str,
    at_provider: Option<bool>,
    apps: &'a str,
}

impl<'a> SignedOut<'a> {
    pub(crate) fn of(page: &'a SignedOutPage) -> Self {
        Self { tenant: &page.tenant, at_provider: page.at_provider, apps: &page.apps }
    }
}
