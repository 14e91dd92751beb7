//! What is asked for at a resource, in the operator's words.

use chancery_core::ResourceAsk;

pub(crate) struct Resource<'a> {
    pub(crate) name: &'a str,
    pub(crate) url: &'a str,
    pub(crate) scopes: Vec<Scope<'a>>,
}

pub(crate) struct Scope<'a> {
    pub(crate) scope: &'a str,
    pub(crate) words: &'a str,
}

impl<'a> Resource<'a> {
    pub(crate) fn of(ask: &'a ResourceAsk) -> Self {
        let scopes = ask.scopes.iter().map(|asked| Scope { scope: &asked.scope, words: &asked.words }).collect();
        Self { name: &ask.name, url: &ask.url, scopes }
    }
}
