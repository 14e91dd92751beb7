//! The state (RFC 6749 §4.1.1) travels in the sealed request and, once somebody approved, in a row: it is kept short, or a stranger fills
//! the disk with it. What is too long is not sent back either.

use crate::authorize::arrival::Arrival;
use crate::page_refusal::PageRefusal;

const LONGEST: usize = 2048;

pub(in crate::authorize) fn short_enough(arrival: &Arrival<'_>) -> Result<Option<String>, PageRefusal> {
    match arrival.form.one("state") {
        Some(state) if state.len() > LONGEST => Err(PageRefusal::new(
            "state_too_long",
            "This app sent more than can be kept for it.",
            format!("Its state parameter has {} characters; {LONGEST} are taken.", state.len()),
            "If you build this app, keep its state with you and send a short key to it.",
        )),
        state => Ok(state.map(str::to_owned)),
    }
}
