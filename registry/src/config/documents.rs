//! `registration.documents`: which clients may be known by a document, and those that are pinned.

use std::collections::BTreeMap;

use chancery_core::{ClientId, Timestamp};
use url::Host;

use super::problem::Complaint;
use super::reader::{Cursor, Section};
use super::secret::{STAND_IN, Secrets, secret};
use crate::client_document;
use crate::document_rules::{DocumentRules, without_port};

pub(super) fn documents(section: &mut Section<'_>, secrets: Secrets<'_>) -> Option<DocumentRules> {
    let enabled = section.optional("enabled", "enabled: true", Cursor::flag);
    let allow = section.optional("allow", "allow: [ app.example, \"*.corp.example\" ]", places);
    let block = section.optional("block", "block: [ bad.example ]", places);
    let private = section.optional("private", "private: [ agents.corp.example, \"agents.corp.example:8443\" ]", private_places);
    let pinned = section.optional("pinned", "pinned: { \"https://app.example/client.json\": file:./app.json }", |cursor| {
        cursor.entries()?.into_iter().map(|(id, cursor)| pinned(id, &cursor, secrets)).collect::<Option<BTreeMap<_, _>>>()
    });
    Some(DocumentRules {
        enabled: enabled?.unwrap_or(true),
        allow: allow?,
        block: block?.unwrap_or_default(),
        private: private?.unwrap_or_default(),
        pinned: pinned?.unwrap_or_default(),
    })
}

fn places(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let places: Vec<_> = cursor.list()?.iter().map(|item| item.parsed(place)).collect();
    places.into_iter().collect()
}

/// Of these one port is meant, and no other of the same computer.
fn private_places(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let read = |text: &str| place(without_port(text).0).map(|_| text.to_owned());
    let places: Vec<_> = cursor.list()?.iter().map(|item| item.parsed(read)).collect();
    places.into_iter().collect()
}

fn place(text: &str) -> Result<String, Complaint> {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let plain = Host::parse(host).is_ok_and(|parsed| parsed.to_string() == host && !host.contains('*'));
    if plain || client_document::address(&ClientId::claimed(text)).is_ok() {
        return Ok(text.to_owned());
    }
    let remedy = "write a host in lower case (`app.example`), `*.app.example` for all below it, or the whole https address of one document";
    Err(Complaint::new(format!("`{text}` is no place where documents can lie"), remedy))
}

/// A document as it is: in a file of its own, or here as JSON text.
fn pinned(id: &str, cursor: &Cursor<'_>, secrets: Secrets<'_>) -> Option<(String, String)> {
    let text = match cursor.long_text()? {
        text if text.trim_start().starts_with('{') => text.to_owned(),
        _ => secret(cursor, secrets, 0)?.expose().clone(),
    };
    let read = client_document::client(&ClientId::claimed(id), text.as_bytes(), Timestamp::from_seconds(0));
    match read {
        Ok(_) => Some((id.to_owned(), text)),
        Err(_) if text == STAND_IN => Some((id.to_owned(), String::new())), // it was not looked up
        Err(fault) => {
            let remedy = "put the document there as its author publishes it, under the very address that it has as its client_id";
            cursor.complain(format!("the document {fault}"), remedy);
            None
        }
    }
}
