//! Which web pages may call (MCP 2025-11-25, Transports, Security Warning), and the CORS answers that let those call.
//!
//! An origin is ours if it is the issuer's or the resource's own, or, where those are loopback, any loopback one: tools for developers
//! serve their pages from a port of their own. A request without `Origin` is no browser's.

use chancery_core::is_loopback;
use chancery_tokens::bearer::PROOF;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::headers;
use crate::refusal::Refusal;

/// The `Origin` of a request, judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    Absent,
    Own(HeaderValue),
    Foreign,
}

impl Origin {
    /// `own` are the URLs that we answer at.
    pub fn of(headers: &HeaderMap, own: &[&str]) -> Self {
        let mut values = headers.get_all(ORIGIN).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) if value.to_str().is_ok_and(|origin| is_own(origin, own)) => Self::Own(value.clone()),
            _ => Self::Foreign,
        }
    }

    pub fn admitted(&self) -> Result<(), Refusal> {
        if *self == Self::Foreign { Err(Refusal::foreign_origin()) } else { Ok(()) }
    }

    /// Lets the page read the answer, and the headers it needs of it.
    pub fn dress(&self, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Self::Own(origin) = self {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers
                .insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version"));
        }
    }
}

/// Whether a browser asks what it may send. It asks without a token, so this comes before anything else.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to it: the methods there are, and of the headers asked for those that we take.
pub fn preflight(asked: &HeaderMap, answer: &mut HeaderMap) {
    let wanted = asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|value| value.to_str().ok());
    let names = wanted.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse::<HeaderName>().ok());
    let taken: Vec<String> =
        names.filter(|name| is_read_here(name) || headers::travels_onward(name)).map(|name| name.to_string()).collect();
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Ok(value) = HeaderValue::from_str(&taken.join(", ")) {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, value);
    }
}

/// What a page sends for us, not for the upstream.
fn is_read_here(name: &HeaderName) -> bool {
    [AUTHORIZATION, CONTENT_TYPE, PROOF].contains(name)
}

fn is_own(origin: &str, own: &[&str]) -> bool {
    own.iter().filter_map(|url| origin_of(url)).any(|ours| ours == origin || (is_here(&ours) && is_here(origin)))
}

/// Scheme, host and port as a browser writes them: in lower case and without the scheme's own port.
fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?.to_ascii_lowercase());
    Some(match (scheme, uri.port_u16()) {
        (_, None) | ("https", Some(443)) | ("http", Some(80)) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    })
}

fn is_here(origin: &str) -> bool {
    origin.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_loopback))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(origin: &'static str, own: &[&str]) -> bool {
        let headers = [(ORIGIN, HeaderValue::from_static(origin))].into_iter().collect();
        Origin::of(&headers, own).admitted().is_ok()
    }

    #[test]
    fn mcp_1a_11_a_foreign_origin_is_refused_and_none_is_fine() {
        let own = ["https://gw.example.com/chancery", "https://mcp.example.com:443/bank"];
        assert_eq!(Origin::of(&HeaderMap::new(), &own), Origin::Absent);
        for good in ["https://gw.example.com", "https://mcp.example.com"] {
            assert!(judged(good, &own), "{good}");
        }
        for bad in [
            "https://evil.example",
            "http://gw.example.com",
            "https://gw.example.com:8443",
            "https://gw.example.com.evil.example",
            "http://localhost:6274",
            "null",
            "",
        ] {
            assert!(!judged(bad, &own), "{bad}");
        }
    }

    #[test]
    fn mcp_1a_11_on_loopback_a_rebound_name_is_foreign_and_another_port_is_not() {
        let own = ["http://127.0.0.1:8080"];
        for good in ["http://127.0.0.1:8080", "http://localhost:6274", "http://[::1]:3000"] {
            assert!(judged(good, &own), "{good}");
        }
        for bad in ["http://evil.example:8080", "http://localhost.evil.example", "http://127.0.0.1.evil.example:8080", "null"] {
            assert!(!judged(bad, &own), "{bad}");
        }
    }

    #[test]
    fn mcp_3_13_a_browser_may_send_what_travels_on_and_its_token() {
        let asked = "authorization, dpop, content-type, mcp-protocol-version, mcp-param-region, cookie, x-forwarded-user";
        let asked = [(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(asked))].into_iter().collect();
        let mut answer = HeaderMap::new();
        preflight(&asked, &mut answer);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_HEADERS], "authorization, dpop, content-type, mcp-protocol-version, mcp-param-region");
    }

    #[test]
    fn mcp_3_13_a_page_may_read_the_challenge() {
        let mut answer = HeaderMap::new();
        Origin::Own(HeaderValue::from_static("http://localhost:6274")).dress(&mut answer);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:6274");
        assert!(answer[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().is_ok_and(|names| names.starts_with("WWW-Authenticate")));
        let mut answer = HeaderMap::new();
        Origin::Foreign.dress(&mut answer);
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}
