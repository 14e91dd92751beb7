//! Where clients hear that a session ended (OpenID Connect Back-Channel Logout §2.2).

use chancery_core::{ClientId, Loopback};
use chancery_outbound::Purpose;
use url::Url;

use crate::{Client, Origin, RedirectUriError, Tenant};

const LONGEST: usize = 512;

/// Whether an operator may write this address: https, or http on this computer.
pub fn logout_uri(text: &str) -> Result<(), RedirectUriError> {
    let refused = |what, remedy| Err(RedirectUriError { what, remedy });
    let Ok(url) = Url::parse(text) else {
        return refused("is not an absolute URI", "write it whole, such as https://app.example/logout");
    };
    if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return refused("is too long, or holds characters that no URI has", "use a plain address of at most 512 characters");
    }
    if text.contains('#') {
        return refused("has a fragment, which is never sent", "leave out the # and what follows it");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("has a user name or password in it", "leave them out");
    }
    if text.starts_with("https://") || Loopback::of(text).is_some() {
        return Ok(());
    }
    refused("is not https", "use https; the file may name http on 127.0.0.1, [::1] and localhost too")
}

/// Whether a client may name it by itself: https alone. Nobody goes to this computer for a stranger.
pub fn strangers_logout_uri(text: &str) -> Result<(), RedirectUriError> {
    logout_uri(text)?;
    if text.starts_with("https://") {
        return Ok(());
    }
    Err(RedirectUriError { what: "is not https", remedy: "use https, or ask who runs this server to name this client in its file" })
}

impl Tenant {
    /// Where this client hears of it, and how far somebody goes for that: anywhere for what an operator wrote, into private networks where the
    /// tenant lists the host, else to what everybody can reach (BL-03).
    pub fn logout_address<'a>(&self, client: &'a Client) -> Option<(Purpose, &'a str)> {
        let uri = client.about.backchannel_logout_uri.as_deref()?;
        let is_listed = || Url::parse(uri).is_ok_and(|url| self.registration.documents.may_be_private(&ClientId::claimed(uri), &url));
        let purpose = match client.origin {
            Origin::File => Purpose::OwnClientLogout,
            Origin::Dynamic | Origin::Document if is_listed() => Purpose::ListedClientLogout,
            Origin::Dynamic | Origin::Document => Purpose::ClientLogout,
        };
        Some((purpose, uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bl_03_an_address_is_https_or_for_the_file_on_this_computer() {
        for good in ["https://app.example/logout", "https://app.example:8443/logout?tenant=7"] {
            assert!(logout_uri(good).is_ok() && strangers_logout_uri(good).is_ok(), "{good}"); // BL-03
        }
        for here in ["http://127.0.0.1:8080/logout", "http://localhost/logout"] {
            assert!(logout_uri(here).is_ok() && strangers_logout_uri(here).is_err(), "{here}"); // BL-03
        }
        for bad in ["", "/logout", "http://app.example/logout", "https://app.example/#x", "https://a:b@app.example/", "ftp://app.example/"]
        {
            assert!(logout_uri(bad).is_err() && strangers_logout_uri(bad).is_err(), "{bad}"); // BL-03
        }
    }
}
