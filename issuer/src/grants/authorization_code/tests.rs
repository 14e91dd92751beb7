use std::time::Duration;

use chancery_core::ClientId;
use chancery_core::oauth::Code as Error;
use chancery_store::Guard;

use super::*;
use crate::binding::Binding;
use crate::client_auth::AuthenticatedClient;
use crate::fixtures::{
    BANK, CALLBACK, CHALLENGE, DESK, NOW, REPORTER, VERIFIER, alice, allowed, at, beside, by_desk, by_reporter, form, grant, tenant,
    with_policy,
};

const REQUEST: [(&str, &str); 3] = [("code", "the code"), ("code_verifier", VERIFIER), ("resource", BANK)];

fn asked(pairs: &[(&str, &str)]) -> Request {
    Request::read(&form(pairs.iter().copied())).expect("a request")
}

/// A code of alice's grant to `client`.
fn code(grant: &Grant) -> Code {
    Code {
        tenant: grant.tenant,
        hash: sha256(b"the code"),
        grant_id: grant.id,
        client: grant.client.clone(),
        redirect_uri: CALLBACK.to_owned(),
        challenge: CHALLENGE.to_owned(),
        nonce: Some("n".to_owned()),
        jkt: None,
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(60),
        redeemed_at: None,
        family: None,
    }
}

fn found(code: Code, grant: Grant) -> Facts {
    Facts { found: Some(Redeemable { code, grant, checked: None, person: Some(beside()) }), learned: Learned::default() }
}

/// Nothing has to be learned first.
fn decide(asked: &Request, asking: Asking<'_>, facts: &Facts, moment: &mut Moment) -> Result<Granted, Refused> {
    super::decide(asked, asking, facts, moment).map(|outcome| match outcome {
        Outcome::Granted(granted) => *granted,
        Outcome::Need(need) => panic!("{need:?} is wanted"),
    })
}

/// What is decided a second after the code was issued, with one thing changed.
fn decided(pairs: &[(&str, &str)], change: impl FnOnce(&mut Code, &mut Grant)) -> Result<Granted, Refused> {
    let tenant = tenant();
    let mut grant = grant(&tenant, DESK);
    let mut code = code(&grant);
    change(&mut code, &mut grant);
    let facts = found(code, grant);
    decide(
        &asked(pairs),
        Asking { tenant: &tenant, by: &by_desk(), binding: &Binding::None },
        &facts,
        &mut at(NOW + Duration::from_secs(1)),
    )
}

fn unchanged(_: &mut Code, _: &mut Grant) {}

/// Code, row, and whether the grant is ended, the code burnt, an event written.
fn refusal(outcome: Result<Granted, Refused>) -> (Error, &'static str, [bool; 3]) {
    let refused = outcome.err().expect("a refusal");
    let (error, row, draft) = refused.into_parts();
    let ended = !draft.changes.is_empty();
    let burnt = draft.writes.iter().any(|write| *write == codes::burn(&tenant().id, &sha256(b"the code"), NOW + Duration::from_secs(1)));
    (error.code(), row, [ended, burnt, !draft.events.is_empty()])
}

const QUIETLY: [bool; 3] = [false, false, false];

#[test]
fn oa_15_a_code_gives_a_token_for_what_was_allowed() {
    let granted = decided(&REQUEST, unchanged).expect("tokens");

    let claims = granted.tokens.access().claims();
    assert_eq!(claims.aud, BANK);
    assert_eq!(claims.scope.to_string(), "bank:move bank:read");
    assert_eq!(granted.tokens.scope().to_string(), "bank:move bank:read openid");
    assert_eq!(claims.sub, alice().subject.to_string());
    assert_eq!(granted.tokens.access().lifetime(), 300);
    assert_eq!(granted.tokens.refresh().expect("a refresh token").generation, 0);
    assert!(granted.tokens.has_id_token());
    assert_eq!(granted.draft.events[0].kind, Kind::TokenIssued);
}

#[test]
fn at_06_the_sign_in_is_told_as_it_was() {
    let granted = decided(&REQUEST, unchanged).expect("tokens");
    let claims = granted.tokens.access().claims();
    assert_eq!(claims.auth_time, Some(NOW.seconds() - 100));
    assert_eq!((claims.acr.as_deref(), claims.amr.as_slice()), (Some("mfa"), &["otp".to_owned()][..]));
}

#[test]
fn oa_08_redemption_is_a_guarded_write() {
    let granted = decided(&REQUEST, unchanged).expect("tokens");
    assert!(granted.draft.writes[0].sql.contains("redeemed_at IS NULL"));
    assert_eq!(granted.draft.writes[0].guard, Guard::Exactly(1));
}

