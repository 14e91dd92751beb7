use chancery_core::{Actor, AgentId, Entropy, GrantId};
use chancery_crypto::jose::SigningKey;
use chancery_crypto::random::SystemRng;
use serde_json::{Value, json};

use super::*;
use crate::bearer::{By, NotOne};
use crate::site::{BANK, LIFE, NOW, Site, claims, commit, issuer, new_tenant, url};
use crate::{EndedKind, end_of, first_keys};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
const EXCHANGE: &str = "https://gw.example/mcp/exchange";

/// A gateway's view: one verifier, and where the token is presented.
struct Gateway {
    site: Site,
    verifier: Verifier,
    ended: Ended,
    issuer: Issuer,
}

impl Gateway {
    async fn new() -> Self {
        let site = Site::new().await;
        let ended = Ended::default();
        Self { verifier: Verifier::new(site.keyring.clone(), ended.clone()), ended, issuer: issuer(), site }
    }

    fn bank(&self, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        self.at(BANK, token, now)
    }

    fn at(&self, resource: &str, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        self.by(Algorithm::Es256, resource, token, now)
    }

    fn by(&self, algorithm: Algorithm, resource: &str, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        let at = At { tenant: self.site.tenant, issuer: &self.issuer, resource: &url(resource), algorithm, dpop: Dpop::Optional };
        self.verifier.verify_at(&at, token, now)
    }

    /// As after a restart of the node: nothing is remembered, nothing has ended.
    fn start_again(&mut self) {
        self.ended = Ended::default();
        self.verifier = Verifier::new(self.site.keyring.clone(), self.ended.clone());
    }

    /// What is said of a token whose claims were changed before our own key signed it.
    fn of_claims(&self, change: impl FnOnce(&mut Value)) -> &'static str {
        let mut json = serde_json::to_value(claims()).expect("claims have a JSON form");
        change(&mut json);
        said(self.bank(&self.site.sign_as("at+jwt", &json), NOW))
    }

    fn end(&self, kind: EndedKind, key: impl ToString, at: Timestamp) {
        self.end_in(&self.site.tenant, kind, key, at);
    }

    fn end_in(&self, tenant: &TenantId, kind: EndedKind, key: impl ToString, at: Timestamp) {
        let (_, change) = end_of(tenant, kind, key, at);
        self.ended.apply(crate::end::from_text(tenant, &change.key).expect("our own text"));
    }
}

/// Our word for what was said of a token; `good` if nothing was wrong.
fn said(verified: Result<Arc<VerifiedToken>, TokenTrouble>) -> &'static str {
    verified.map_or_else(|trouble| trouble.refusal("test").reason, |_| "good")
}

#[tokio::test]
async fn what_is_remembered_of_long_tokens_has_a_measure() {
    let gateway = Gateway::new().await;
    let mut claims = claims();
    claims.roles = (0..300).map(|role| format!("role-{role:027}")).collect();
    let token = gateway.bank(&gateway.site.sign(&claims), NOW).expect("a good token");
    let presented = 900_u64;
    for number in 0..presented {
        gateway.verifier.remembered.insert(digest::sha256(&number.to_be_bytes()), token.clone());
    }
    let kept = gateway.verifier.remembered.weight();
    assert!(kept <= REMEMBERED_BYTES, "{kept} bytes are kept");
    assert!(kept > REMEMBERED_BYTES / 4 && presented * token.bytes > REMEMBERED_BYTES, "{kept} bytes are kept");
}

