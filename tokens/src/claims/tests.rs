use chancery_core::{Actor, KeyId};
use chancery_crypto::jose::SigningKey;
use serde_json::json;

use super::*;
use crate::site::{claims, issuer};

#[test]
fn the_names_of_the_claims_are_fixed_and_nothing_is_null() {
    let agent: AgentId = "agt_019ab697e80070008000000000000003".parse().expect("an id");
    let full = AccessToken {
        sub: "usr_1".into(),
        client_id: ClientId::claimed("cli_1"),
        jti: "tok_019ab697e80070008000000000000004".parse().expect("an id"),
        act: Some(Actor { iss: issuer(), sub: agent.to_string(), sub_profile: Actor::AI_AGENT.into(), act: None }),
        cnf: Some(Confirmation { jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".into() }),
        auth_time: Some(1_763_999_000),
        acr: Some("mfa".into()),
        amr: vec!["pwd".into()],
        agent: Some(agent),
        owner: Some("finance".into()),
        roles: vec!["teller".into()],
        grants: vec!["grt_019ab697e80070008000000000000005".parse().expect("an id")],
        ..claims()
    };
    let wanted = json!({
        "iss": "https://gw.example/t/acme",
        "sub": "usr_1",
        "aud": "https://gw.example/mcp/bank",
        "client_id": "cli_1",
        "scope": "bank:read",
        "exp": 1_764_000_300,
        "iat": 1_764_000_000,
        "jti": "tok_019ab697e80070008000000000000004",
        "act": { "iss": "https://gw.example/t/acme", "sub": "agt_019ab697e80070008000000000000003", "sub_profile": "ai_agent" },
        "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" },
        "auth_time": 1_763_999_000,
        "acr": "mfa",
        "amr": ["pwd"],
        "tenant": "acme",
        "agent": "agt_019ab697e80070008000000000000003",
        "owner": "finance",
        "roles": ["teller"],
        "grants": ["grt_019ab697e80070008000000000000005"],
    });
    assert_eq!(serde_json::to_value(&full).expect("claims have a JSON form"), wanted);
    assert_eq!(serde_json::from_value::<AccessToken>(wanted).expect("our own claims"), full);

    let bare = AccessToken { grants: Vec::new(), ..claims() };
    let bare = serde_json::to_value(&bare).expect("claims have a JSON form");
    let mut names: Vec<&str> = bare.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub", "tenant"]);
}

#[test]
fn dp_04_what_says_that_it_is_bound_never_passes_for_unbound() {
    for cnf in [json!({}), json!({ "x5t#S256": "x" }), json!({ "jkt": "x", "x5t#S256": "x" }), json!({ "jkt": 1 }), json!("x"), json!([])] {
        let mut claims = serde_json::to_value(claims()).expect("claims have a JSON form");
        claims["cnf"] = cnf;
        assert!(serde_json::from_value::<AccessToken>(claims.clone()).is_err(), "{claims}");
    }
}

#[test]
fn at_05_how_long_a_token_will_be_is_known_before_it_is_signed() {
    let kid = || "key_019ab697e80070008000000000000006".parse::<KeyId>().expect("an id").to_string();
    let actor =
        |act| Some(Actor { iss: issuer(), sub: "agt_019ab697e80070008000000000000003".into(), sub_profile: Actor::AI_AGENT.into(), act });
    let chain = (0..4).fold(actor(None), |act, _| actor(act.map(Box::new)));
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm, kid()).expect("a key");
        for role in ["a", "ab", "abc", "a\u{e4}\"\\"] {
            let token = AccessToken { act: chain.clone(), roles: vec![role.to_owned()], ..claims() };
            let signed = key.sign("at+jwt", &token).expect("a token");
            assert_eq!(token.signed_length(*algorithm).expect("JSON"), signed.len(), "{algorithm:?} {role}");
            assert!(signed.len() < 4096, "five actors fit");
        }
    }
}
