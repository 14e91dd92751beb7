//! Finding a tenant's issuer and its admin API (RFC 8414, RFC 9728). Each document must name what was asked for, byte for byte, and the
//! issuer's endpoints must be its own: a code or a token goes nowhere else.

use chancery_core::is_loopback;
use chancery_outbound::{Fetcher, Purpose};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::unreachable;
use crate::exit::{Exit, Failure};

/// What a login needs to know.
pub(super) struct Found {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub revocation_endpoint: String,
    /// The admin API: the resource that the token is for.
    pub admin: String,
    /// What the tenant gives to somebody.
    pub scopes: Vec<String>,
}

#[derive(Deserialize)]
struct IssuerMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
}

#[derive(Deserialize)]
struct ResourceMetadata {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

pub(super) async fn find(fetcher: &Fetcher, server: &str, tenant: &str) -> Result<Found, Failure> {
    let server = server.trim_end_matches('/');
    encrypted(server)?;
    let issuer = format!("{server}/t/{tenant}");
    let no_tenant =
        || Failure::new(Exit::Refused, format!("there is no tenant {tenant:?} at {server}")).remedy("check --server and --tenant");
    let about: IssuerMetadata = document(fetcher, &well_known(&issuer, "oauth-authorization-server")).await?.ok_or_else(no_tenant)?;
    let admin = format!("{issuer}/admin");
    let no_api = || {
        Failure::new(Exit::Refused, format!("tenant {tenant} gives its admin API to nobody")).remedy(
            "have whoever runs the server write an `access` rule that gives admin:read to a group of yours; until then, use the socket",
        )
    };
    let api: ResourceMetadata = document(fetcher, &well_known(&admin, "oauth-protected-resource")).await?.ok_or_else(no_api)?;

    let own = |endpoint: &String| endpoint.strip_prefix(&issuer).is_some_and(|rest| rest.starts_with('/'));
    let endpoints = [&about.authorization_endpoint, &about.token_endpoint, &about.revocation_endpoint];
    if about.issuer != issuer || api.resource != admin || api.authorization_servers != [issuer.clone()] || !endpoints.into_iter().all(own) {
        let why = format!("it calls itself {:?}, and its admin API {:?}", about.issuer, api.resource);
        return Err(Failure::new(Exit::Refused, format!("{issuer} is somebody else's"))
            .because(why)
            .remedy("give --server as `base_url` of the file has it"));
    }
    let IssuerMetadata { authorization_endpoint, token_endpoint, revocation_endpoint, .. } = about;
    Ok(Found { issuer, authorization_endpoint, token_endpoint, revocation_endpoint, admin, scopes: api.scopes_supported })
}

/// A token over plain http is anybody's.
fn encrypted(server: &str) -> Result<(), Failure> {
    let host = url::Url::parse(server).ok().and_then(|url| url.host_str().map(str::to_owned));
    if server.starts_with("https://") || (server.starts_with("http://") && host.as_deref().is_some_and(is_loopback)) {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("{server:?} cannot be logged in to"))
        .remedy("give --server as an https URL; http is for this machine only"))
}

/// The well-known path stands between host and path.
fn well_known(url: &str, document: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    format!("{}/.well-known/{document}{}", &url[..path], &url[path..])
}

async fn document<T: DeserializeOwned>(fetcher: &Fetcher, url: &str) -> Result<Option<T>, Failure> {
    let fetched = fetcher.get(Purpose::Administration, url).await.map_err(|error| unreachable(&error))?;
    match fetched.status.as_u16() {
        404 => Ok(None),
        200 => serde_json::from_slice(&fetched.body).map(Some).map_err(|error| odd(url, &error)),
        status => Err(odd(url, &format!("it answers with status {status}"))),
    }
}

fn odd(url: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Server, format!("{url} is not what a Chancery server says")).because(why).remedy("check --server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lie_between_host_and_path() {
        let at = well_known("https://gw.example/x/t/acme/admin", "oauth-protected-resource");
        assert_eq!(at, "https://gw.example/.well-known/oauth-protected-resource/x/t/acme/admin");
    }

    #[test]
    fn a_token_goes_over_tls_or_stays_on_this_machine() {
        for good in ["https://gw.example", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"] {
            assert!(encrypted(good).is_ok(), "{good}");
        }
        for bad in
            ["http://gw.example", "http://127.0.0.1.evil.example", "gw.example", "ftp://gw.example", "http://localhost@evil.example", ""]
        {
            assert!(encrypted(bad).is_err(), "{bad}");
        }
    }
}