#[tokio::test]
async fn at_01_a_good_token_says_who_calls() {
    let gateway = Gateway::new().await;
    let mut claims = claims();
    claims.auth_time = Some(NOW.seconds() - 60);
    claims.acr = Some("urn:acme:mfa".into());
    claims.amr = vec!["pwd".into(), "otp".into()];
    let token = gateway.site.sign(&claims);

    let verified = gateway.bank(&token, NOW).expect("a good token");

    assert_eq!(verified.claims(), &claims);
    assert_eq!(verified.digest(), &digest::sha256(token.as_bytes()));
    let caller = verified.caller();
    assert_eq!((caller.tenant, &caller.subject, &caller.client), (gateway.site.tenant, &claims.sub, &claims.client_id));
    assert_eq!((&caller.scope, &caller.grants, caller.token_digest), (&claims.scope, &claims.grants, *verified.digest()));
    assert_eq!(caller.expires_at, NOW + LIFE);
    let authentication = caller.authentication.as_ref().expect("the sign-in is carried on");
    assert_eq!((authentication.auth_time, authentication.amr.len()), (Some(NOW - SECOND * 60), 2));
}

#[tokio::test]
async fn at_01_time_is_checked_to_the_second() {
    let gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims());
    let last = NOW + LIFE - std::time::Duration::from_millis(1);
    assert_eq!(said(gateway.bank(&token, last)), "good");
    assert_eq!(said(gateway.bank(&token, NOW + LIFE)), "expired_token");
    // A node whose clock is a minute ahead may have issued it; one that is further ahead may not.
    assert_eq!(said(gateway.bank(&token, NOW - SECOND * 60)), "good");
    assert_eq!(said(gateway.bank(&token, NOW - SECOND * 61)), "token_not_yet_valid");
}

#[tokio::test]
async fn at_01_a_foreign_or_tampered_token_is_refused() {
    let gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims());
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let (header, payload) = signed.split_once('.').expect("three parts");
    let foreign = SigningKey::generate(Algorithm::Es256, "key_00000000000000000000000000000000".into()).expect("a key");
    let kid = gateway.bank(&token, NOW).expect("a good token").key().to_string();
    let ours_by_name = SigningKey::generate(Algorithm::Es256, kid.clone()).expect("a key");
    let unsigned = |header: Value| format!("{}.{payload}.", digest::base64url(header.to_string().as_bytes()));
    let with_header = |header: Value| format!("{}.{payload}.{signature}", digest::base64url(header.to_string().as_bytes()));

    #[rustfmt::skip]
    let table = [
        ("garbage",            "opaque".to_owned(),                                                    "malformed_token"),
        ("nothing",            String::new(),                                                          "malformed_token"),
        ("four parts",         format!("{token}.x"),                                                   "malformed_token"),
        ("another payload",    format!("{header}.{}.{signature}", digest::base64url(json!({"iss": issuer(), "sub": "bob"}).to_string().as_bytes())), "bad_signature"),
        ("another key",        foreign.sign("at+jwt", &claims()).expect("a token"),                    "unknown_key"),
        ("our kid, their key", ours_by_name.sign("at+jwt", &claims()).expect("a token"),               "bad_signature"),
        ("no signature",       unsigned(json!({"typ": "at+jwt", "alg": "ES256", "kid": kid})),         "malformed_token"),
        ("alg none",           with_header(json!({"typ": "at+jwt", "alg": "none", "kid": kid})),       "wrong_algorithm"),
        ("alg HS256",          with_header(json!({"typ": "at+jwt", "alg": "HS256", "kid": kid})),      "wrong_algorithm"),
        ("alg RS256",          with_header(json!({"typ": "at+jwt", "alg": "RS256", "kid": kid})),      "wrong_algorithm"),
        ("alg es256",          with_header(json!({"typ": "at+jwt", "alg": "es256", "kid": kid})),      "wrong_algorithm"),
        ("crit",               with_header(json!({"typ": "at+jwt", "alg": "ES256", "kid": kid, "crit": ["x"]})), "malformed_token"),
        ("no typ",             with_header(json!({"alg": "ES256", "kid": kid})),                       "wrong_type"),
    ];
    for (case, presented, wanted) in table {
        assert_eq!(said(gateway.bank(&presented, NOW)), wanted, "{case}");
    }
    let foreign_issuer = |json: &mut Value| json["iss"] = json!("https://gw.example/t/other");
    assert_eq!(gateway.of_claims(foreign_issuer), "foreign_issuer");
    assert_eq!(gateway.of_claims(|json| json["iss"] = json!("https://gw.example/t/acme/")), "foreign_issuer");
    assert_eq!(gateway.of_claims(|json| json["iss"] = Value::Null), "foreign_issuer");
}

