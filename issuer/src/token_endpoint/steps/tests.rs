use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_core::KeyId;

use super::*;
use crate::client_auth::{self, Claim, Material};
use crate::fixtures::{BANK, DESK, EXCHANGE, NOW, REPORTER, SECRET, VERIFIER, desk, entropy, form, reporter, tenant};

/// A request that passes every step, as pairs to be changed.
const CODE: [(&str, &str); 4] = [("grant_type", "authorization_code"), ("code", "c"), ("code_verifier", VERIFIER), ("client_id", DESK)];

struct Sent<'a> {
    content_type: Option<&'a str>,
    authorization: Option<&'a str>,
    pairs: Vec<(&'a str, &'a str)>,
}

fn sent<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Sent<'a> {
    Sent { content_type: Some("application/x-www-form-urlencoded"), authorization: None, pairs: pairs.into_iter().collect() }
}

fn admitted(sent: Sent<'_>) -> Result<Admitted, Refused> {
    let tenant = tenant();
    let key = KeyId::mint(NOW, &mut entropy(1));
    let keys = RefreshTokenKeys::new(vec![(key, chancery_crypto::mac::MacKey::new(chancery_core::Secret::new([1; 32])))]).expect("a key");
    let form = form(sent.pairs);
    let claim = client_auth::claim(&Material { authorization: sent.authorization, form: &form });
    let known = |claim: &Claim| [desk(), reporter(&tenant)].into_iter().find(|client| client.id == *claim.client());
    let client = claim.as_ref().ok().and_then(known);
    let Sent { content_type, authorization, .. } = sent;
    let (content_type, authorization) = (content_type.map(str::to_owned), authorization.map(str::to_owned));
    let posted = Posted { tenant: &tenant, content_type, authorization, claim, form, client, fault: None };
    admit(&Arrival { posted, keys: &keys, proofs: &Proofs::of(&HeaderMap::new(), NOW) })
}

fn refusal(sent: Sent<'_>) -> (Code, &'static str) {
    match admitted(sent) {
        Ok(_) => panic!("the request was admitted"),
        Err(refused) => (refused.error().code(), refused.row()),
    }
}

fn changed<'a>(name: &'a str, value: &'a str) -> Sent<'a> {
    sent(CODE.into_iter().filter(move |(is, _)| *is != name).chain([(name, value)]))
}

#[test]
fn a_good_request_is_admitted() {
    assert!(matches!(admitted(sent(CODE)).expect("admitted").asked, Asked::Code(_)));
}

#[test]
fn oa_07_only_a_form_is_read() {
    for content_type in [None, Some("application/json"), Some("text/plain"), Some("multipart/form-data")] {
        assert_eq!(refusal(Sent { content_type, ..sent(CODE) }), (Code::InvalidRequest, "OA-07"));
    }
    let content_type = Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    assert!(admitted(Sent { content_type, ..sent(CODE) }).is_ok());
}

#[test]
fn oa_06_no_parameter_comes_twice() {
    for (name, value) in CODE {
        assert_eq!(refusal(sent(CODE.into_iter().chain([(name, value)]))), (Code::InvalidRequest, "OA-06"), "{name}");
    }
    assert!(admitted(sent(CODE.into_iter().chain([("unknown", "x"), ("code", "")]))).is_ok());
}

#[test]
fn oa_05_the_password_grant_and_oa_17_unknown_grants_are_unsupported() {
    for grant in ["password", "implicit", "urn:x", "AUTHORIZATION_CODE"] {
        assert_eq!(refusal(changed("grant_type", grant)), (Code::UnsupportedGrantType, "OA-05"), "{grant}");
    }
    assert_eq!(refusal(changed("grant_type", "")), (Code::InvalidRequest, "OA-05"));
}

#[test]
fn oa_16_a_public_client_has_no_authority_of_its_own() {
    let asked =
        |pairs: &[(&'static str, &'static str)]| refusal(sent([("grant_type", "client_credentials")].into_iter().chain(pairs.to_vec())));
    assert_eq!(asked(&[("client_id", DESK)]), (Code::UnauthorizedClient, "OA-16"));
    assert_eq!(asked(&[("client_id", REPORTER), ("client_secret", "wrong")]), (Code::InvalidClient, "OA-11"));
}

#[test]
fn oa_11_one_authentication_that_holds() {
    let basic = format!("Basic {}", STANDARD.encode(format!("{REPORTER}:{SECRET}")));
    let without_id = || CODE.into_iter().filter(|(name, _)| *name != "client_id");
    assert!(admitted(Sent { authorization: Some(&basic), ..sent(without_id()) }).is_ok());
    let twice = sent(without_id().chain([("client_id", REPORTER), ("client_secret", SECRET)]));
    assert_eq!(refusal(Sent { authorization: Some(&basic), ..twice }), (Code::InvalidRequest, "OA-11"));
    assert_eq!(refusal(sent(without_id())), (Code::InvalidClient, "OA-11"));
    assert_eq!(refusal(changed("client_id", "cli_nobody")), (Code::InvalidClient, "OA-11"));
    assert_eq!(refusal(changed("client_id", REPORTER)), (Code::InvalidClient, "OA-11"));
}

#[test]
fn pk_03_a_malformed_verifier_is_refused_of_the_code_grant_alone() {
    assert_eq!(refusal(changed("code_verifier", "short")), (Code::InvalidRequest, "PK-03"));
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("code_verifier", "short"), ("client_id", DESK)];
    assert_eq!(refusal(sent(refresh)), (Code::InvalidGrant, "OA-14"));
}

#[test]
fn ri_06_a_token_is_for_one_resource() {
    assert!(admitted(sent(CODE.into_iter().chain([("resource", BANK)]))).is_ok());
    let two = sent(CODE.into_iter().chain([("resource", BANK), ("resource", EXCHANGE)]));
    assert_eq!(refusal(two), (Code::InvalidTarget, "RI-06"));
}

#[test]
fn oa_14_a_refresh_token_of_nobody_is_refused() {
    for token in ["", "x", "chancery_rt1.a.b.c.d"] {
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", DESK)];
        let code = if token.is_empty() { Code::InvalidRequest } else { Code::InvalidGrant };
        assert_eq!(refusal(sent(refresh)).0, code);
    }
}

/// Whatever else it says, the table authenticates every grant, and refuses doubled parameters before anything reads one.
#[test]
fn the_table_lets_no_grant_past_authentication() {
    for grant in GrantType::ALL {
        let rows: Vec<_> = STEPS.iter().filter(|step| step.applies_to(Some(grant))).map(|step| step.row).collect();
        assert_eq!(rows[..2], ["OA-07", "OA-06"]);
        assert_eq!(rows.iter().filter(|row| **row == "OA-11").count(), 2, "{}", grant.as_str());
    }
}
