//! The redirect URIs that a client may have.

use std::net::IpAddr;

use chancery_core::{Loopback, is_loopback};
use chancery_outbound::trust::{Reach, Trust, admits};

/// Why a redirect URI cannot be registered: what is wrong, and what would be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct RedirectUriError {
    pub what: &'static str,
    pub remedy: &'static str,
}

/// Addresses of widespread apps whose scheme is no domain name : these, and nothing like them, since anybody can take a scheme.
const KNOWN_APPS: &[&str] = &["cursor://anysphere.cursor-mcp/oauth/callback"];

/// Whether `text` may be registered as a redirect URI (OAuth 2.1 §2.3.1, RFC 8252 §7; DR-02).
pub fn redirect_uri(text: &str) -> Result<(), RedirectUriError> {
    let refused = |what, remedy| Err(RedirectUriError { what, remedy });
    let Ok(url) = url::Url::parse(text) else {
        return refused("is not an absolute URI", "write it whole, such as https://app.example/callback");
    };
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return refused("holds characters that no URI has", "write them percent-encoded");
    }
    if text.contains('#') {
        return refused("has a fragment, which browsers don't send on", "leave out the # and what follows it");
    }
    if text.contains('*') {
        return refused("has a wildcard; redirect URIs are compared as they are written", "register each address by itself");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("has a user name or password in it", "leave them out");
    }
    if KNOWN_APPS.contains(&text) {
        return Ok(());
    }
    let has_host = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
    match url.scheme() {
        "http" | "https" if !has_host => refused("has no host where one belongs", "write it like https://app.example/callback"),
        "https" => Ok(()),
        "http" if Loopback::of(text).is_some() => Ok(()), // OA-03
        "http" => refused(
            "is sent over plain http, where anybody on the way can take the code",
            "use https; http is for 127.0.0.1, [::1] and localhost only",
        ),
        // RFC 8252 §7.1: a scheme of the app's own is a domain name in reverse, which also keeps out `javascript` and `data`.
        scheme if scheme.contains('.') => Ok(()),
        _ => refused("has a scheme that no app owns", "use https, http on loopback, or a scheme like com.example.app"),
    }
}

/// Whether a client that registers itself may have it: the same, but for hosts inside somebody's network, which only an operator names.
pub fn strangers_redirect_uri(text: &str) -> Result<(), RedirectUriError> {
    redirect_uri(text)?;
    let inside = url::Url::parse(text).is_ok_and(|url| !url.host_str().is_some_and(is_loopback) && literal(&url).is_some_and(is_private));
    let (what, remedy) = ("is an address inside somebody's network", "use a host that everybody can reach, or ask who runs this server");
    if inside { Err(RedirectUriError { what, remedy }) } else { Ok(()) } // DR-02
}

/// What becomes of a redirect URI that a client names by itself, at registration or in its document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registrable {
    Yes,
    /// An app's own scheme that is not known here: it is left out, and fails nothing else, since editors name several at once.
    NotOffered,
    /// It could carry a code to somebody else, or run as script: who asks for that is not to be had halfway.
    Dangerous(RedirectUriError),
}

const LONGEST: usize = 512;

pub fn registrable_uri(uri: &str) -> Registrable {
    // It is answered in a header, and compared as it is written.
    if uri.len() > LONGEST || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        let (what, remedy) = ("is too long, or has characters that no URI has", "shorten it, or write them percent-encoded");
        return Registrable::Dangerous(RedirectUriError { what, remedy });
    }
    match strangers_redirect_uri(uri) {
        Ok(()) => Registrable::Yes,
        Err(_) if is_an_apps_own(uri) => Registrable::NotOffered,
        Err(error) => Registrable::Dangerous(error),
    }
}

/// An address `scheme://…` of a program, without what would be refused in any other.
fn is_an_apps_own(uri: &str) -> bool {
    const BROWSERS: [&str; 10] = ["http", "https", "javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"];
    let lower = uri.to_ascii_lowercase();
    match lower.split_once("://") {
        Some((scheme, _)) => !BROWSERS.contains(&scheme) && !scheme.contains(':') && !uri.contains(['#', '*']),
        None => false,
    }
}

/// The host where it is an address, however it is spelt.
fn literal(url: &url::Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.into()),
        url::Host::Domain(_) => None,
    }
}

fn is_private(address: IpAddr) -> bool {
    !admits(address, Trust::Peer, Reach::Anywhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dr_02_a_stranger_names_no_address_inside_a_network() {
        for inside in [
            "10.0.0.1",
            "169.254.169.254",
            "192.168.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "100.64.0.1",
            "0.0.0.0",
            "127.0.0.2",
            "0x0a.1",
            "167772161",
            "[fc00::1]",
            "[fd12::1]",
            "[fe80::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
        ] {
            let uri = format!("https://{inside}/cb");
            assert!(strangers_redirect_uri(&uri).is_err_and(|error| error.what.contains("inside")), "{uri}");
            assert_eq!(redirect_uri(&uri), Ok(()), "{uri}: an operator may name it");
        }
        for outside in ["https://1.1.1.1/cb", "https://app.example/cb", "https://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb"] {
            assert_eq!(strangers_redirect_uri(outside), Ok(()), "{outside}");
        }
    }

    #[test]
    fn dr_02_a_redirect_uri_is_encrypted_or_local_or_an_apps_own() {
        for good in [
            "https://app.example/callback?x=1",
            "http://127.0.0.1/cb",
            "http://[::1]:7777/cb",
            "http://localhost:3000/cb",
            "com.example.app:/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert_eq!(redirect_uri(good), Ok(()), "{good}");
        }
        for (bad, words) in [
            ("http://app.example/cb", "plain http"),
            ("http://127.0.0.1.evil.example/cb", "plain http"),
            ("http://127.9.9.9/cb", "plain http"),
            ("http://127.1/cb", "plain http"),
            ("http://LOCALHOST/cb", "plain http"),
            ("javascript:alert(1)", "no app owns"),
            ("data:text/html,x", "no app owns"),
            ("file:///etc/passwd", "no app owns"),
            ("cursor://anysphere.cursor-mcp/other", "no app owns"),
            ("https://app.example/cb#x", "fragment"),
            ("https://app.example/cb#", "fragment"),
            ("https://*.example/cb", "wildcard"),
            ("https://u:p@app.example/cb", "user name"),
            ("https:app.example/cb", "no host"),
            ("https:///app.example/cb", "no host"),
            ("https://app.example\\@evil.example/cb", "characters"),
            ("https://app.example/cb\r\nx: y", "characters"),
            (" https://app.example/cb", "characters"),
            ("https://app.example/ü", "characters"),
            ("/callback", "not an absolute URI"),
            ("", "not an absolute URI"),
        ] {
            assert!(redirect_uri(bad).is_err_and(|error| error.what.contains(words)), "{bad}");
        }
    }
}