#[tokio::test]
async fn at_02_no_other_artefact_passes_for_an_access_token() {
    let gateway = Gateway::new().await;
    for typ in [
        "JWT",
        "jwt",
        "JOSE",
        "client-authentication+jwt",
        "oauth-id-jag+jwt",
        "txntoken+jwt",
        "dpop+jwt",
        "oauth-client-attestation+jwt",
        "oauth-client-attestation-pop+jwt",
        "wit+jwt",
        "wpt+jwt",
        "logout+jwt",
        "secevent+jwt",
        "statuslist+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "at+jwt+x",
        "",
    ] {
        assert_eq!(said(gateway.bank(&gateway.site.sign_as(typ, &claims()), NOW)), "wrong_type", "{typ}");
    }
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        assert_eq!(said(gateway.bank(&gateway.site.sign_as(typ, &claims()), NOW)), "good", "{typ}");
    }
    let id_token = gateway.site.signer.id_token(&gateway.site.tenant, &claims(), NOW).expect("an ID token");
    assert_eq!(said(gateway.bank(id_token.expose(), NOW)), "wrong_type");
}

#[tokio::test]
async fn jw_06_claims_must_be_there_and_of_their_type() {
    let gateway = Gateway::new().await;
    for claim in ["sub", "aud", "client_id", "scope", "exp", "iat", "jti", "tenant"] {
        let without = |json: &mut Value| drop(json.as_object_mut().expect("an object").remove(claim));
        assert_eq!(gateway.of_claims(without), "malformed_token", "without {claim}");
    }
    assert_eq!(gateway.of_claims(|json| json["exp"] = json!(json["exp"].to_string())), "malformed_token");
    assert_eq!(gateway.of_claims(|json| json["aud"] = json!([BANK, EXCHANGE])), "malformed_token");
    assert_eq!(gateway.of_claims(|json| json["exp"] = json!(NOW.seconds() + 3_601)), "malformed_token");
    assert_eq!(gateway.of_claims(|json| json["exp"] = json!(i64::MAX)), "malformed_token");
    assert_eq!(gateway.of_claims(|json| json["iat"] = json!(i64::MIN)), "malformed_token");
}

#[tokio::test]
async fn pr_03_a_token_for_another_resource_is_refused_and_named() {
    let gateway = Gateway::new().await;
    let claims = claims();
    let token = gateway.site.sign(&claims);
    assert_eq!(said(gateway.bank(&token, NOW)), "good");

    for other in [
        EXCHANGE,
        "https://gw.example/mcp/bank/",
        "https://gw.example/mcp/BANK",
        "https://gw.example/mcp",
        "https://gw.example:443/mcp/bank",
    ] {
        let Err(TokenTrouble::WrongResource(live)) = gateway.at(other, &token, NOW) else { panic!("{other} took it") };
        assert_eq!(live.claims().jti, claims.jti, "{other}");
    }
}

