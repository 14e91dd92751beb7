//! The two cookies a browser holds for a tenant, which the issuer and the relying party both read.
//!
//! Over https they carry the `__Host-` prefix, so no other host can plant one. Over plain http, which is only ever loopback, a browser
//! refuses that prefix. The tenant is in the name, so that tenants of one host do not overwrite each other's.

use std::time::Duration;

use crate::Slug;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cookie {
    /// Set before anybody is known: binds the pages of one sign-in to one browser (SB-03).
    Browser,
    /// A signed-in person's.
    Session,
}

impl Cookie {
    /// `base` is the public base URL.
    pub fn name(self, base: &str, tenant: &Slug) -> String {
        let prefix = if base.starts_with("https://") { "__Host-" } else { "" };
        let what = match self {
            Self::Browser => "browser",
            Self::Session => "session",
        };
        format!("{prefix}chancery_{what}_{tenant}")
    }

    /// A `Set-Cookie` value. Without `keep` the cookie lives as long as the browser's session. `Lax`: the way back from the identity
    /// provider is a navigation from another site, and must carry it.
    pub fn set(self, base: &str, tenant: &Slug, value: &str, keep: Option<Duration>) -> String {
        let secure = if base.starts_with("https://") { "; Secure" } else { "" };
        let age = keep.map(|keep| format!("; Max-Age={}", keep.as_secs())).unwrap_or_default();
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.name(base, tenant))
    }

    /// A `Set-Cookie` value by which the browser forgets it.
    pub fn clear(self, base: &str, tenant: &Slug) -> String {
        self.set(base, tenant, "", Some(Duration::ZERO))
    }

    /// The cookie's value in `Cookie` headers; the first, where a browser sends several.
    pub fn find<'a>(self, base: &str, tenant: &Slug, mut headers: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let name = self.name(base, tenant);
        headers.find_map(|header| {
            let mut pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.find_map(|(is, value)| (is == name && !value.is_empty()).then_some(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> Slug {
        "acme".parse().expect("a slug")
    }

    #[test]
    fn mcp_1d_41_over_https_a_cookie_belongs_to_this_host_alone() {
        let set = Cookie::Browser.set("https://gw.example", &tenant(), "v", None);
        assert_eq!(set, "__Host-chancery_browser_acme=v; Path=/; HttpOnly; SameSite=Lax; Secure");
    }

    #[test]
    fn over_loopback_http_it_has_neither_prefix_nor_secure() {
        let set = Cookie::Session.set("http://127.0.0.1:8080", &tenant(), "v", Some(Duration::from_secs(60)));
        assert_eq!(set, "chancery_session_acme=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=60");
    }

    #[test]
    fn a_cookie_that_is_cleared_is_the_same_and_over() {
        let cleared = Cookie::Session.clear("https://gw.example", &tenant());
        assert_eq!(cleared, "__Host-chancery_session_acme=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = ["a=1; xchancery_session_acme=2", "chancery_session_acme2=3; chancery_session_acme=4=5"];
        assert_eq!(Cookie::Session.find("http://localhost", &tenant(), headers.into_iter()), Some("4=5"));
        assert_eq!(Cookie::Browser.find("http://localhost", &tenant(), headers.into_iter()), None);
        assert_eq!(Cookie::Session.find("https://gw.example", &tenant(), headers.into_iter()), None);
    }
}
