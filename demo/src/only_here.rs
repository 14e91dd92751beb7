//! Loopback only, and asked for by its own name: a page from the internet that points its own name at this computer (DNS rebinding) is
//! turned away, and so is a form posted from another site.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use chancery_core::is_loopback;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode};

/// Scheme, host and port of the demo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    text: String,
}

impl Origin {
    /// The origin of a base URL, if that is a loopback address over http and nothing more.
    pub fn of(base: &str) -> Option<Self> {
        let url = url::Url::parse(base).ok()?;
        let text = url.origin().ascii_serialization();
        (is_loopback(url.host_str()?) && url.scheme() == "http" && text == base).then_some(Self { text })
    }

    /// These routes, for requests that name this host and come from no other site.
    pub fn guarding(self, routes: Router) -> Router {
        routes.layer(from_fn(move |request: Request, next: Next| {
            let welcome = self.is_named_by(request.headers());
            async move { if welcome { next.run(request).await } else { foreign() } }
        }))
    }

    fn is_named_by(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let host = text(HOST).is_some_and(|host| self.text.strip_prefix("http://") == Some(host));
        host && text(ORIGIN).is_none_or(|origin| origin == self.text)
    }
}

fn foreign() -> Response {
    (StatusCode::FORBIDDEN, "the demo serves this computer only, by the address it was started with\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_loopback_and_nothing_more() {
        for good in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080", "http://127.0.0.1"] {
            assert!(Origin::of(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8080",
            "http://0.0.0.0:8080",
            "http://10.0.0.1:8080",
            "http://[::]:8080",
            "http://demo.example",
            "http://localhost.example",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080/x",
            "http://user@127.0.0.1",
            "http://127.1:8080",
            "http://127.9.9.9:8080",
        ] {
            assert!(Origin::of(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn another_name_or_another_site_is_turned_away() {
        let origin = Origin::of("http://127.0.0.1:8080").unwrap();
        let named = |pairs: &[(http::HeaderName, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)));
            origin.is_named_by(&headers.collect())
        };
        assert!(named(&[(HOST, "127.0.0.1:8080")]));
        assert!(named(&[(HOST, "127.0.0.1:8080"), (ORIGIN, "http://127.0.0.1:8080")]));
        assert!(!named(&[]));
        assert!(!named(&[(HOST, "attacker.example:8080")]));
        assert!(!named(&[(HOST, "127.0.0.1:8080"), (ORIGIN, "http://attacker.example")]));
        assert!(!named(&[(HOST, "127.0.0.1:8080"), (ORIGIN, "null")]));
    }
}