#[tokio::test]
async fn at_05_a_token_by_another_key_of_ours_than_the_resource_s_is_refused_and_named() {
    let gateway = Gateway::new().await;
    gateway.site.write(gateway.site.new_keys(NOW).signing(Algorithm::EdDsa, NOW).await.expect("a new key")).await;
    gateway.site.keyring.reload(&gateway.site.tenant, NOW).await.expect("a reload");
    for (signed, other) in [(Algorithm::Es256, Algorithm::EdDsa), (Algorithm::EdDsa, Algorithm::Es256)] {
        let token = gateway.site.signer.access_token(&gateway.site.tenant, signed, &claims()).expect("a token");
        // The second time it is remembered.
        for _ in 0..2 {
            let Err(TokenTrouble::OtherAlgorithm(live)) = gateway.by(other, BANK, token.expose(), NOW) else { panic!("{other:?}") };
            assert_eq!(live.claims().aud, BANK);
            assert_eq!(said(gateway.by(signed, BANK, token.expose(), NOW)), "good");
        }
        assert_eq!(said(gateway.by(signed, EXCHANGE, token.expose(), NOW)), "wrong_resource");
    }
}

#[tokio::test]
async fn sb_07_the_first_resource_to_see_a_token_need_not_be_its_own() {
    let gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims());
    assert_eq!(said(gateway.at(EXCHANGE, &token, NOW)), "wrong_resource");
    assert_eq!(said(gateway.at(EXCHANGE, &token, NOW)), "wrong_resource");
    assert_eq!(said(gateway.bank(&token, NOW)), "good");
    assert_eq!(said(gateway.at(EXCHANGE, &token, NOW + LIFE)), "expired_token");
}

#[tokio::test]
async fn at_01_a_token_that_one_tenant_knows_is_foreign_to_another() {
    let mut gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims());
    assert_eq!(said(gateway.bank(&token, NOW)), "good");

    // Remembered, and presented under another issuer of the same keys, or to another tenant under the same issuer.
    let home = std::mem::replace(&mut gateway.issuer, Issuer::foreign("https://gw.example/t/other"));
    assert_eq!(said(gateway.bank(&token, NOW)), "foreign_issuer");
    gateway.issuer = home;
    let other = new_tenant();
    let keys = first_keys(&other, &gateway.site.sealer, NOW, &SystemRng).await.expect("new keys");
    commit(&gateway.site.store, other, keys).await;
    gateway.site.keyring.reload(&other, NOW).await.expect("the keys just made");
    gateway.site.tenant = other;
    assert_eq!(said(gateway.bank(&token, NOW)), "foreign_issuer");

    gateway.start_again();
    assert_eq!(said(gateway.bank(&token, NOW)), "unknown_key");
    gateway.issuer = Issuer::foreign("https://gw.example/t/other");
    assert_eq!(said(gateway.bank(&token, NOW)), "foreign_issuer");
}

#[tokio::test]
async fn a_token_is_looked_into_once_and_no_store_is_read() {
    let gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims());
    let reads = gateway.site.store.reads();
    let first = gateway.bank(&token, NOW).expect("a good token");
    let again = gateway.bank(&token, NOW + SECOND).expect("a good token");
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(gateway.site.store.reads(), reads);
}

#[tokio::test]
async fn at_01_a_remembered_token_still_expires() {
    let gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims());
    assert_eq!(said(gateway.bank(&token, NOW)), "good");
    assert_eq!(said(gateway.bank(&token, NOW + LIFE)), "expired_token");
    assert_eq!(said(gateway.bank(&token, NOW)), "good");
}

#[tokio::test]
async fn oa_08_a_remembered_token_is_checked_again_when_something_ended() {
    let gateway = Gateway::new().await;
    let claims = claims();
    let token = gateway.site.sign(&claims);
    let verified = gateway.bank(&token, NOW).expect("a good token");
    assert_eq!(verified.alive_at.load(Ordering::Relaxed), gateway.ended.epoch());

    gateway.end(EndedKind::Grant, GrantId::mint(NOW, &mut Entropy::draw(&SystemRng)), NOW);
    assert_eq!(said(gateway.bank(&token, NOW)), "good");
    assert_eq!(verified.alive_at.load(Ordering::Relaxed), gateway.ended.epoch());

    gateway.end(EndedKind::Grant, claims.grants[0], NOW);
    let ended = gateway.bank(&token, NOW).expect_err("the grant has ended");
    assert!(ended.token().is_none(), "nobody in particular: it is counted, and no event");
    assert_eq!(said(gateway.bank(&token, NOW)), "ended_token");
    assert_eq!(said(gateway.at(EXCHANGE, &token, NOW)), "ended_token");
    assert!(gateway.verifier.has_ended(&verified));
}

