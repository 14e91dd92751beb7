//! The consent page: which app asks, for what, in whose name, and where the answer goes (OA-22).

use std::time::Duration;

use askama::Template;
use chancery_core::{ConsentPage, Decision};

use crate::peer_text::line;

#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent<'a> {
    tenant: &'a str,
    client: String,
    client_id: String,
    client_host: Option<String>,
    impersonable: bool,
    redirect_host: String,
    /// The host is an international name: it shows as Punycode, since its letters may look like others.
    lookalike: bool,
    loopback: bool,
    unvouched: bool,
    person: Option<String>,
    agent: Option<&'a str>,
    /// The resources' names, as a sentence lists them.
    names: String,
    resources: Vec<Resource<'a>>,
    lasts: String,
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
            client: line(&page.client_name, NAME),                                    // OA-22
            client_id: line(&page.client_id, ADDRESS),                                // OA-22
            client_host: page.client_host.as_deref().map(|host| line(host, ADDRESS)), // CI-09
            impersonable: page.impersonable,                                          // CI-09
            redirect_host: line(&page.redirect_host, ADDRESS),                        // OA-22
            lookalike: is_international(&page.redirect_host),
            loopback: page.loopback, // OA-03
            unvouched: page.unvouched,
            person: page.person.as_deref().map(|person| line(person, NAME)),
            agent: page.agent.as_deref(),
            names: listed(&page.resources.iter().map(|resource| resource.name.as_str()).collect::<Vec<_>>()),
            resources: page.resources.iter().map(Resource::of).collect(),
            lasts: period(page.lasts),
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

/// Whether a host name has labels beyond ASCII, written as Punycode (RFC 3492).
fn is_international(host: &str) -> bool {
    host.split(['.', '/']).any(|label| label.starts_with("xn--"))
}

/// A time in the largest unit that it has whole.
fn period(lasts: Duration) -> String {
    const MINUTE: u64 = 60;
    let units = [("day", 24 * 60 * MINUTE), ("hour", 60 * MINUTE), ("minute", MINUTE), ("second", 1)];
    let seconds = lasts.as_secs();
    let (unit, length) =
        units.into_iter().find(|(_, length)| seconds >= *length && seconds.is_multiple_of(*length)).unwrap_or(("second", 1));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "this service".to_owned(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_a_person_would() {
        let said = [(90 * 86400, "90 days"), (86400, "1 day"), (3600 * 36, "36 hours"), (90, "90 seconds"), (0, "0 seconds")];
        for (seconds, words) in said {
            assert_eq!(period(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn oa_22_a_host_of_other_letters_is_told() {
        assert!(is_international("xn--pple-43d.example") && is_international("com.app://xn--80ak6aa92e.com"));
        assert!(!is_international("app.example") && !is_international("axn--b.example"));
    }
}
