//! A resource that takes bound tokens alone.

use std::sync::Arc;
use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Answer, ProofKey, Site};
use http::Method;
use http::header::WWW_AUTHENTICATE;
use serde_json::json;

use crate::dpop::Bound;
use crate::sessions::session_at;
use crate::tokens::changed;
use crate::upstream::{done, resource};
use crate::wire;

const ALGS: &str = "DPoP algs=\"ES256 EdDSA RS256 PS256\", ";

async fn demanding(site: Site) -> Bound {
    let bound = Bound::new(site).await;
    bound.site.apply(|file| resource(file, BANK)["dpop"] = json!("required")).await;
    bound
}

/// The challenge, which is one line and of one scheme.
fn challenge(answer: &Answer) -> String {
    let lines: Vec<_> = answer.headers.get_all(WWW_AUTHENTICATE).iter().collect();
    let [line] = lines[..] else { panic!("one line: {answer:?}") };
    let line = line.to_str().expect("plain ASCII");
    assert!(!line.contains("Bearer "), "{line}");
    line.strip_prefix(ALGS).unwrap_or_else(|| panic!("{line}")).to_owned()
}

chancery_testkit::both_stores! {
    async fn pr_05_a_bearer_token_is_refused_with_a_challenge_for_dpop(site: Site) {
        let mut bound = demanding(site).await;
        let site = bound.site.clone();
        let metadata = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp/bank\", scope=\"bank:read\"", site.base());

        let mut mcp = bound.tokens.mcp(BANK);
        let unbound = bound.upstream.left_alone(mcp.send("tools/list", json!({}))).await;
        assert!(unbound.challenged("invalid_token").challenge("error_description").is_some_and(|words| words.contains("bound to a key")));
        assert!(challenge(&unbound.0).starts_with("error=\"invalid_token\", "));
        let as_bearer = bound.upstream.left_alone(bound.bearer().send("tools/list", json!({}))).await;
        assert!(challenge(as_bearer.challenged("invalid_token")).ends_with(&metadata));
        mcp.token = None;
        let nobody = bound.upstream.left_alone(mcp.send("tools/list", json!({}))).await;
        assert_eq!(challenge(nobody.0.has_status(401)), metadata);
        mcp.token = Some("a.b.c".to_owned());
        let garbage = bound.upstream.left_alone(mcp.send("tools/list", json!({}))).await;
        assert!(challenge(garbage.challenged("invalid_token")).starts_with("error=\"invalid_token\", "));

        let document = site.program().get(&nobody.0.challenge("resource_metadata").expect("an address")).await.has_status(200).json();
        assert_eq!(document["dpop_bound_access_tokens_required"], true);
        assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA", "RS256", "PS256"]));
        let log = site.audit().await;
        let events = log.of_kind("call_refused");
        let reasons: Vec<_> = events.iter().map(|event| (&*event.fields["reason"], &*event.fields["row"])).collect();
        assert_eq!(reasons, [("unbound_token", "PR-05"), ("bound_token_as_bearer", "DP-04")]);
    }

    async fn pr_05_from_the_challenge_to_the_call_a_client_has_one_key(site: Site) {
        site.apply(|file| resource(file, BANK)["dpop"] = json!("required")).await;
        let (key, app) = (Arc::new(ProofKey::generate()), site.app(PUBLIC_CLIENT));
        let obtained = async |scope: &str| {
            let code = site.ask(PUBLIC_CLIENT).scope(scope).approved_by(ALICE).await;
            code.redeem_proving(&app, &[("dpop", &key.asking(&site))], &[]).await.granted()
        };
        let challenged = site.program().get(&site.url(BANK)).await;
        let document = site.program().get(&challenged.challenge("resource_metadata").expect("an address")).await.has_status(200).json();
        assert_eq!(document["dpop_bound_access_tokens_required"], true);

        let tokens = obtained("bank:read").await;
        let mut mcp = tokens.mcp(BANK).proving(&key, &site);
        mcp.call("account_balance", json!({})).await.answered();
        tokens.mcp(BANK).call("account_balance", json!({})).await.challenged("invalid_token");
        challenge(mcp.call("transfer", json!({ "to": "bob", "amount": 5 })).await.challenged("insufficient_scope"));

        // The session is the subject's and the client's, and goes on with the next token, and the next.
        let session = mcp.session.clone().expect("a session");
        let more = obtained("bank:read bank:transfer").await;
        mcp.token = Some(more.access.clone());
        mcp.call("transfer", json!({ "to": "bob", "amount": 5 })).await.answered();
        site.turn(Duration::from_secs(301));
        mcp.call("account_balance", json!({})).await.challenged("invalid_token");
        let refreshed = more.refresh_proving(&app, &[("dpop", &key.asking(&site))], &[]).await.granted();
        mcp.token = Some(refreshed.access);
        mcp.call("account_balance", json!({})).await.answered();
        assert_eq!(mcp.session, Some(session));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_05_a_client_with_a_key_has_its_session_its_calls_and_its_stream() {
    let mut bound = demanding(Site::on_sqlite().await).await;
    let mut mcp = bound.proving();
    mcp.session = Some(session_at(&mut bound.upstream, &mcp).await);

    let call = mcp.send("tools/call", json!({ "name": "account_balance" }));
    let called = bound.upstream.answers(call, |heard| {
        assert_eq!((heard.header("dpop"), heard.header("mcp-session-id")), (None, Some("the-upstream-s-own-id")));
        heard.done();
    });
    called.await.answered();

    let (mut coming, rest) = tokio::join!(wire::get(&mcp), async { bound.upstream.heard().await.streams() });
    assert_eq!(coming.response.status(), 200);
    // Its proof is too old by now, and it goes on: the token was shown when it began.
    bound.site.turn(Duration::from_secs(120));
    rest.event(&done(&json!(7))).await;
    assert!(coming.piece().await.contains("\"result\""));

    // The session is theirs by their token, so it opens nothing without a proof.
    let mut stolen = bound.bearer();
    stolen.session.clone_from(&mcp.session);
    bound.upstream.left_alone(stolen.send("tools/call", json!({ "name": "account_balance" }))).await.challenged("invalid_token");
    let get = stolen.request(Method::GET).body(bytes::Bytes::new()).expect("a request");
    challenge(bound.upstream.left_alone(bound.site.program().send(get)).await.challenged("invalid_token"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_05_a_step_up_is_asked_for_by_the_same_scheme() {
    let mut bound = demanding(Site::on_sqlite().await).await;
    bound.site.apply(|file| resource(file, BANK)["tools"]["account_balance"]["sign_in"] = json!({ "max_age": "5m" })).await;
    let called = bound.upstream.left_alone(bound.proving().send("tools/call", json!({ "name": "transfer" }))).await;
    let said = challenge(called.challenged("insufficient_scope"));
    assert!(said.starts_with("error=\"insufficient_scope\", ") && said.ends_with("scope=\"bank:read bank:transfer\""), "{said}");

    // A token for more, by the same key.
    let code = bound.site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_by(ALICE).await;
    let proof = bound.key.asking(&bound.site);
    let more = code.redeem_proving(&bound.site.app(PUBLIC_CLIENT), &[("dpop", &proof)], &[]).await.granted();
    bound.token = more.access.clone();
    let mcp = bound.proving();
    let call = mcp.send("tools/call", json!({ "name": "transfer" }));
    bound.upstream.answers(call, |heard| heard.done()).await.answered();

    let old = changed(&more.claims(), &json!({ "auth_time": bound.site.now().seconds() - 301 }));
    bound.token = bound.site.forge().await.token(&old);
    let called = bound.upstream.left_alone(bound.proving().send("tools/call", json!({ "name": "account_balance" }))).await;
    assert!(challenge(called.challenged("insufficient_user_authentication")).ends_with("max_age=\"300\""));
}
