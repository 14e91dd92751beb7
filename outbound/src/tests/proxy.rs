//! A real CONNECT proxy on loopback, which leads to loopback alone.

use std::sync::{Arc, Mutex};

use chancery_core::Secret;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::rebinding::Script;
use super::server::{AUTHORITY, Server, ok};
use super::*;
use crate::{DialError, FetchTrouble, Proxy, Purpose};

pub struct Tunnels {
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    /// A proxy that asks for these credentials, as they stand behind `Basic`, unless they are empty.
    pub async fn start(credentials: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, credentials, heard.clone()));
            }
        });
        Self { address, asked }
    }

    /// What CONNECT named, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[expect(clippy::disallowed_methods, reason = "the proxy is what goes out here")]
async fn tunnel(stream: TcpStream, credentials: &str, asked: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let (mut line, mut authorized) = (String::new(), credentials.is_empty());
    stream.read_line(&mut line).await.unwrap();
    let to = line.strip_prefix("CONNECT ").and_then(|rest| rest.strip_suffix(" HTTP/1.1\r\n")).unwrap_or("").to_owned();
    asked.lock().unwrap().push(to.clone());
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end().split_once(": ") {
            Some(("Proxy-Authorization", value)) => authorized |= value == format!("Basic {credentials}"),
            Some(_) => {}
            None => break,
        }
    }
    if !authorized {
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n").await;
        return;
    }
    let upstream = if to.starts_with("localhost:") || to.starts_with("127.0.0.1:") {
        TcpStream::connect(to.replace("localhost", "127.0.0.1")).await.ok()
    } else if let Some(port) = to.strip_prefix("app.example:") {
        TcpStream::connect(format!("127.0.0.1:{port}")).await.ok()
    } else {
        None
    };
    let Some(mut upstream) = upstream else {
        let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
        return;
    };
    stream.write_all(b"HTTP/1.1 200 Connection established\r\nvia: 1.1 proxy\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut upstream).await;
}

fn fetcher_by(proxy: Proxy) -> Fetcher {
    let settings = Settings { extra_ca_files: vec![AUTHORITY.into()], proxy: Some(proxy), ..Settings::of(Reach::Anywhere) };
    Fetcher::new(&Dialer::new(&settings).unwrap())
}

#[tokio::test]
async fn https_goes_through_the_proxy_and_proves_the_hosts_name() {
    let (server, proxy) = (Server::https(ok("", "{}")).await, Tunnels::start("").await);
    let fetcher = fetcher_by(Proxy::at(&proxy.address).unwrap());
    let fetched = fetcher.get(Purpose::ProviderMetadata, &format!("https://app.example:{}/x", server.port)).await.unwrap();
    assert_eq!(&fetched.body[..], b"{}");
    assert_eq!(proxy.asked(), [format!("app.example:{}", server.port)], "by its name: nobody but the proxy may know it");
}

#[tokio::test]
async fn an_address_of_this_computer_an_exception_and_plain_http_go_directly() {
    let (server, plain, proxy) = (Server::https(ok("", "{}")).await, Server::answering(ok("", "{}")).await, Tunnels::start("").await);
    let settings = Settings {
        extra_ca_files: vec![AUTHORITY.into()],
        proxy: Some(Proxy::at(&proxy.address).unwrap().except("app.example").unwrap()),
        ..Settings::of(Reach::Anywhere)
    };
    let here: &[&str] = &["127.0.0.1"];
    let fetcher = Fetcher::new(&Dialer::new(&settings).unwrap().on(Script::saying(&[here, here], None)));
    assert!(fetcher.get(Purpose::ProviderMetadata, &format!("https://localhost:{}/x", server.port)).await.is_ok());
    assert!(fetcher.get(Purpose::ProviderMetadata, &plain.base).await.is_ok());
    assert!(fetcher.get(Purpose::ProviderMetadata, &format!("https://app.example:{}/x", server.port)).await.is_ok());
    assert!(proxy.asked().is_empty());
}

#[tokio::test]
async fn a_proxy_is_told_who_we_are_and_says_when_it_does_not_believe_it() {
    const ALADDIN: &str = "QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    let (server, proxy) = (Server::https(ok("", "{}")).await, Tunnels::start(ALADDIN).await);
    let url = format!("https://app.example:{}/x", server.port);
    let with = |credentials: Option<&str>| {
        let credentials = credentials.map(|text| Secret::new(text.to_owned()));
        fetcher_by(Proxy::at(&proxy.address).unwrap().with_credentials(credentials))
    };
    assert!(with(Some("Aladdin:open sesame")).get(Purpose::ProviderMetadata, &url).await.is_ok());
    for (credentials, words) in [(None, "proxy_credentials"), (Some("Aladdin:close"), "does not take our credentials")] {
        let refused = with(credentials).get(Purpose::ProviderMetadata, &url).await.err().unwrap().to_string();
        assert!(refused.contains(words) && !refused.contains("Aladdin"), "{refused}");
    }
}

#[tokio::test]
async fn a_proxy_that_answers_nonsense_is_told() {
    for (answer, words) in [
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
        ("", "hung up"),
        (&"x".repeat(20_000), "does not end"),
    ] {
        let nonsense = Server::answering(answer).await;
        let refused = fetcher_by(Proxy::at(&nonsense.base).unwrap()).get(Purpose::ProviderMetadata, "https://app.example/x").await;
        let refused = refused.err().unwrap();
        assert!(matches!(&refused.trouble, FetchTrouble::Dial(DialError::Proxy { why, .. }) if why.contains(words)), "{refused}");
    }
}
