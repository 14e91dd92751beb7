//! The forms that values have: names, addresses, durations. Each function gives the value or says what is wrong and what is right.

use std::str::FromStr;
use std::time::Duration;

use chancery_core::{ResourceUrl, Scope, ScopeSet, Slug, is_loopback};
use chancery_crypto::jose::Algorithm;
use url::Url;

use super::problem::Complaint;
use crate::{Dpop, Listing};

type Read<T> = Result<T, Complaint>;

pub(super) fn name(text: &str) -> Read<Slug> {
    Slug::from_str(text).map_err(|error| Complaint::new(format!("`{text}` is not a name"), error.to_string()))
}

pub(super) fn scope(text: &str) -> Read<Scope> {
    Scope::from_str(text).map_err(|error| Complaint::new(format!("`{text}` is not a scope"), error.to_string()))
}

pub(super) fn scopes(text: &str) -> Read<ScopeSet> {
    let remedy = "write scopes with spaces between them; each is printable ASCII without quote or backslash";
    ScopeSet::from_str(text).map_err(|_| Complaint::new(format!("`{text}` holds what is not a scope"), remedy))
}

/// The public base URL (MD-03): the issuer grows from it, and clients compare that byte for byte, so there is one way to write it.
pub(super) fn base_url(text: &str) -> Read<String> {
    let url = public_url(text)?;
    if url.query().is_some() {
        return Err(Complaint::new("the base URL has a query", "leave out the ? and what follows it"));
    }
    if url.path() != "/" {
        return Err(Complaint::new("the base URL has a path", format!("give Chancery a host of its own, such as `{}`", origin(&url))));
    }
    if text.ends_with('/') {
        return Err(Complaint::new("the base URL ends in a slash", format!("write `{}`", origin(&url))));
    }
    canonical(text, &origin(&url)).map(str::to_owned)
}

/// A resource's public URL.
pub(super) fn resource_url(text: &str) -> Read<ResourceUrl> {
    let url = public_url(text)?;
    if url.query().is_some() {
        return Err(Complaint::new("a resource's URL has no query", "leave out the ? and what follows it"));
    }
    if url.path() == "/ready" || ["/t/", "/.well-known/"].iter().any(|ours| url.path().starts_with(ours)) {
        return Err(Complaint::new("Chancery's own addresses begin like this", "choose another path, such as `/mcp/github`"));
    }
    let plain = if url.path() == "/" && !text.ends_with('/') { origin(&url) } else { url.to_string() };
    let text = canonical(text, &plain)?;
    text.parse().map_err(|error| not_a_url(text, error))
}

/// The issuer of an identity provider, kept as it is written: the provider's documents must say the same, byte for byte (MD-07).
pub(super) fn provider_issuer(text: &str) -> Read<String> {
    let url = public_url(text)?;
    if text.contains(char::is_whitespace) {
        return Err(Complaint::new("an issuer has no space in it", "write it as the provider's discovery document says it"));
    }
    if url.query().is_some() {
        return Err(Complaint::new("an issuer has no query", "write it as the provider's discovery document says it"));
    }
    Ok(text.to_owned())
}

/// Where the gateway forwards to. The operator wrote it, so it may be private and plain http.
pub(super) fn upstream_url(text: &str) -> Read<String> {
    let url = web_url(text)?;
    if url.query().is_some() {
        return Err(Complaint::new("an upstream's URL has no query", "leave out the ? and what follows it: calls are sent without one"));
    }
    Ok(text.to_owned())
}

pub(super) fn logout_uri(text: &str) -> Read<String> {
    crate::logout_uri(text).map_err(|error| Complaint::new(format!("this address {}", error.what), error.remedy))?;
    Ok(text.to_owned())
}

pub(super) fn redirect_uri(text: &str) -> Read<String> {
    crate::redirect_uri(text).map_err(|error| Complaint::new(format!("this redirect URI {}", error.what), error.remedy))?;
    Ok(text.to_owned())
}

pub(super) fn duration(text: &str) -> Read<Duration> {
    let remedy = "write a number and its unit: 90s, 5m, 8h or 30d";
    crate::duration::parse(text).ok_or_else(|| Complaint::new(format!("`{text}` is not a duration"), remedy))
}

/// In whole seconds, as OpenID Connect wants it.
pub(super) fn max_age(text: &str) -> Read<u32> {
    let age = duration(text)?;
    u32::try_from(age.as_secs()).map_err(|_| Complaint::new(format!("`{text}` is longer than anybody lives"), "write 15m or 8h"))
}

/// An authentication context class, which stands in a list with spaces between (OpenID Connect Core §3.1.2.1).
pub(super) fn acr(text: &str) -> Read<String> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && !b"\"\\".contains(&byte));
    let remedy = "write it as the identity provider's `acr` claim says it";
    if is_word { Ok(text.to_owned()) } else { Err(Complaint::new(format!("`{text}` is no authentication context"), remedy)) }
}

