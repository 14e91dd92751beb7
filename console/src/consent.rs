//! The consent page: which app asks, for what, in whose name, and where the answer goes (OA-22).

use askama::Template;
use chancery_core::{ConsentPage, Decision};

use crate::asked::Resource;
use crate::peer_text::line;
use crate::period::period;

#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent<'a> {
    tenant: &'a str,
    client: String,
    client_id: String,
    client_host: Option<String>,
    impersonable: bool,
    redirect_host: String,
    redirect_uri: String,
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
    remembered: bool,
    apps: &'a str,
    action: &'a str,
    sealed: &'a str,
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
            redirect_uri: line(&page.redirect_uri, ADDRESS),                          // mcp_1d_40
            lookalike: is_international(&page.redirect_host),
            loopback: page.loopback, // OA-03
            unvouched: page.unvouched,
            person: page.person.as_deref().map(|person| line(person, NAME)),
            agent: page.agent.as_deref(),
            names: listed(&page.resources.iter().map(|resource| resource.name.as_str()).collect::<Vec<_>>()),
            resources: page.resources.iter().map(Resource::of).collect(),
            lasts: period(page.lasts),
            remembered: page.remembered,
            apps: &page.apps,
            action: &page.action,
            sealed: &page.sealed,
        }
    }
}

/// Longer names are cut: a name must not push the rest of the page out of sight.
pub(crate) const NAME: usize = 60;
/// A DNS name has at most 253 characters, and it is the end of a host that says whose it is: never cut within that.
pub(crate) const ADDRESS: usize = 256;

/// Whether a host name has labels beyond ASCII, written as Punycode (RFC 3492).
fn is_international(host: &str) -> bool {
    host.split(['.', '/']).any(|label| label.starts_with("xn--"))
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
    fn oa_22_a_host_of_other_letters_is_told() {
        assert!(is_international("xn--pple-43d.example") && is_international("com.app://xn--80ak6aa92e.com"));
        assert!(!is_international("app.example") && !is_international("axn--b.example"));
    }
}