#[tokio::test]
async fn each_kind_of_end_refuses_what_was_issued_up_to_it() {
    let mut claims = claims();
    let mut entropy = Entropy::draw(&SystemRng);
    let [current, earlier] = [AgentId::mint(NOW, &mut entropy), AgentId::mint(NOW, &mut entropy)];
    let actor = |agent: AgentId, act| Actor { iss: issuer(), sub: agent.to_string(), sub_profile: Actor::AI_AGENT.into(), act };
    claims.act = Some(actor(current, Some(Box::new(actor(earlier, None)))));
    claims.agent = Some(current);
    claims.grants = (0..3).map(|_| GrantId::mint(NOW, &mut entropy)).collect();
    let before = NOW - std::time::Duration::from_millis(1_001);
    let within = NOW - std::time::Duration::from_millis(1);

    let mut gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims);
    let key = *gateway.bank(&token, NOW).expect("a good token").key();
    #[rustfmt::skip]
    let table = [
        // what ends                                        ended before it was issued, in the second before, as it was
        (EndedKind::Subject, claims.sub.clone(),            ["good",        "ended_token", "ended_token"]),
        (EndedKind::Client,  claims.client_id.to_string(),  ["good",        "ended_token", "ended_token"]),
        (EndedKind::Agent,   current.to_string(),           ["good",        "ended_token", "ended_token"]),
        (EndedKind::Agent,   earlier.to_string(),           ["good",        "ended_token", "ended_token"]),
        (EndedKind::Key,     key.to_string(),               ["ended_token", "ended_token", "ended_token"]),
        (EndedKind::Token,   claims.jti.to_string(),        ["ended_token", "ended_token", "ended_token"]),
        (EndedKind::Tenant,  gateway.site.tenant.to_string(), ["good",      "ended_token", "ended_token"]),
        (EndedKind::Grant,   claims.grants[0].to_string(),  ["ended_token", "ended_token", "ended_token"]),
        (EndedKind::Grant,   claims.grants[2].to_string(),  ["ended_token", "ended_token", "ended_token"]),
        (EndedKind::Subject, current.to_string(),           ["good",        "good",        "good"]),
    ];
    for (kind, key, wanted) in table {
        for (at, wanted) in [before, within, NOW].into_iter().zip(wanted) {
            gateway.start_again();
            gateway.end_in(&new_tenant(), kind, &key, at);
            assert_eq!(said(gateway.bank(&token, NOW)), "good", "{kind:?} {key} of another tenant");
            gateway.end(kind, &key, at);
            assert_eq!(said(gateway.bank(&token, NOW)), wanted, "{kind:?} {key} at {at}");
        }
    }
}

#[tokio::test]
async fn an_agent_that_acts_as_itself_ends_with_its_own_end() {
    let gateway = Gateway::new().await;
    let agent = AgentId::mint(NOW, &mut Entropy::draw(&SystemRng));
    let token = gateway.site.sign(&AccessToken { sub: agent.to_string(), agent: Some(agent), grants: Vec::new(), ..claims() });
    assert_eq!(said(gateway.bank(&token, NOW)), "good");
    gateway.end(EndedKind::Agent, agent, NOW);
    assert_eq!(said(gateway.bank(&token, NOW)), "ended_token");
}

