//! The page that asks where somebody signs in, where an organisation has several identity providers.

use askama::Template;
use chancery_core::{ChooserPage, ProviderChoice};

use crate::consent::NAME;
use crate::peer_text::line;

#[derive(Template)]
#[template(path = "chooser.html")]
pub(crate) struct Chooser<'a> {
    tenant: &'a str,
    client: Option<String>,
    providers: Vec<Choice<'a>>,
    action: &'a str,
    sealed: &'a str,
}

struct Choice<'a> {
    name: &'a str,
    title: &'a str,
    /// By what people know that it is theirs.
    known_by: String,
}

/// So many domains say whose a provider is.
const DOMAINS: usize = 3;

impl<'a> Chooser<'a> {
    pub(crate) fn of(page: &'a ChooserPage) -> Self {
        Self {
            tenant: &page.tenant,
            client: page.client_name.as_deref().map(|name| line(name, NAME)),
            providers: page.providers.iter().map(Choice::of).collect(),
            action: &page.action,
            sealed: &page.sealed,
        }
    }
}

impl<'a> Choice<'a> {
    fn of(provider: &'a ProviderChoice) -> Self {
        Self { name: &provider.name, title: &provider.title, known_by: known_by(provider) }
    }
}

fn known_by(provider: &ProviderChoice) -> String {
    let addresses: Vec<_> = provider.domains.iter().take(DOMAINS).map(|domain| format!("@{domain}")).collect();
    match addresses.len() {
        0 => provider.host.clone(),
        _ if provider.domains.len() > DOMAINS => format!("{}, …", addresses.join(", ")),
        _ => addresses.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_by_the_addresses_of_its_people_or_else_by_its_host() {
        let known = |domains: &[&str]| {
            let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
            known_by(&ProviderChoice { name: "corp".into(), title: "Acme".into(), host: "login.example".into(), domains })
        };
        assert_eq!(known(&[]), "login.example");
        assert_eq!(known(&["a.example", "b.example"]), "@a.example, @b.example");
        assert_eq!(known(&["a.example", "b.example", "c.example", "d.example"]), "@a.example, @b.example, @c.example, …");
    }
}
