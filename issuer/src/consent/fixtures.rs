//! A request of `desk` for the bank, and the page that asks alice's browser about it.

use chancery_core::ClientId;

use super::page::{Approved, Page};
use crate::authorize::AuthorizationRequest;
use crate::fixtures::{CALLBACK, CHALLENGE, DESK, alice, allowed, desk, moment, tenant};
use crate::pkce::Challenge;
use crate::return_to::ReturnTo;

pub(crate) const BROWSER: [u8; 32] = [7; 32];

pub(crate) fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        client: ClientId::claimed(DESK),
        return_to: ReturnTo { uri: CALLBACK.to_owned(), state: Some("s".to_owned()) },
        agent: None,
        challenge: Challenge::parse(CHALLENGE).expect("a challenge"),
        resources: vec![allowed(&tenant(), 0, "bank:read openid")],
        jkt: None,
        nonce: Some("n".to_owned()),
        login_hint: None,
        silent: false,
        fresh: false,
        select: false,
        ask: false,
        max_age: None,
        acr_values: None,
    }
}

/// A request that somebody approved, whoever it was.
pub(crate) fn approved() -> Approved {
    Approved { request: request(), client_name: desk().name.clone(), person: None }
}

/// A page that names alice.
pub(crate) fn page() -> Page {
    Page::of((request(), &desk().name), BROWSER, Some(alice().subject), &mut moment())
}
