//! Which headers travel through, each way. Both are lists of what may, so that nothing is let through because nobody thought of it.

use chancery_core::{Secret, UpstreamCredential};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, HOST,
    RETRY_AFTER, USER_AGENT,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::session;

/// The host and port that a request asks for; nothing where it names none. HTTP/2 has it in the address, HTTP/1.1 in a header.
pub fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    let header = || headers.get(HOST).and_then(|host| host.to_str().ok());
    uri.authority().map(Authority::as_str).or_else(header).unwrap_or_default()
}

/// Whether the caller's header goes to the upstream. Not among them: the caller's token, its proof and cookies (MC-02), what names a user to those
/// who trust a proxy (`X-Forwarded-*`), hop-by-hop headers, `Accept-Encoding`, since answers are read as they pass, and `Content-Type`,
/// since the upstream must read the body as it was read here.
pub fn travels_onward(name: &HeaderName) -> bool {
    const OTHERS: [&str; 3] = ["last-event-id", "traceparent", "tracestate"];
    [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT].contains(name) || OTHERS.contains(&name.as_str()) || is_mcp(name)
}

/// Whether the upstream's header goes to the client. Not among them: its cookies and challenges, CORS (ours to say), redirects,
/// hop-by-hop headers, and what would speak for our whole host (`Alt-Svc`, `Strict-Transport-Security`, `Clear-Site-Data`).
fn travels_back(name: &HeaderName) -> bool {
    [ALLOW, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER].contains(name) || is_mcp(name)
}

/// What the upstream receives: what may pass of the caller's, and its own session id. A body is called what it was
/// judged as, in our words: a charset of the caller's would have the upstream read another call than the one that was permitted.
pub fn onward(caller: &HeaderMap, session: Option<&str>) -> Option<HeaderMap> {
    let mut headers = passing(caller, travels_onward);
    if caller.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json")); // MC-01
    }
    if let Some(session) = session {
        headers.insert(session::HEADER, HeaderValue::from_str(session).ok()?);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity")); // what comes back is read as it passes
    Some(headers)
}

/// Puts in a token of the upstream's own.
pub fn prove(headers: &mut HeaderMap, UpstreamCredential::Bearer(token): &UpstreamCredential) -> Option<()> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value); // MC-02
    Some(())
}

/// Puts in a header whose value is the operator's secret.
pub fn show(headers: &mut HeaderMap, name: &str, secret: &Secret<String>) -> Option<()> {
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value); // MC-02
    Some(())
}