pub(super) fn listing(text: &str) -> Read<Listing> {
    match text {
        "obtainable" => Ok(Listing::Obtainable),
        "granted" => Ok(Listing::Granted),
        _ => Err(Complaint::new(format!("`{text}` is no way to list"), "write granted, or obtainable")),
    }
}

pub(super) fn dpop(text: &str) -> Read<Dpop> {
    match text {
        "optional" => Ok(Dpop::Optional),
        "required" => Ok(Dpop::Required),
        _ => Err(Complaint::new(format!("`{text}` does not say whether tokens must be bound to a key"), "write optional, or required")),
    }
}

/// What tokens can be signed with. JWS has more names; `none` and symmetric ones are none of ours.
pub(super) fn algorithm(text: &str) -> Read<Algorithm> {
    let known = Algorithm::ALL.iter().find(|algorithm| algorithm.as_str() == text);
    known.copied().ok_or_else(|| {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
        Complaint::new(format!("`{text}` is nothing that tokens are signed with here"), format!("write one of {}", names.join(", ")))
    })
}

/// Encrypted on its way, or never leaving this computer.
fn public_url(text: &str) -> Read<Url> {
    let url = web_url(text)?;
    if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
        let remedy = "use https; plain http is for 127.0.0.1, [::1] and localhost only";
        return Err(Complaint::new("over plain http anybody on the way reads and changes what is sent", remedy)); // MD-03
    }
    Ok(url)
}

fn web_url(text: &str) -> Read<Url> {
    let url = Url::parse(text).map_err(|error| not_a_url(text, error))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Complaint::new(format!("`{}` is not http or https", url.scheme()), "write an address such as https://host.example"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Complaint::new("the address has a user name or password in it", "leave them out"));
    }
    if text.contains('#') {
        return Err(Complaint::new("the address has a fragment", "leave out the # and what follows it"));
    }
    Ok(url)
}

/// Browsers and libraries rewrite what is not written in the plain way, and then strings that should be equal are not.
fn canonical<'a>(text: &'a str, plain: &str) -> Read<&'a str> {
    if text == plain {
        return Ok(text);
    }
    Err(Complaint::new("the address can be written in a plainer way, and clients compare it as a string", format!("write `{plain}`")))
}

fn not_a_url(text: &str, why: impl std::fmt::Display) -> Complaint {
    Complaint::new(format!("`{text}` is not an absolute URL ({why})"), "write it whole, such as https://host.example/path")
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T>(read: Read<T>) -> String {
        read.err().map(|complaint| format!("{} — {}", complaint.what, complaint.remedy)).expect("a complaint")
    }

    #[test]
    fn md_03_a_base_url_is_encrypted_or_local_and_written_in_one_way() {
        for good in
            ["https://gw.example.com", "https://gw.example.com:8443", "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost"]
        {
            assert_eq!(base_url(good).ok().as_deref(), Some(good));
        }
        for (bad, words) in [
            ("http://gw.example.com", "over plain http"),
            ("https://gw.example.com/", "ends in a slash — write `https://gw.example.com`"),
            ("https://gw.example.com?x=1", "has a query"),
            ("https://gw.example.com/?", "has a query"),
            ("https://gw.example.com#x", "has a fragment"),
            ("https://gw.example.com/auth", "has a path"),
            ("https://GW.example.com", "write `https://gw.example.com`"),
            ("https://gw.example.com:443", "write `https://gw.example.com`"),
            ("https://u:hunter2@gw.example.com", "a user name or password in it — leave them out"),
            ("gw.example.com", "not an absolute URL"),
            ("ftp://gw.example.com", "`ftp` is not http or https"),
        ] {
            assert!(said(base_url(bad)).contains(words), "{bad}: {}", said(base_url(bad)));
        }
    }

    #[test]
    fn a_resources_url_is_written_in_one_way_and_is_none_of_ours() {
        for good in ["https://gw.example.com/mcp/github", "https://gw.example.com", "https://gw.example.com/", "http://localhost:1/x/"] {
            assert_eq!(resource_url(good).map(|url| url.to_string()).ok().as_deref(), Some(good));
        }
        for (bad, words) in [
            ("https://gw.example.com/mcp/github?x", "no query"),
            ("https://gw.example.com/t/acme", "own addresses"),
            ("https://gw.example.com/.well-known/x", "own addresses"),
            ("https://gw.example.com/ready", "own addresses"),
            ("https://gw.example.com/a/../b", "write `https://gw.example.com/b`"),
            ("https://GW.example.com", "write `https://gw.example.com`"),
            ("https://gw.example.com/ü", "write `https://gw.example.com/%C3%BC`"),
        ] {
            assert!(said(resource_url(bad)).contains(words), "{bad}: {}", said(resource_url(bad)));
        }
    }
}
