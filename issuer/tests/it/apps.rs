//! Apps that are not in the file.

use chancery_testkit::{App, Site};
use serde_json::json;

/// An app that registers itself with these addresses, and waits at the first of them.
pub async fn registered(site: &Site, redirect_uris: &[&str]) -> App {
    let answer = site.register(&json!({ "client_name": "Sketchbook", "redirect_uris": redirect_uris })).await;
    let client = answer.has_status(201).json();
    let id = client["client_id"].as_str().unwrap_or_else(|| panic!("no client_id: {answer:?}"));
    App { id: id.to_owned(), secret: None, redirect_uri: redirect_uris[0].to_owned() }
}

/// The same app, waiting elsewhere.
pub fn at(app: &App, redirect_uri: &str) -> App {
    App { redirect_uri: redirect_uri.to_owned(), ..app.clone() }
}
