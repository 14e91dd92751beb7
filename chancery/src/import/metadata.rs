//! Who issues the tokens that a server wants, by its own word (RFC 9728). Whoever imports it is told, and nothing goes by it: no issuer is
//! asked, registered at or shown anything.
//!
//! 1. The metadata lies where the server's challenge says; else at the well-known places, with the server's path and without.
//! 2. It is fetched: from the server's own place by the operator's word, from any other by a stranger's. No credential goes along.
//! 3. It counts if it speaks of the very address that was called, and is told.

use chancery_core::ResourceUrl;
use chancery_outbound::{DialError, Dialer, FetchTrouble, Fetcher, Purpose};
use chancery_registry::Config;
use http::StatusCode;
use serde_json::Value;
use url::Url;

use super::spelling::{plain, quoted};
use crate::doctor::resource::well_known;

const NAME: &str = "oauth-protected-resource";
/// What of a stranger's words anybody reads.
const LONGEST_ADDRESS: usize = 1_000;
const LONGEST: usize = 200;
const MOST_ISSUERS: usize = 5;
const MOST_SCOPES: usize = 20;

/// The ways to the metadata, and what the operator knows of issuers.
pub struct Inquiry {
    /// To the server's own place, with what may vouch for it.
    own: Fetcher,
    elsewhere: Fetcher,
    /// Issuers of the configuration, and what each is there; none without a configuration.
    known: Vec<(String, String)>,
}

impl Inquiry {
    pub fn of(own: &Dialer, elsewhere: &Dialer, config: Option<&Config>) -> Self {
        Self { own: Fetcher::new(own), elsewhere: Fetcher::new(elsewhere), known: config.map(known).unwrap_or_default() }
    }

    /// What the metadata of the server called so says, fit to be shown; `named` is where its challenge says that it lies.
    pub async fn words(&self, called: &str, named: Option<&str>) -> Option<String> {
        let called = Url::parse(called).ok()?;
        let mut unread = None;
        for address in places(&called, named) {
            match self.fetch(&called, &address).await {
                Ok(document) => return Some(self.judged(&called, &document)),
                Err(why) => unread = Some(format!("its metadata was not read: {why}")),
            }
        }
        unread.filter(|_| named.is_some()) // that nothing lies at a well-known place is no news
    }

    async fn fetch(&self, called: &Url, address: &str) -> Result<Value, String> {
        let to = Url::parse(address).ok().filter(|_| address.len() <= LONGEST_ADDRESS).ok_or("it is said to lie at what is no address")?;
        let (fetcher, purpose) = if to.origin() == called.origin() {
            (&self.own, Purpose::ServerMetadata)
        } else {
            (&self.elsewhere, Purpose::NamedServerMetadata) // PR-06
        };
        let fetched = fetcher.get(purpose, to.as_str()).await.map_err(|error| why(&error.trouble))?;
        if fetched.status != StatusCode::OK {
            return Err(format!("its place answers with status {}", fetched.status.as_u16()));
        }
        serde_json::from_slice(&fetched.body).map_err(|_| "what lies there is not JSON".to_owned())
    }

    fn judged(&self, called: &Url, document: &Value) -> String {
        let resource = document["resource"].as_str().unwrap_or_default();
        let is_of_it = resource.parse::<ResourceUrl>().is_ok_and(|named| named.is_meant_by(called.as_str()));
        if !is_of_it {
            return format!("its metadata names another resource, {}, so all of it is discarded", spelled(resource)); // PR-06
        }
        let (issuers, scopes) = (texts(&document["authorization_servers"]), texts(&document["scopes_supported"]));
        if issuers.is_empty() {
            return "its metadata names no authorization server".to_owned();
        }
        let mut lines =
            vec!["its metadata names who issues its tokens; nobody is trusted by that, and nothing was asked there:".to_owned()];
        lines.extend(issuers.iter().take(MOST_ISSUERS).map(|issuer| format!("- {} {}", spelled(issuer), self.standing(issuer))));
        lines.extend(issuers.len().checked_sub(MOST_ISSUERS + 1).map(|more| format!("- and {} more", more + 1)));
        if !scopes.is_empty() {
            let shown = scopes.iter().take(MOST_SCOPES).map(|scope| spelled(scope)).collect::<Vec<_>>().join(", ");
            let more = scopes.len().checked_sub(MOST_SCOPES + 1).map(|more| format!(", and {} more", more + 1)).unwrap_or_default();
            lines.push(format!("it supports the scopes {shown}{more}"));
        }
        lines.join("\n")
    }

    /// What an issuer is to the operator: only what an operator wrote makes it anything.
    fn standing(&self, issuer: &str) -> String {
        match self.known.iter().find(|(known, _)| known == issuer) {
            Some((_, what)) => format!("is this tenant's {what}"),
            None if self.known.is_empty() => {
                "is in no configuration (none was given by --config): ask who runs it before you trust it".to_owned()
            }
            None => "is not in your configuration: ask who runs it before you trust it".to_owned(), // PR-06
        }
    }
}

fn known(config: &Config) -> Vec<(String, String)> {
    let providers = config.providers().into_iter().map(|provider| (provider.issuer, format!("identity provider {}", provider.name)));
    std::iter::once((config.issuer(), "own issuer".to_owned())).chain(providers).collect()
}

fn places(called: &Url, named: Option<&str>) -> Vec<String> {
    let well_known = |url: &str| well_known(NAME, url);
    let mut places = match named {
        Some(named) => vec![named.to_owned()],
        None => vec![well_known(called.as_str()), well_known(&called.origin().ascii_serialization())],
    };
    places.dedup();
    places
}

fn why(trouble: &FetchTrouble) -> String {
    match trouble {
        FetchTrouble::Dial(DialError::NotAnAddress | DialError::Insecure | DialError::OddPort(_) | DialError::NotAllowed { .. }) => {
            "the server names a place that is not its own; there, a server's word leads to https at a public address and nowhere else"
                .to_owned()
        }
        trouble => plain(&trouble.to_string()),
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Its beginning, in quotes and visible ASCII: no letter in an issuer's name looks like another.
fn spelled(text: &str) -> String {
    let beginning: String = text.chars().take(LONGEST).collect();
    let cut = if beginning.len() < text.len() { " (cut)" } else { "" };
    quoted(&beginning) + cut
}
