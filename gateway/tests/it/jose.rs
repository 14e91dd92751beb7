//! The JWS rows at the gateway: tokens that the issuer's own key signed and that are refused for their form alone.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Forge, Site, Tokens};
use serde_json::{Value, json};

use crate::tokens::{changed, refused, taken, with};
use crate::upstream::Upstream;

/// What each test needs: a site, what lies behind it, somebody's tokens, and the issuer's own key.
struct Scene {
    site: Site,
    upstream: Upstream,
    tokens: Tokens,
    own: Forge,
}

impl Scene {
    async fn new() -> Self {
        let site = Site::on_sqlite().await;
        let upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let own = site.forge().await;
        let mut scene = Self { site, upstream, tokens, own };
        // What is refused below is refused for what is changed, for unchanged it is taken.
        scene.taken(scene.own.token(&scene.tokens.claims())).await;
        scene
    }

    async fn taken(&mut self, token: String) {
        taken(&mut self.upstream, &with(&self.tokens, token)).await;
    }

    async fn refused(&mut self, token: String) {
        refused(&mut self.upstream, &with(&self.tokens, token)).await;
    }

    /// The same claims under a header with these changes.
    fn with_header(&self, changes: &Value) -> String {
        self.own.signed(&changed(&self.own.header(), changes).to_string(), &self.tokens.claims().to_string())
    }

    async fn counted(&self, reason: &str) -> u64 {
        self.site.summarise().await;
        self.site.audit().await.counted(reason)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_01_a_signature_is_64_bytes_and_none_of_them_for_nothing() {
    let mut scene = Scene::new().await;
    let token = scene.own.token(&scene.tokens.claims());
    let (message, signature) =
        token.rsplit_once('.').map(|(message, signature)| (message.to_owned(), signature.to_owned())).expect("parts");
    let zeros = |count: usize| format!("{message}.{}", "A".repeat(count));

    for bad in [
        zeros(86),
        zeros(2),
        zeros(88),
        format!("{message}.{}", &signature[..85]),
        format!("{message}.{}", &signature[..43]),
        format!("{message}.{signature}AAAA"),
        format!("{message}.{signature}=="),
        format!("{message}.{signature}="),
        format!("{message}.{signature}."),
    ] {
        scene.refused(bad).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_02_extensions_are_refused() {
    let mut scene = Scene::new().await;

    for changes in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": true }),
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A256GCM" }),
    ] {
        scene.refused(scene.with_header(&changes)).await;
    }

    assert_eq!(scene.counted("malformed_token").await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_02_doubled_members_and_trailing_data_are_refused() {
    let mut scene = Scene::new().await;
    let (header, claims) = (scene.own.header().to_string(), scene.tokens.claims().to_string());
    let doubled = |json: &str, member: &str| format!("{{{member},{}", &json[1..]);
    let nested = changed(&scene.tokens.claims(), &json!({ "x": "HERE" })).to_string().replace("\"HERE\"", r#"{"a":1,"a":2}"#);

    for (header, claims) in [
        (doubled(&header, r#""alg":"ES256""#), claims.clone()),
        (doubled(&header, r#""kid":"other""#), claims.clone()),
        (doubled(&header, r#""typ":"JWT""#), claims.clone()),
        (doubled(&header, r#""t\u0079p":"JWT""#), claims.clone()),
        (header.clone(), doubled(&claims, r#""sub":"usr_other""#)),
        (header.clone(), doubled(&claims, r#""aud":"https://other.example""#)),
        (header.clone(), doubled(&claims, r#""exp":99999999999"#)),
        (header.clone(), doubled(&claims, r#""s\u0075b":"usr_other""#)),
        (header.clone(), nested),
        (format!("{header}{{}}"), claims.clone()),
        (format!("{header}x"), claims.clone()),
        (header.clone(), format!("{claims}{{}}")),
        (header.clone(), format!("{claims}\0")),
        (format!("[{header}]"), claims.clone()),
        (header.clone(), format!("[{claims}]")),
        (header.clone(), "null".to_owned()),
    ] {
        scene.refused(scene.own.signed(&header, &claims)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_03_a_key_that_a_token_brings_is_not_trusted_nor_fetched() {
    let mut scene = Scene::new().await;
    let (jwks, claims) = (scene.upstream.url.clone(), scene.tokens.claims().to_string());
    let stranger = Forge::stranger(&scene.own.kid);

    for brings in [
        json!({ "jwk": stranger.jwk() }),
        json!({ "jwk": stranger.jwk(), "kid": null }),
        json!({ "jku": jwks }),
        json!({ "jku": jwks, "kid": "theirs" }),
        json!({ "x5u": jwks }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "kid": jwks }),
    ] {
        // Were a key fetched, the upstream would hear of it, which `refused` does not forgive.
        let header = changed(&stranger.header(), &brings).to_string();
        scene.refused(stranger.signed(&header, &claims)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_04_a_kid_is_compared_and_nothing_else() {
    let mut scene = Scene::new().await;

    for kid in [
        "",
        "x",
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "x' UNION SELECT 'AA'; --",
        "*)(uid=*",
        "key_\0",
        &"k".repeat(129),
        &"k".repeat(10_000),
        &scene.own.kid.to_uppercase(),
        &format!("{} ", scene.own.kid.clone()),
    ] {
        scene.refused(scene.with_header(&json!({ "kid": kid }))).await;
    }
    scene.refused(scene.with_header(&json!({ "kid": 1 }))).await;
    scene.refused(scene.with_header(&json!({ "kid": [scene.own.kid] }))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_06_a_token_has_an_end_and_no_far_one() {
    let mut scene = Scene::new().await;
    let claims = scene.tokens.claims();
    let now = scene.site.now().seconds();

    for changes in [
        json!({ "exp": null }),
        json!({ "exp": now.to_string() }),
        json!({ "exp": "never" }),
        json!({ "exp": f64::MAX }),
        json!({ "exp": i64::MAX }),
        json!({ "exp": u64::MAX }),
        // No token of ours lives for more than an hour.
        json!({ "iat": now, "exp": now + 3601 }),
        json!({ "iat": now - 86_400, "exp": now + 60 }),
        json!({ "iat": i64::MIN, "exp": now + 60 }),
        // Clocks may differ by a minute and no more.
        json!({ "iat": now + 120, "exp": now + 300 }),
        json!({ "iat": null }),
        json!({ "iat": "now" }),
    ] {
        scene.refused(scene.own.token(&changed(&claims, &changes))).await;
    }
    scene.taken(scene.own.token(&changed(&claims, &json!({ "iat": now + 30, "exp": now + 300 })))).await;
    // Refused before its time is not refused for ever.
    let early = scene.own.token(&changed(&claims, &json!({ "iat": now + 120, "exp": now + 400 })));
    scene.refused(early.clone()).await;
    scene.site.turn(Duration::from_secs(90));
    scene.taken(early).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_07_a_token_too_long_to_be_one_is_not_read() {
    let mut scene = Scene::new().await;
    let padded = |length: usize| changed(&scene.tokens.claims(), &json!({ "x": "x".repeat(length) }));
    let (large, larger) = (scene.own.token(&padded(8_000)), scene.own.token(&padded(13_000)));
    assert!(large.len() < 16 * 1024 && larger.len() > 16 * 1024);

    scene.taken(large).await;
    scene.refused(larger).await;
}
