//! The consent page: which app asks, for what, in whose name, and where the answer goes (OA-22).

use askama::Template;
use chancery_core::{ConsentPage, Decision};

use crate::peer_text::line;

#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent<'a> {
    tenant: &'a str,
    client: String,
    client_id: String,
    redirect_host: String,
    loopback: bool,
    unvouched: bool,
    person: Option<String>,
    agent: Option<&'a str>,
    /// The resources' names, as a sentence lists them.
    names: String,
    resources: Vec<Resource<'a>>,
    action: &'a str,
    sealed: &'a str,
}

struct Resource<'a> {
    name: &'a str,
    url: &'a str,
    scopes: Vec<Scope<'a>>,
}

struct Scope<'a> {
    scope: &'a str,
    words: &'a str,
}

impl<'a> Consent<'a> {
    pub(crate) fn of(page: &'a ConsentPage) -> Self {
        Self {
            tenant: &page.tenant,
            client: line(&page.client_name, NAME),             // OA-22
            client_id: line(&page.client_id, ADDRESS),         // OA-22
            redirect_host: line(&page.redirect_host, ADDRESS), // OA-22
            loopback: page.loopback,                           // OA-03
            unvouched: page.unvouched,
            person: page.person.as_deref().map(|person| line(person, NAME)),
            agent: page.agent.as_deref(),
            names: listed(&page.resources.iter().map(|resource| resource.name.as_str()).collect::<Vec<_>>()),
            resources: page.resources.iter().map(Resource::of).collect(),
            action: &page.action,
            sealed: &page.sealed,
        }
    }
}

impl<'a> Resource<'a> {
    fn of(ask: &'a chancery_core::ResourceAsk) -> Self {
        let scopes = ask.scopes.iter().map(|asked| Scope { scope: &asked.scope, words: &asked.words }).collect();
        Self { name: &ask.name, url: &ask.url, scopes }
    }
}

/// Longer names are cut: a name must not push the rest of the page out of sight.
const NAME: usize = 60;
/// A DNS name has at most 253 characters, and it is the end of a host that says whose it is: never cut within that.
const ADDRESS: usize = 256;

fn listed(names: &[&str]) -> String {
    match names {
        [] => "this service".to_owned(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