/// What the client receives, with the session id it may know.
pub fn back(upstream: &HeaderMap, session: Option<&str>) -> HeaderMap {
    let mut headers = passing(upstream, travels_back);
    if let Some(value) = session.and_then(|session| HeaderValue::from_str(session).ok()) {
        headers.insert(session::HEADER, value);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    // Proxies in front of us must not hold a stream back either.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    headers
}

fn passing(headers: &HeaderMap, may: fn(&HeaderName) -> bool) -> HeaderMap {
    headers.iter().filter(|(name, _)| may(name) && **name != session::HEADER).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// MCP's own, those unknown here among them: a gateway passes on what it does not know. But a server that reads `_` as `-`, as CGI and WSGI
/// do, would take `Mcp-Session_Id` for the session that was looked at here. What mirrors an argument may be called anything.
fn is_mcp(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("mcp-param-") || name.starts_with("mcp-") && !name.contains('_') // MC-07
}

#[cfg(test)]
mod tests {
    use http::header::{CONNECTION, COOKIE, SET_COOKIE, WWW_AUTHENTICATE};

    use super::*;

    #[test]
    fn a_request_names_its_host_in_its_address_or_in_a_header() {
        let named = HeaderMap::from_iter([(HOST, HeaderValue::from_static("gw.example"))]);
        assert_eq!(host(&Uri::from_static("/mcp/bank"), &named), "gw.example");
        assert_eq!(host(&Uri::from_static("https://other.example/mcp/bank"), &named), "other.example");
        assert_eq!(host(&Uri::from_static("/mcp/bank"), &HeaderMap::new()), "");
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn mc_02_the_callers_token_and_cookies_never_reach_the_upstream() {
        let caller = headers(&[
            ("authorization", "DPoP inbound"),
            ("dpop", "a.b.c"),
            ("cookie", "a=b"),
            ("connection", "mcp-method"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic x"),
            ("x-forwarded-user", "alice"),
            ("x-api-key", "k"),
            ("accept-encoding", "gzip"),
            ("mcp-session-id", "sealed"),
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-param-region", "eu"),
            ("last-event-id", "7"),
            ("accept", "application/json"),
            ("content-type", "application/json; charset=utf-7"),
        ]);
        let mut onward = onward(&caller, Some("theirs")).expect("headers");
        assert!(!onward.contains_key(AUTHORIZATION));
        show(&mut onward, "x-api-key", &Secret::new("ours".to_owned())).expect("a header");
        assert!(onward["x-api-key"] == "ours" && onward["x-api-key"].is_sensitive());
        onward.remove("x-api-key");
        prove(&mut onward, &UpstreamCredential::Bearer(Secret::new("outbound".to_owned()))).expect("a header");
        assert_eq!(onward[AUTHORIZATION], "Bearer outbound");
        assert!(onward[AUTHORIZATION].is_sensitive());
        assert_eq!(onward["mcp-session-id"], "theirs");
        assert_eq!(onward["mcp-param-region"], "eu");
        assert_eq!(onward["last-event-id"], "7");
        assert_eq!(onward[ACCEPT_ENCODING], "identity");
        assert_eq!(onward.len(), 8, "{onward:?}");
        assert!(!onward.contains_key(COOKIE) && !onward.contains_key(CONNECTION));
    }

    #[test]
    fn mc_01_a_body_is_called_what_it_was_judged_as() {
        for said in ["application/json; charset=utf-7", "application/json;charset=utf-8", "APPLICATION/JSON"] {
            let onward = onward(&headers(&[("content-type", said)]), None).expect("headers");
            let all: Vec<_> = onward.get_all(CONTENT_TYPE).iter().collect();
            assert_eq!(all, ["application/json"], "{said}");
        }
        assert!(!onward(&HeaderMap::new(), None).expect("headers").contains_key(CONTENT_TYPE), "a GET has no body");
    }

    #[test]
    fn mc_07_a_header_that_a_server_folds_into_mcps_own_travels_neither_way() {
        let odd = ["mcp-session_id", "mcp-protocol_version", "mcp-param_region"].map(|name| (name, "theirs"));
        let headers = headers(&[odd[0], odd[1], odd[2], ("mcp-param-home_region", "eu")]);
        let onward = onward(&headers, None).expect("headers");
        let back = back(&headers, None);
        for (name, _) in odd {
            assert!(!onward.contains_key(name) && !back.contains_key(name), "{name}");
        }
        // What mirrors an argument is called what its server calls it.
        assert_eq!(onward["mcp-param-home_region"], "eu");
    }

    #[test]
    fn mc_02_the_upstreams_cookies_and_challenges_never_reach_the_client() {
        let upstream = headers(&[
            ("set-cookie", "a=b"),
            ("www-authenticate", "Bearer"),
            ("location", "https://elsewhere.example"),
            ("access-control-allow-origin", "*"),
            ("alt-svc", "h3"),
            ("cache-control", "public"),
            ("mcp-session-id", "theirs"),
            ("content-type", "text/event-stream"),
        ]);
        let back = back(&upstream, Some("sealed"));
        assert_eq!(back["mcp-session-id"], "sealed");
        assert_eq!(back[CACHE_CONTROL], "no-store, no-transform");
        assert_eq!(back[CONTENT_TYPE], "text/event-stream");
        assert_eq!(back.len(), 4, "{back:?}");
        assert!(!back.contains_key(SET_COOKIE) && !back.contains_key(WWW_AUTHENTICATE));
        assert!(!super::back(&upstream, None).contains_key("mcp-session-id"));
    }
}
