//! The head of a request has one reading (RFC 9112 §3.2 and §6.1, RFC 9113 §8.3.1), or the request is refused before anybody reads it.
//!
//! Whoever stands before us may have taken the other reading. The HTTP library refuses most of what is ambiguous; this is what it lets
//! through: no `Host`, several, one that is none or that the target contradicts, and a transfer coding beside `chunked`.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

/// What is wrong with a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ambiguous(&'static str);

pub fn has_one_reading(head: &Parts) -> Result<(), Ambiguous> {
    not_for_a_proxy(head)?;
    one_host(head)?;
    one_coding(&head.headers)
}

/// Nothing here is a tunnel to elsewhere, and a target that is only an authority would ask for one.
fn not_for_a_proxy(head: &Parts) -> Result<(), Ambiguous> {
    if head.method == Method::CONNECT || head.uri.authority().is_some() && head.uri.scheme().is_none() {
        return Err(Ambiguous("this server is no proxy: nothing is connected to elsewhere"));
    }
    Ok(())
}

fn one_host(head: &Parts) -> Result<(), Ambiguous> {
    let mut named = head.headers.get_all(HOST).iter();
    let header = match (named.next(), named.next()) {
        (None, _) => None,
        (Some(value), None) => Some(authority(value).ok_or(Ambiguous("the Host header holds no host and port"))?),
        _ => return Err(Ambiguous("there are several Host headers: send one")),
    };
    let target = head.uri.authority();
    if target.is_some_and(names_user) {
        return Err(Ambiguous("the target names a user: leave out what stands before the @"));
    }
    match (header, target) {
        (Some(header), Some(target)) if header != *target => Err(Ambiguous("the target names another host than the Host header")),
        (None, None) if head.version > Version::HTTP_10 => Err(Ambiguous("there is no Host header: send one")),
        (None, Some(_)) if head.version == Version::HTTP_11 => Err(Ambiguous("there is no Host header: send one")),
        _ => Ok(()),
    }
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    Authority::try_from(value.as_bytes()).ok().filter(|authority| !names_user(authority))
}

fn names_user(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}

/// `chunked` and nothing else: no other coding is undone here, and one that is undone by another would show them another body.
fn one_coding(headers: &HeaderMap) -> Result<(), Ambiguous> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Ambiguous("Transfer-Encoding holds more than `chunked`: send the body as it is, or with its length")),
    }
}

impl Ambiguous {
    /// The connection ends with it: where its next request begins, two readers may not agree.
    pub fn refused(self, version: Version) -> Response {
        let mut response = Response::new(Body::from(self.0));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if version < Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn judged(version: Version, target: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().version(version).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        has_one_reading(&request.body(()).expect("a request").into_parts().0).is_ok()
    }

    #[test]
    fn a_request_names_one_host() {
        use Version as V;
        let host = ("host", "gw.example:8080");
        assert!(judged(V::HTTP_11, "/a", &[host]));
        assert!(judged(V::HTTP_11, "http://GW.example:8080/a", &[host]));
        assert!(judged(V::HTTP_10, "/a", &[]), "which had no Host yet");
        assert!(judged(V::HTTP_2, "http://gw.example:8080/a", &[]));
        assert!(judged(V::HTTP_2, "http://gw.example:8080/a", &[host]));
        assert!(judged(V::HTTP_2, "/a", &[host]));
        for (version, target, hosts) in [
            (V::HTTP_11, "/a", &[][..]),
            (V::HTTP_11, "http://gw.example:8080/a", &[]),
            (V::HTTP_2, "/a", &[]),
            (V::HTTP_11, "/a", &[host, host]),
            (V::HTTP_2, "http://gw.example:8080/a", &[host, host]),
            (V::HTTP_2, "http://gw.example:8080/a", &[("host", "evil.example")]),
            (V::HTTP_11, "http://gw.example/a", &[host]),
            (V::HTTP_2, "http://a@gw.example:8080/a", &[]),
            (V::HTTP_11, "/a", &[("host", "a@gw.example")]),
            (V::HTTP_11, "/a", &[("host", "")]),
            (V::HTTP_11, "/a", &[("host", "gw.example, evil.example")]),
            (V::HTTP_11, "gw.example:8080", &[host]),
        ] {
            assert!(!judged(version, target, hosts), "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn a_body_has_one_coding() {
        let coded = |codings: &[&'static str]| {
            let headers = codings.iter().map(|coding| (TRANSFER_ENCODING, HeaderValue::from_static(coding))).collect();
            one_coding(&headers).is_ok()
        };
        assert!(coded(&[]) && coded(&["chunked"]) && coded(&["Chunked"]));
        for bad in [&["gzip, chunked"][..], &["chunked, chunked"], &["chunked", "chunked"], &["identity"], &[",chunked"], &[""]] {
            assert!(!coded(bad), "{bad:?}");
        }
    }
}