#[tokio::test(start_paused = true)]
async fn rv_05_a_token_is_not_taken_while_nothing_is_heard_of_ends() {
    let gateway = Gateway::new().await;
    let token = gateway.site.sign(&claims());
    let remembered = gateway.bank(&token, NOW).expect("a good token");
    let read_at = tokio::time::Instant::now() + 6 * SECOND;

    tokio::time::advance(6 * SECOND).await;

    assert_eq!(said(gateway.bank(&token, NOW)), "feed_lost");
    assert_eq!(gateway.verifier.standing(&remembered), Standing::Unknown);
    assert_eq!(said(gateway.bank("garbage", NOW)), "malformed_token", "what is no good is told as that");
    gateway.end(EndedKind::Token, remembered.claims().jti, NOW);
    assert_eq!(said(gateway.bank(&token, NOW)), "ended_token");

    gateway.ended.followed().up_to(read_at);
    let mut other = claims();
    other.jti = chancery_core::TokenId::mint(NOW, &mut Entropy::draw(&SystemRng));
    assert_eq!(said(gateway.bank(&gateway.site.sign(&other), NOW)), "good");
    assert_eq!(said(gateway.bank(&token, NOW)), "ended_token");
}

/// Streams outlive tokens, and one of them may look again only after all has been forgotten.
#[tokio::test]
async fn rv_05_an_end_that_a_stream_has_not_seen_is_not_forgotten_for_it() {
    let gateway = Gateway::new().await;
    let stream = gateway.bank(&gateway.site.sign(&claims()), NOW).expect("a good token");
    let mut other = claims();
    other.jti = chancery_core::TokenId::mint(NOW, &mut Entropy::draw(&SystemRng));
    let looking = gateway.bank(&gateway.site.sign(&other), NOW).expect("a good token");
    gateway.end(EndedKind::Token, claims().jti, NOW);
    assert_eq!(gateway.verifier.standing(&looking), Standing::Good);

    // Something else that is ended, and the clock far beyond it all.
    gateway.end(EndedKind::Subject, "usr_somebody_else", NOW + 7200 * SECOND);
    gateway.ended.prune(NOW + 7300 * SECOND);

    assert_eq!(gateway.verifier.standing(&stream), Standing::Ended);
    assert_eq!(gateway.verifier.standing(&stream), Standing::Ended, "and it stays so");
    assert_eq!(gateway.verifier.standing(&looking), Standing::Good, "it had seen that it was not meant");
}

#[tokio::test]
async fn dp_04_a_bound_token_can_be_named_and_opens_nothing_without_its_proof() {
    let gateway = Gateway::new().await;
    let (bank, asked) = (url(BANK), Asked { method: "POST", url: BANK });
    let by = |dpop, token: &str, by| {
        let at = At { tenant: gateway.site.tenant, issuer: &gateway.issuer, resource: &bank, algorithm: Algorithm::Es256, dpop };
        said(gateway.verifier.shown_at(&at, Shown { token, by }, asked, NOW))
    };
    let shown = |dpop, token: &str| by(dpop, token, By::Bearer);
    let token = gateway.site.sign(&AccessToken { cnf: Some(crate::Confirmation { jkt: "k".into() }), ..claims() });
    let unbound = gateway.site.sign(&claims());

    for dpop in [Dpop::Optional, Dpop::Required] {
        assert_eq!(shown(dpop, &token), "bound_token_as_bearer");
    }
    assert_eq!(shown(Dpop::Optional, &unbound), "good");
    assert_eq!(shown(Dpop::Required, &unbound), "unbound_token"); // PR-05

    for dpop in [Dpop::Optional, Dpop::Required] {
        for proof in [Ok(None), Ok(Some("a.b.c")), Err(NotOne)] {
            assert_eq!(by(dpop, &unbound, By::Proof(proof)), "unbound_token_with_proof");
        }
        assert_eq!(by(dpop, &token, By::Proof(Ok(None))), "no_proof");
        assert_eq!(by(dpop, &token, By::Proof(Err(NotOne))), "several_proofs");
        assert_eq!(by(dpop, &token, By::Proof(Ok(Some("a.b.c")))), "bad_proof");
    }
}
