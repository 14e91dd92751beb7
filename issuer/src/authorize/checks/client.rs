//! The client (RFC 6749 §4.1.2.1): one we know, or the answer is a page. Whoever it is, nobody told us where to redirect.

use std::sync::Arc;

use chancery_core::pages::quoted;
use chancery_registry::{Client, DocumentFault, Standing};

use crate::authorize::arrival::Arrival;
use crate::page_refusal::PageRefusal;

pub(in crate::authorize) fn known<'a>(arrival: &Arrival<'a>) -> Result<&'a Arc<Client>, PageRefusal> {
    let asked = arrival.form.one("client_id").unwrap_or_default();
    if let Some(fault) = arrival.fault {
        return Err(unusable(asked, fault));
    }
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

/// It names itself by a document that says nothing we can go by.
fn unusable(asked: &str, fault: &DocumentFault) -> PageRefusal {
    let text = format!("The app is known by the document at {}, and that {}.", quoted(asked), fault.why);
    let remedy = "Start again from the app in a minute. If it stays so, tell who makes the app, or ask who runs this server.";
    PageRefusal::new("client_document", "This server cannot find out about the app that sent you here.", text, remedy)
}

/// One that waits for an administrator's word, or got it: the person reads who must say it, and the app hears nothing.
pub(in crate::authorize) fn approved(arrival: &Arrival<'_>) -> Result<(), PageRefusal> {
    let client = known(arrival)?;
    let refused = |reason, title, text: String, remedy| Err(PageRefusal::new(reason, title, text, remedy));
    match client.standing {
        Standing::Active => Ok(()),
        Standing::Pending => refused(
            "client_pending",
            "This app waits for an administrator's approval.",
            format!("The app, which calls itself {}, registered itself here as {}.", quoted(&client.name), client.id),
            "Ask who runs this server to approve it; tell them the id above. Then start again from the app.",
        ),
        Standing::Denied => refused(
            "client_denied",
            "An administrator has refused this app.",
            format!("The app calls itself {}, with the id {}.", quoted(&client.name), client.id),
            "Close this page. If you need the app, ask who runs this server why it was refused.",
        ),
    }
}
