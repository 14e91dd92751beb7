//! Tokens that are bound to a key, at a resource that takes others too: they are of use with a proof, and so is a proof with them alone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_crypto::digest;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Called, Mcp, ProofKey, Site, Tokens};
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{Method, Request, header};
use serde_json::{Value, json};

use crate::tokens::{changed, taken, with};
use crate::upstream::Upstream;

/// Somebody's token, bound to a key, and what lies behind.
pub struct Bound {
    pub site: Site,
    pub upstream: Upstream,
    pub tokens: Tokens,
    pub key: Arc<ProofKey>,
    pub token: String,
}

impl Bound {
    pub async fn new(site: Site) -> Self {
        let upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let key = Arc::new(ProofKey::generate());
        let claims = changed(&tokens.claims(), &json!({ "cnf": { "jkt": key.jkt() } }));
        let token = site.forge().await.token(&claims);
        Self { site, upstream, tokens, key, token }
    }

    pub fn url(&self) -> String {
        self.site.url(BANK)
    }

    /// A client that has the key.
    pub fn proving(&self) -> Mcp {
        self.bearer().proving(&self.key, &self.site)
    }

    /// A client that has the token alone.
    pub fn bearer(&self) -> Mcp {
        with(&self.tokens, self.token.clone())
    }

    /// A proof for a POST with the token, but for these claims.
    fn proof(&self, changes: &Value) -> String {
        let good = self.key.claims("POST", &self.url(), self.site.now());
        let ath = json!({ "ath": ath(&self.token) });
        self.key.signed(&self.key.header(), &changed(&changed(&good, &ath), changes))
    }

    /// A request that shows this token by this scheme, with these proofs, wherever it says that it goes.
    fn list(&self, (scheme, token): (&str, &str), proofs: &[&str], more: &[(&str, &str)]) -> Request<Bytes> {
        let mut request = Request::builder().method(Method::POST).uri(self.url());
        let fixed = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        for (name, value) in fixed.iter().chain(more) {
            request = request.header(*name, *value);
        }
        request = request.header(AUTHORIZATION, format!("{scheme} {token}"));
        for proof in proofs {
            request = request.header("dpop", *proof);
        }
        request.body(Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)).expect("a request")
    }

    async fn refused(&mut self, request: Request<Bytes>, error: &str) -> String {
        let answer = self.upstream.left_alone(self.site.program().send(request)).await;
        answer.challenged(error);
        assert!(!answer.text().contains(&self.token), "{answer:?}");
        answer.challenge("error_description").expect("a refusal says what to do")
    }

    async fn taken(&mut self, request: Request<Bytes>) {
        let program = self.site.program();
        let answered = self.upstream.answers(program.send(request), |heard| {
            // Neither the token nor its proof is the upstream's business.
            assert_eq!(heard.header("dpop"), None);
            assert!(!heard.headers.values().any(|value| value.as_bytes().starts_with(b"DPoP")));
            heard.done();
        });
        Called(answered.await).answered();
    }

    /// How often each of these was why an event says that somebody was refused.
    async fn reasons(&self) -> Vec<(String, String)> {
        let log = self.site.audit().await;
        log.of_kind("call_refused").iter().map(|event| (event.fields["reason"].clone(), event.fields["row"].clone())).collect()
    }
}

/// SHA-256 of a token, as proofs name it.
fn ath(token: &str) -> String {
    digest::base64url(&digest::sha256(token.as_bytes()))
}

