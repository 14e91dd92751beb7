//! A browser's cookie jar (RFC 6265 §5), as far as tests need it: host, path, Secure, Max-Age, SameSite. Ports do not part cookies.

use chancery_core::{Timestamp, is_loopback};
use http::{HeaderMap, header};
use url::Url;

/// One cookie as the browser keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub host: String,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: Option<String>,
    pub expires_at: Option<Timestamp>,
}

/// The cookies of one browser.
#[derive(Clone, Debug, Default)]
pub struct Jar(Vec<Cookie>);

impl Jar {
    /// Keeps what an answer set, and forgets what it ended.
    pub fn keep(&mut self, url: &Url, headers: &HeaderMap, now: Timestamp) {
        for line in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let Some(cookie) = read(line, url, now) else { continue };
            self.0.retain(|old| (&old.name, &old.host, &old.path) != (&cookie.name, &cookie.host, &cookie.path));
            if cookie.expires_at.is_none_or(|end| end > now) {
                self.0.push(cookie);
            }
        }
    }

    /// The `Cookie` header for a request; nothing where no cookie goes. `foreign_post` says that a page of another site posts, which
    /// carries no cookie that is `Lax`.
    pub fn header(&self, url: &Url, foreign_post: bool, now: Timestamp) -> Option<String> {
        let goes = |cookie: &&Cookie| {
            let host = url.host_str() == Some(cookie.host.as_str());
            let path = under(url.path(), &cookie.path);
            let channel = !cookie.secure || url.scheme() == "https" || url.host_str().is_some_and(is_loopback);
            let site = !foreign_post || cookie.same_site.as_deref().is_some_and(|same_site| same_site.eq_ignore_ascii_case("none"));
            host && path && channel && site && cookie.expires_at.is_none_or(|end| end > now)
        };
        let pairs: Vec<String> = self.0.iter().filter(goes).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub fn get(&self, name: &str) -> Option<&Cookie> {
        self.0.iter().find(|cookie| cookie.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Cookie> {
        self.0.iter()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn read(line: &str, url: &Url, now: Timestamp) -> Option<Cookie> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        host: url.host_str()?.to_owned(),
        path: default_path(url),
        secure: false,
        http_only: false,
        same_site: None,
        expires_at: None,
    };
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        match attribute.to_ascii_lowercase().as_str() {
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = Some(value.to_owned()),
            "max-age" => cookie.expires_at = Some(after(now, value.parse().ok()?)),
            "expires" if cookie.expires_at.is_none() && value.contains("1970") => cookie.expires_at = Some(Timestamp::from_millis(0)),
            _ => {}
        }
    }
    Some(cookie)
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(now.millis().saturating_add(seconds.saturating_mul(1000)))
}

fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
    }
}

fn under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn jar(at: &str, lines: &[&str]) -> Jar {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::SET_COOKIE, line.parse().expect("a header value"));
        }
        let mut jar = Jar::default();
        jar.keep(&url(at), &headers, NOW);
        jar
    }

    #[test]
    fn a_cookie_goes_to_its_host_and_path_at_any_port() {
        let jar = jar("http://127.0.0.1:1/t/demo/authorize", &["a=1; Path=/t/demo; HttpOnly; SameSite=Lax", "b=2"]);
        assert_eq!(jar.header(&url("http://127.0.0.1:2/t/demo/consent"), false, NOW).as_deref(), Some("a=1; b=2"));
        assert_eq!(jar.header(&url("http://127.0.0.1:1/t/demonic"), false, NOW), None);
        assert_eq!(jar.header(&url("http://localhost/t/demo/x"), false, NOW), None);
    }

    #[test]
    fn a_lax_cookie_stays_at_home_when_another_site_posts() {
        let jar = jar("https://gw.example/", &["a=1; SameSite=Lax", "b=2", "c=3; SameSite=None; Secure"]);
        assert_eq!(jar.header(&url("https://gw.example/"), false, NOW).as_deref(), Some("a=1; b=2; c=3"));
        assert_eq!(jar.header(&url("https://gw.example/"), true, NOW).as_deref(), Some("c=3"));
    }

    #[test]
    fn a_cookie_ends() {
        let jar = jar("http://127.0.0.1/", &["a=1; Max-Age=10", "b=2; Max-Age=0"]);
        assert!(jar.header(&url("http://127.0.0.1/"), false, Timestamp::from_seconds(1_009)).is_some());
        assert!(jar.header(&url("http://127.0.0.1/"), false, Timestamp::from_seconds(1_010)).is_none());
    }
}
