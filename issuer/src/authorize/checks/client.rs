//! The client (RFC 6749 §4.1.2.1): one we know, or the answer is a page. Whoever it is, nobody told us where to redirect.

use std::sync::Arc;

use chancery_core::pages::quoted;
use chancery_registry::Client;

use crate::authorize::arrival::Arrival;
use crate::page_refusal::PageRefusal;

pub(in crate::authorize) fn known<'a>(arrival: &Arrival<'a>) -> Result<&'a Arc<Client>, PageRefusal> {
    let asked = arrival.form.one("client_id").unwrap_or_default();
    arrival.client.filter(|client| client.id.as_str() == asked).ok_or_else(|| {
        PageRefusal::new(
            "unknown_client",
            "This server does not know the app that sent you here.",
            format!("The app calls itself {}, and no client of that id is registered.", quoted(asked)),
            "Start again from the app. If that does not help, remove the connection in the app and add it anew, so that it registers \
             again, or ask who runs this server to register it.",
        )
    })
}
