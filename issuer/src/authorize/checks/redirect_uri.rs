//! The redirect URI (OAuth 2.1 §2.3, §4.1.1): a registered one, or the answer is a page. To redirect anywhere else would send people,
//! and their codes, wherever the maker of a link likes.

use chancery_core::pages::quoted;
use chancery_registry::Client;

use crate::authorize::arrival::Arrival;
use crate::page_refusal::PageRefusal;
use crate::redirect_uri::is_registered;

use super::client;

pub(in crate::authorize) fn registered(arrival: &Arrival<'_>) -> Result<String, PageRefusal> {
    let client = client::known(arrival)?;
    let mut asked = arrival.form.all("redirect_uri");
    match (asked.next(), asked.next()) {
        (Some(_), Some(_)) => Err(refusal("The request names more than one address to return to.")),
        (Some(asked), None) => one_of(client, asked),
        (None, _) => only_one(client),
    }
}

/// OA-02; but for the port of a loopback address, OA-03.
fn one_of(client: &Client, asked: &str) -> Result<String, PageRefusal> {
    if client.redirect_uris.iter().any(|registered| is_registered(registered, asked)) {
        return Ok(asked.to_owned());
    }
    let registered = client.redirect_uris.iter().take(5).map(|uri| quoted(uri)).collect::<Vec<_>>().join(", ");
    Err(refusal(format!("Asked: {}. Registered: {registered}. Only the port of an address on this computer may differ.", quoted(asked))))
}

fn only_one(client: &Client) -> Result<String, PageRefusal> {
    match client.redirect_uris.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(refusal("The app registered several addresses, and the request names none of them.")),
    }
}

fn refusal(text: impl Into<String>) -> PageRefusal {
    PageRefusal::new(
        "redirect_uri",
        "This app asked to return to an address it did not register.",
        text,
        "Close this page. If you build this app, register the address, or send the one that is registered.",
    )
}
