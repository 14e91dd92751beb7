//! Redirect URIs: which one a request means, and how an answer is put into it (OAuth 2.1 §2.3.1, §4.1.2, §8.4.2; RFC 8252 §7.3).
//!
//! They are compared as strings. The one difference forgiven is the port of a loopback address over http, since a program on a
//! person's computer takes the port it gets. Nothing is parsed and printed again: two parsers that disagree about a
//! URL are how answers go astray.

use chancery_core::Loopback;

/// Whether `asked` is the registered URI.
pub(crate) fn is_registered(registered: &str, asked: &str) -> bool {
    registered == asked // OA-02
        || match (Loopback::of(registered), Loopback::of(asked)) {
            (Some(registered), Some(asked)) => registered == asked, // OA-03
            _ => false,
        }
}

/// Whether any program on the person's computer could be listening there.
pub(crate) fn is_loopback(uri: &str) -> bool {
    Loopback::of(uri).is_some()
}

/// Whether an answer sent there reaches one host of the network and nobody else. On a person's computer any program may listen at a
/// loopback port or claim a scheme.
pub(crate) fn is_one_hosts(uri: &str) -> bool {
    let url = url::Url::parse(uri).ok().filter(|url| url.scheme() == "https");
    url.is_some_and(|url| url.host_str().is_some_and(|host| !chancery_core::is_loopback(host)))
}

/// Whom the answer goes to, as the consent page shows it: a host, in the letters of the DNS; its port where that is no matter of chance;
/// and for an app's own scheme the scheme as well.
pub(crate) fn shown_host(uri: &str) -> String {
    match url::Url::parse(uri) {
        Ok(url) if url.scheme() == "https" => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}{port}", url.host_str().unwrap_or_default())
        }
        Ok(url) if url.scheme() == "http" => url.host_str().unwrap_or_default().to_owned(),
        Ok(url) => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
        Err(_) => uri.to_owned(),
    }
}

/// The host of a client's id that is the address of its metadata document.
pub(crate) fn document_host(client_id: &str) -> Option<String> {
    let url = url::Url::parse(client_id).ok().filter(|url| url.scheme() == "https")?;
    url.host_str().map(str::to_owned)
}

/// The URI with an answer's parameters after those it has.
pub(crate) fn with_answer<'a>(uri: &str, answer: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    let before = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{uri}{before}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn oa_02_any_other_character_is_another_address() {
        let registered = "https://app.example/cb?x=1";
        assert!(is_registered(registered, registered));
        for other in [
            "https://app.example/cb",
            "https://app.example/cb/?x=1",
            "https://app.example/CB?x=1",
            "https://APP.example/cb?x=1",
            "https://app.example:443/cb?x=1",
            "https://app.example:8443/cb?x=1",
            "https://u@app.example/cb?x=1",
            "https://app.example/cb?x=1#f",
            "https://app.example/%63b?x=1",
            "https://app.example/a/%2e%2e/cb?x=1",
            "http://app.example/cb?x=1",
        ] {
            assert!(!is_registered(registered, other), "{other}");
        }
    }

    #[test]
    fn oa_03_a_loopback_redirect_matches_any_port() {
        for (registered, asked, same) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb", true),
            ("http://127.0.0.1:4000/cb", "http://127.0.0.1/cb", true),
            ("http://[::1]/cb?a", "http://[::1]:65535/cb?a", true),
            ("http://localhost/cb", "http://localhost:1/cb", true),
            ("http://localhost", "http://localhost:1", true),
            ("http://localhost/cb", "http://127.0.0.1/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb/", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb?x", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.11/cb", false),
            ("http://localhost/cb", "http://localhost.evil.example/cb", false),
            ("https://localhost/cb", "https://localhost:1/cb", false),
            ("http://app.example/cb", "http://app.example:1/cb", false),
        ] {
            assert_eq!(is_registered(registered, asked), same, "{registered} against {asked}");
        }
    }

    #[test]
    fn oa_04_an_answer_goes_behind_the_query_that_is_there() {
        let answer = || [("code", "a b"), ("iss", "https://x/t/y")];
        assert_eq!(with_answer("https://a.example/cb", answer()), "https://a.example/cb?code=a+b&iss=https%3A%2F%2Fx%2Ft%2Fy");
        assert_eq!(with_answer("https://a.example/cb?x=1", answer()), "https://a.example/cb?x=1&code=a+b&iss=https%3A%2F%2Fx%2Ft%2Fy");
        assert_eq!(with_answer("cursor://a/cb?", [("state", "s")]), "cursor://a/cb?state=s");
    }

    #[test]
    fn oa_22_the_page_names_the_host_that_is_answered() {
        assert_eq!(shown_host("https://app.example/cb"), "app.example");
        assert_eq!(shown_host("https://app.example:443/cb"), "app.example");
        assert_eq!(shown_host("https://app.example:8443/cb"), "app.example:8443");
        assert_eq!(shown_host("https://\u{430}pple.example/cb"), "xn--pple-43d.example");
        assert_eq!(shown_host("http://127.0.0.1:5000/cb"), "127.0.0.1");
        assert_eq!(shown_host("cursor://anysphere.cursor-mcp/cb"), "cursor://anysphere.cursor-mcp");
    }

    #[test]
    fn oa_22_only_an_encrypted_address_elsewhere_is_one_hosts() {
        assert!(is_one_hosts("https://app.example/cb") && is_one_hosts("https://app.example:8443/cb"));
        for anybodys in [
            "http://127.0.0.1:5000/cb",
            "http://localhost/cb",
            "https://localhost/cb",
            "https://[::1]/cb",
            "cursor://app/cb",
            "com.app:/cb",
            "x",
        ] {
            assert!(!is_one_hosts(anybodys), "{anybodys}");
        }
    }

    proptest! {
        /// Whatever is accepted for a registered loopback address is, to a real parser too, that host and that path.
        #[test]
        fn oa_03_what_is_accepted_goes_to_the_loopback_host(tail in "[:/?#@.0-9a-z\\[\\]%-]{0,24}") {
            let asked = format!("http://127.0.0.1{tail}");
            if is_registered("http://127.0.0.1/cb", &asked) {
                let url = url::Url::parse(&asked).expect("a URL");
                prop_assert_eq!((url.host_str(), url.path(), url.query(), url.fragment()), (Some("127.0.0.1"), "/cb", None, None));
            }
        }
    }
}
