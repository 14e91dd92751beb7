//! Somebody signs in at the demo, where nobody has to be asked: an app registers, follows redirects, and holds a refresh token.

use std::collections::BTreeMap;

use serde_json::json;

use crate::load::{Answer, Connection};
use crate::parts::{Fallible, address};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const BACK: &str = "http%3A%2F%2F127.0.0.1%3A47013%2Fcallback";

/// A client's id, and so many refresh tokens, each of a sign-in of its own.
pub async fn signed_in(port: u16, count: usize) -> Fallible<(String, Vec<String>)> {
    let mut connection = Connection::to(address(port)).await?;
    let metadata =
        json!({ "client_name": "Load", "redirect_uris": ["http://127.0.0.1:47013/callback"], "token_endpoint_auth_method": "none" });
    let registered = connection.exchange(&post(port, "/t/demo/register", "application/json", &metadata.to_string(), "")).await?;
    let client = registered.member("client_id")?;
    let mut tokens = Vec::new();
    for _ in 0..count {
        tokens.push(refresh_token(port, &client).await?);
    }
    Ok((client, tokens))
}

async fn refresh_token(port: u16, client: &str) -> Fallible<String> {
    let mut connection = Connection::to(address(port)).await?;
    let resource = format!("http%3A%2F%2F127.0.0.1%3A{port}%2Fmcp%2Fbank");
    let mut next = format!(
        "/t/demo/authorize?response_type=code&client_id={client}&redirect_uri={BACK}&code_challenge={CHALLENGE}&code_challenge_method=S256&resource={resource}&scope=bank%3Aread"
    );
    let mut jar: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..20 {
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = if cookies.is_empty() { String::new() } else { format!("cookie: {}\r\n", cookies.join("; ")) };
        let request = format!("GET {next} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{cookies}\r\n");
        let answer = connection.exchange(request.as_bytes()).await?;
        keep(&mut jar, &answer);
        let location = answer.header("location").ok_or_else(|| format!("the way ended: {}{}", answer.head, answer.text()))?;
        if let Some((_, query)) = location.split_once("/callback?").filter(|_| location.contains(":47013")) {
            let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").ok_or("no code")?.1.into_owned();
            let form = format!("grant_type=authorization_code&code={code}&redirect_uri={BACK}&code_verifier={VERIFIER}&client_id={client}");
            let redeemed = connection.exchange(&post(port, "/t/demo/token", "application/x-www-form-urlencoded", &form, "")).await?;
            return redeemed.member("refresh_token");
        }
        next = location.strip_prefix(&format!("http://127.0.0.1:{port}")).unwrap_or(location).to_owned();
    }
    Err("too many redirects".into())
}

fn keep(jar: &mut BTreeMap<String, String>, answer: &Answer) {
    for line in answer.head.lines() {
        let Some((name, rest)) =
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).and_then(|(_, value)| value.split_once('='))
        else {
            continue;
        };
        jar.insert(name.trim().to_owned(), rest.split(';').next().unwrap_or_default().to_owned());
    }
}

/// A request with a body, and further headers, each with its line's end.
pub fn post(port: u16, path: &str, kind: &str, body: &str, headers: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}