chancery_testkit::both_stores! {
    async fn dp_04_a_bound_token_is_good_with_a_proof_and_is_no_bearer_token(site: Site) {
        let mut bound = Bound::new(site).await;
        let mcp = bound.proving();
        taken(&mut bound.upstream, &mcp).await;
        bound.taken(bound.list(("DPoP", &bound.token), &[&bound.proof(&json!({}))], &[])).await;

        // Known by now, and still nobody's who merely holds it; nor does a proof help that another scheme does not speak of.
        let proof = bound.proof(&json!({}));
        for proofs in [&[][..], &[proof.as_str()]] {
            let request = bound.list(("Bearer", &bound.token), proofs, &[]);
            let words = bound.refused(request, "invalid_token").await;
            assert!(words.contains("DPoP"), "{words}");
        }

        let log = bound.site.audit().await;
        let refused = log.of_kind("call_refused");
        assert_eq!(refused.len(), 2);
        log.last(ALICE).is("call_refused").says("reason", "bound_token_as_bearer").says("row", "DP-04").names(PUBLIC_CLIENT).names(BANK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dp_04_a_challenge_begins_with_bearer_and_says_of_what_scheme_it_complains() {
    let mut bound = Bound::new(Site::on_sqlite().await).await;
    let line = |answer: &chancery_testkit::Answer| {
        let lines: Vec<_> = answer.headers.get_all(WWW_AUTHENTICATE).iter().collect();
        assert_eq!(lines.len(), 1, "{answer:?}");
        lines[0].to_str().expect("plain ASCII").to_owned()
    };

    let as_bearer = bound.upstream.left_alone(bound.bearer().send("tools/list", json!({}))).await;
    let line_of_bearer = line(&as_bearer.0);
    assert!(line_of_bearer.starts_with("Bearer error=\"invalid_token\""), "{line_of_bearer}");
    assert!(line_of_bearer.ends_with(", DPoP algs=\"ES256 EdDSA RS256 PS256\""), "{line_of_bearer}");

    let without = bound.list(("DPoP", &bound.token), &[], &[]);
    let without = bound.upstream.left_alone(bound.site.program().send(without)).await;
    let line_of_dpop = line(&without);
    let (bearer, dpop) = line_of_dpop.split_once(", DPoP algs=\"ES256 EdDSA RS256 PS256\", ").expect("two challenges");
    assert!(bearer.starts_with("Bearer resource_metadata=\"") && !bearer.contains("error"), "{line_of_dpop}");
    assert!(
        dpop.starts_with("error=\"invalid_dpop_proof\", ") && dpop.contains("resource_metadata=\"") && dpop.contains("scope=\""),
        "{dpop}"
    );

    // What is not about proofs is told as ever.
    let mut nobody = bound.tokens.mcp(BANK);
    nobody.token = None;
    let line_of_nobody = line(&bound.upstream.left_alone(nobody.send("tools/list", json!({}))).await.0);
    assert!(line_of_nobody.starts_with("Bearer resource_metadata=\"") && !line_of_nobody.contains("DPoP"), "{line_of_nobody}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dp_04_the_scheme_wants_a_bound_token_and_a_proof_of_its_key_for_it() {
    let mut bound = Bound::new(Site::on_sqlite().await).await;
    let (token, unbound) = (bound.token.clone(), bound.tokens.access.clone());
    let other = ProofKey::generate();
    let proof = |key: &ProofKey, token: &str| key.proof_with(token, ("POST", &bound.url()), bound.site.now());
    let (by_other, for_unbound, for_other) = (proof(&other, &token), proof(&bound.key, &unbound), proof(&bound.key, "another"));
    let without_ath = bound.key.proof("POST", &bound.url(), bound.site.now());

    for (shown, proofs, error) in [
        (&token, vec![], "invalid_dpop_proof"),
        (&token, vec![&for_other], "invalid_dpop_proof"),
        (&token, vec![&for_unbound], "invalid_dpop_proof"),
        (&token, vec![&without_ath], "invalid_dpop_proof"),
        (&token, vec![&by_other], "invalid_token"),
        (&unbound, vec![&for_unbound], "invalid_token"),
        (&unbound, vec![], "invalid_token"),
    ] {
        let proofs: Vec<&str> = proofs.into_iter().map(String::as_str).collect();
        bound.refused(bound.list(("DPoP", shown), &proofs, &[]), error).await;
    }

    // A token that is no good is told so, whatever comes with it, and is nobody's.
    let garbage = bound.list(("DPoP", "a.b.c"), &[&bound.proof(&json!({}))], &[]);
    bound.refused(garbage, "invalid_token").await;
    let reasons: Vec<String> = bound.reasons().await.into_iter().map(|(reason, row)| format!("{reason} {row}")).collect();
    let (ath, unbound) = ("proof_for_another_token DP-04", "unbound_token_with_proof DP-04");
    assert_eq!(reasons, ["no_proof DP-04", ath, ath, ath, "proof_by_another_key DP-04", unbound, unbound]);
    bound.site.summarise().await;
    assert_eq!(bound.site.audit().await.counted("malformed_token"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dp_02_a_proof_is_one_and_of_this_request_and_of_now() {
    let mut bound = Bound::new(Site::on_sqlite().await).await;
    let now = bound.site.now().seconds();
    let (url, good) = (bound.url(), bound.proof(&json!({})));
    let two = [good.as_str(), &bound.proof(&json!({}))];
    bound.refused(bound.list(("DPoP", &bound.token), &two, &[]), "invalid_dpop_proof").await;
    bound.refused(bound.list(("DPoP", &bound.token), &[&good, &good], &[]), "invalid_dpop_proof").await;

    for changes in [
        json!({ "htm": "GET" }),
        json!({ "htm": "post" }),
        json!({ "htm": null }),
        json!({ "htu": format!("{url}/") }),
        json!({ "htu": bound.site.base() }),
        json!({ "htu": url.replace("/bank", "/exchange") }),
        json!({ "htu": null }),
        json!({ "iat": now - 62 }),
        json!({ "iat": now + 62 }),
        json!({ "iat": null }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
    ] {
        let proof = bound.proof(&changes);
        bound.refused(bound.list(("DPoP", &bound.token), &[&proof], &[]), "invalid_dpop_proof").await;
    }
    for header in [json!({ "typ": "JWT" }), json!({ "alg": "none" }), json!({ "alg": "HS256" }), json!({ "jwk": null })] {
        let claims = changed(&bound.key.claims("POST", &url, bound.site.now()), &json!({ "ath": ath(&bound.token) }));
        let proof = bound.key.signed(&changed(&bound.key.header(), &header), &claims);
        bound.refused(bound.list(("DPoP", &bound.token), &[&proof], &[]), "invalid_dpop_proof").await;
    }
    // None of that was used up, and it was refused for what was changed.
    bound.taken(bound.list(("DPoP", &bound.token), &[&good], &[])).await;
    for changes in [json!({ "iat": now - 58 }), json!({ "iat": now + 58 }), json!({ "htu": format!("{url}?page=1#x") })] {
        let proof = bound.proof(&changes);
        bound.taken(bound.list(("DPoP", &bound.token), &[&proof], &[])).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dp_02_a_proof_is_used_once() {
    let mut bound = Bound::new(Site::on_sqlite().await).await;
    let ahead = bound.site.now().seconds() + 30;
    let proof = bound.proof(&json!({ "iat": ahead, "jti": "once" }));
    bound.taken(bound.list(("DPoP", &bound.token), &[&proof], &[])).await;

    let words = bound.refused(bound.list(("DPoP", &bound.token), &[&proof], &[]), "invalid_dpop_proof").await;
    assert!(words.contains("used before"), "{words}");
    // Under the same name, another is the same.
    let again = bound.proof(&json!({ "jti": "once" }));
    bound.refused(bound.list(("DPoP", &bound.token), &[&again], &[]), "invalid_dpop_proof").await;
    // As long as it could be good.
    bound.site.turn(Duration::from_secs(89));
    let words = bound.refused(bound.list(("DPoP", &bound.token), &[&proof], &[]), "invalid_dpop_proof").await;
    assert!(words.contains("used before"), "{words}");
    bound.site.turn(Duration::from_secs(3));
    let words = bound.refused(bound.list(("DPoP", &bound.token), &[&proof], &[]), "invalid_dpop_proof").await;
    assert!(words.contains("older than a minute"), "{words}");

    let reasons = bound.reasons().await;
    let reason = |reason: &str| (reason.to_owned(), "DP-02".to_owned());
    assert_eq!(reasons, [reason("used_proof"), reason("used_proof"), reason("used_proof"), reason("bad_proof")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dp_07_a_proof_is_for_the_address_in_the_file_whoever_says_otherwise() {
    let mut bound = Bound::new(Site::on_sqlite().await).await;
    let port = bound.site.base().rsplit(':').next().expect("a port").to_owned();
    let (host, far) = (format!("localhost:{port}"), "gw.elsewhere.example");
    let by_host = format!("http://{host}/mcp/bank");
    let forwarded = format!("https://{far}/mcp/bank");
    let said = [
        (HOST.as_str(), host.as_str()),
        ("x-forwarded-host", far),
        ("x-forwarded-proto", "https"),
        (header::FORWARDED.as_str(), "host=gw.elsewhere.example;proto=https"),
    ];

    let proof = bound.proof(&json!({}));
    bound.taken(bound.list(("DPoP", &bound.token), &[&proof], &said)).await;
    for htu in [&by_host, &forwarded] {
        let proof = bound.proof(&json!({ "htu": htu }));
        let words = bound.refused(bound.list(("DPoP", &bound.token), &[&proof], &said), "invalid_dpop_proof").await;
        assert!(words.contains("htu"), "{words}");
    }

    assert_eq!(bound.reasons().await, vec![("proof_for_another_url".to_owned(), "DP-07".to_owned()); 2]);
}