#[test]
fn oa_08_a_second_redemption_ends_the_grant() {
    let again = decided(&REQUEST, |code, _| code.redeemed_at = Some(NOW));
    assert_eq!(refusal(again), (Error::InvalidGrant, "OA-08", [true, false, true]));
    // Also when it comes late, and only once.
    let late = decided(&REQUEST, |code, _| (code.redeemed_at, code.expires_at) = (Some(NOW), NOW));
    assert_eq!(refusal(late), (Error::InvalidGrant, "OA-08", [true, false, true]));
    let third = decided(&REQUEST, |code, grant| (code.redeemed_at, grant.ended_at) = (Some(NOW), Some(NOW)));
    assert_eq!(refusal(third), (Error::InvalidGrant, "OA-08", QUIETLY));
}

#[test]
fn oa_08_who_has_an_old_code_but_not_its_verifier_can_end_nothing() {
    let other = "x".repeat(43);
    for pairs in [&[("code", "the code"), ("code_verifier", other.as_str())][..], &[("code", "the code")]] {
        let replay = decided(pairs, |code, _| code.redeemed_at = Some(NOW));
        assert_eq!(refusal(replay), (Error::InvalidGrant, "PK-04", QUIETLY));
    }
}

#[test]
fn oa_09_a_late_code_and_one_of_an_ended_grant_are_refused() {
    let now = NOW + Duration::from_secs(1);
    assert_eq!(refusal(decided(&REQUEST, |code, _| code.expires_at = now)), (Error::InvalidGrant, "OA-09", QUIETLY));
    assert!(decided(&REQUEST, |code, _| code.expires_at = now + Duration::from_millis(1)).is_ok());
    assert_eq!(refusal(decided(&REQUEST, |_, grant| grant.ended_at = Some(NOW))), (Error::InvalidGrant, "OA-09", QUIETLY));
    assert_eq!(refusal(decided(&REQUEST, |_, grant| grant.expires_at = NOW)), (Error::InvalidGrant, "OA-09", QUIETLY));
}

#[test]
fn oa_09_a_code_of_another_client_is_refused_and_stays_good() {
    for redeemed_at in [None, Some(NOW)] {
        let outcome = decided(&REQUEST, |code, _| {
            code.client = ClientId::claimed(REPORTER);
            code.redeemed_at = redeemed_at;
        });
        assert_eq!(refusal(outcome), (Error::InvalidGrant, "OA-09", QUIETLY));
    }
}

#[test]
fn oa_09_an_unknown_code_is_refused() {
    let (tenant, by) = (tenant(), by_desk());
    let outcome = decide(
        &asked(&REQUEST),
        Asking { tenant: &tenant, by: &by, binding: &Binding::None },
        &Facts { found: None, learned: Learned::default() },
        &mut at(NOW),
    );
    assert_eq!(refusal(outcome), (Error::InvalidGrant, "OA-09", QUIETLY));
}

#[test]
fn oa_10_a_redirect_uri_that_is_sent_must_be_the_same() {
    let with = |uri| [("code", "the code"), ("code_verifier", VERIFIER), ("redirect_uri", uri)];
    assert!(decided(&with(CALLBACK), unchanged).is_ok());
    assert_eq!(refusal(decided(&with("https://desk.example/cb/"), unchanged)), (Error::InvalidGrant, "OA-10", QUIETLY));
}

#[test]
fn pk_04_a_wrong_verifier_burns_the_code() {
    let other = "x".repeat(43);
    let outcome = decided(&[("code", "the code"), ("code_verifier", &other)], unchanged);
    assert_eq!(refusal(outcome), (Error::InvalidGrant, "PK-04", [true, true, true]));
}

#[test]
fn pk_04_a_wrong_verifier_ends_no_grant_twice() {
    let other = "x".repeat(43);
    let outcome = decided(&[("code", "the code"), ("code_verifier", &other)], |_, grant| grant.ended_at = Some(NOW));
    assert_eq!(refusal(outcome), (Error::InvalidGrant, "PK-04", QUIETLY));
}

#[test]
fn pk_04_a_wrong_verifier_ends_nothing_once_the_code_has_expired() {
    let other = "x".repeat(43);
    let outcome = decided(&[("code", "the code"), ("code_verifier", &other)], |code, _| code.expires_at = NOW);
    assert_eq!(refusal(outcome), (Error::InvalidGrant, "PK-04", QUIETLY));
}

#[test]
fn pk_04_a_missing_verifier_is_refused() {
    assert_eq!(refusal(decided(&[("code", "the code")], unchanged)), (Error::InvalidGrant, "PK-04", QUIETLY));
}

#[test]
fn pk_03_a_malformed_verifier_is_an_invalid_request() {
    let refused = Request::read(&form([("code", "c"), ("code_verifier", "short")])).err().expect("a refusal");
    assert_eq!((refused.error().code(), refused.row()), (Error::InvalidRequest, "PK-03"));
}

#[test]
fn ri_02_another_resource_than_the_authorized_one_is_refused() {
    let outcome = decided(&[("code", "the code"), ("code_verifier", VERIFIER), ("resource", "https://gw.example/mcp/exchange")], unchanged);
    assert_eq!(refusal(outcome), (Error::InvalidTarget, "RI-02", QUIETLY));
}

#[test]
fn ri_02_one_of_several_authorized_resources_gives_a_token_for_that_one() {
    let both = |_: &mut Code, grant: &mut Grant| {
        let tenant = tenant();
        grant.resources = vec![allowed(&tenant, 0, "bank:read"), allowed(&tenant, 1, "exchange:convert")];
    };
    let granted = decided(&REQUEST, both).expect("a token");
    let claims = granted.tokens.access().claims();
    assert_eq!((claims.aud.as_str(), claims.scope.to_string().as_str()), (BANK, "bank:read"));
    assert!(!granted.tokens.has_id_token());
    assert_eq!(refusal(decided(&REQUEST[..2], both)).1, "RI-03");
}

#[test]
fn ri_05_a_scope_that_is_gone_from_the_registry_is_in_no_token() {
    let granted = decided(&REQUEST, |_, grant| grant.resources = vec![allowed(&tenant(), 0, "bank:read bank:gone")]).expect("a token");
    assert_eq!(granted.tokens.access().claims().scope.to_string(), "bank:read");
}

#[test]
fn at_03_the_person_is_the_subject_and_at_04_the_agent_acts() {
    let tenant = tenant();
    let grant = grant(&tenant, REPORTER);
    let facts = found(code(&grant), grant);
    let by: AuthenticatedClient = by_reporter(&tenant);

    let granted =
        decide(&asked(&REQUEST), Asking { tenant: &tenant, by: &by, binding: &Binding::None }, &facts, &mut at(NOW)).expect("tokens");

    let claims = granted.tokens.access().claims();
    let agent = tenant.agents[0].id;
    assert_eq!(claims.sub, alice().subject.to_string());
    let act = claims.act.as_ref().expect("an actor");
    assert_eq!((act.sub.as_str(), act.sub_profile.as_str(), &act.iss), (agent.to_string().as_str(), "ai_agent", &tenant.issuer));
    assert_eq!((claims.agent, claims.owner.as_deref()), (Some(agent), Some("finance")));
}

#[test]
fn at_04_a_public_client_names_no_actor_and_each_token_has_an_id_of_its_own() {
    let first = decided(&REQUEST, unchanged).expect("tokens");
    assert_eq!(first.tokens.access().claims().act, None);
    assert_eq!(first.tokens.access().claims().agent, None);
    let tenant = tenant();
    let grant = grant(&tenant, DESK);
    let facts = found(code(&grant), grant);
    let second = decide(&asked(&REQUEST), Asking { tenant: &tenant, by: &by_desk(), binding: &Binding::None }, &facts, &mut at(NOW))
        .expect("tokens");
    assert_ne!(first.tokens.access().claims().jti, second.tokens.access().claims().jti);
}

#[test]
fn no_token_outlives_its_grant() {
    let ends = NOW + Duration::from_secs(31);
    let granted = decided(&REQUEST, |_, grant| grant.expires_at = ends).expect("tokens");
    assert_eq!(granted.tokens.access().claims().exp, ends.seconds());
}

#[test]
fn a_policy_that_forbids_the_token_refuses_it_as_an_event_with_its_decision() {
    let forbid = r#"@id("no-bank") @advice("ask treasury") forbid(principal, action == Chancery::Action::"issue_token", resource == Chancery::Resource::"bank");"#;
    let tenant = with_policy(tenant(), forbid);
    let grant = grant(&tenant, DESK);
    let facts = found(code(&grant), grant);

    let outcome = decide(&asked(&REQUEST), Asking { tenant: &tenant, by: &by_desk(), binding: &Binding::None }, &facts, &mut at(NOW));

    let (error, _, draft) = outcome.err().expect("a refusal").into_parts();
    assert_eq!(error.code(), Error::AccessDenied);
    assert!(error.description().contains("ask treasury") && error.description().contains("dec_"));
    assert_eq!(draft.events[0].kind, Kind::TokenRefused);
    assert!(draft.events[0].field(Field::Decision).is_some());
}

#[test]
fn a_resource_for_agents_gives_a_public_client_nothing() {
    let mut tenant = tenant();
    let mut bank = (*tenant.resources[0]).clone();
    bank.require_agent = true;
    tenant.resources[0] = bank.into();
    for (by, client, given) in [(by_desk(), DESK, false), (by_reporter(&tenant), REPORTER, true)] {
        let grant = grant(&tenant, client);
        let facts = found(code(&grant), grant);
        let outcome = decide(&asked(&REQUEST), Asking { tenant: &tenant, by: &by, binding: &Binding::None }, &facts, &mut at(NOW));
        assert_eq!(outcome.is_ok(), given, "{client}");
    }
}

#[test]
fn at_04_a_client_bound_to_another_agent_since_gets_nothing() {
    let other = chancery_core::AgentId::mint(NOW, &mut crate::fixtures::entropy(40));
    let outcome = decided(&REQUEST, |_, grant| grant.agent = Some(other));
    assert_eq!(refusal(outcome), (Error::InvalidGrant, "AT-04", QUIETLY));
}
