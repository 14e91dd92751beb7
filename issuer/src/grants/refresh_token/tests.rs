use chancery_core::oauth::Code as Error;
use chancery_core::{ClientId, FamilyId};
use chancery_crypto::jose::dpop::Proof;
use chancery_store::Guard;
use proptest::prelude::*;

use super::*;
use crate::binding::Binding;
use crate::fixtures::{BANK, DESK, NOW, REPORTER, alice, allowed, at, beside, by_desk, entropy, grant, tenant};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A family that has come to generation 5, ten seconds ago.
fn family(grant: &Grant) -> Family {
    Family {
        tenant: grant.tenant,
        id: FamilyId::mint(NOW, &mut entropy(8)),
        grant_id: grant.id,
        client: grant.client.clone(),
        generation: 5,
        scopes: grant.resources.clone(),
        created_at: NOW - DAY,
        rotated_at: NOW - Duration::from_secs(10),
        used_at: NOW - Duration::from_secs(10),
        expires_at: NOW + DAY,
        step_up_at: None,
        jkt: None,
    }
}

fn asked(generation: u64) -> Request {
    Request { token: Presented { family: FamilyId::mint(NOW, &mut entropy(8)), generation }, scope: None, resource: Some(BANK.to_owned()) }
}

/// What is decided now, with one thing changed.
fn decided(asked: &Request, change: impl FnOnce(&mut Family, &mut Grant)) -> Result<Granted, Refused> {
    let tenant = tenant();
    let mut grant = grant(&tenant, DESK);
    let mut family = family(&grant);
    change(&mut family, &mut grant);
    granted(decide(asked, Asking { tenant: &tenant, by: &by_desk(), binding: &Binding::None }, &facts(family, grant), &mut at(NOW)))
}

/// Nothing is to be learned where nobody gave anything to ask by.
fn granted(outcome: Result<Outcome, Refused>) -> Result<Granted, Refused> {
    outcome.map(|outcome| match outcome {
        Outcome::Granted(granted) => *granted,
        Outcome::Need(need) => panic!("{need:?}"),
    })
}

fn facts(family: Family, grant: Grant) -> Facts {
    Facts { found: Some(Refreshable { family, grant, checked: None, person: Some(beside()) }), learned: Learned::default() }
}

fn unchanged(_: &mut Family, _: &mut Grant) {}

/// Code, row, whether the grant is ended, and the kind of event.
fn refusal(outcome: Result<Granted, Refused>) -> (Error, &'static str, bool, Option<Kind>) {
    let (error, row, draft) = outcome.err().expect("a refusal").into_parts();
    (error.code(), row, !draft.changes.is_empty(), draft.events.first().map(|event| event.kind))
}

/// What is decided of a family that is bound to the key `k`, with a proof of this key.
fn decided_bound(generation: u64, key: Option<&str>) -> Result<Granted, Refused> {
    let tenant = tenant();
    let grant = grant(&tenant, DESK);
    let family = Family { jkt: Some("k".to_owned()), ..family(&grant) };
    let binding = key.map_or(Binding::None, |jkt| Binding::Dpop(Proof { jkt: jkt.to_owned(), jti: "1".to_owned(), good_until: NOW }));
    let asking = Asking { tenant: &tenant, by: &by_desk(), binding: &binding };
    granted(decide(&asked(generation), asking, &facts(family, grant), &mut at(NOW)))
}

#[test]
fn dp_05_a_bound_token_is_kept_and_good_with_its_key() {
    let granted = decided_bound(5, Some("k")).expect("tokens");
    assert_eq!(granted.tokens.refresh().expect("a refresh token").generation, 5);
    assert_eq!(granted.draft.writes, [families::retry(&tenant().id, &asked(5).token.family, 5, NOW)]);
}

#[test]
fn dp_05_a_retry_with_the_key_gets_the_same_successor() {
    let granted = decided_bound(4, Some("k")).expect("tokens");
    assert_eq!(granted.tokens.refresh().expect("a refresh token").generation, 5);
    assert_eq!(granted.draft.writes, [families::retry(&tenant().id, &asked(5).token.family, 5, NOW)]);
}

/// Whoever has the newest token of the family but not its key can end nothing by it.
#[test]
fn dp_05_without_its_key_nothing_is_refreshed_and_nothing_ends() {
    for generation in [5, 6] {
        for key in [None, Some("another")] {
            let outcome = refusal(decided_bound(generation, key));
            assert_eq!(outcome, quietly(Error::InvalidGrant, "DP-05"), "{generation} with {key:?}");
        }
    }
}

/// A token of before the family was bound: whoever bound it, somebody has one that is not theirs. Ten seconds ago is no excuse.
#[test]
fn oa_13_a_token_of_before_its_family_was_bound_ends_it() {
    let reused = (Error::InvalidGrant, "OA-13", true, Some(Kind::RefreshTokenReused));
    for older in [0, 1, 4] {
        for key in [None, Some("another")] {
            assert_eq!(refusal(decided_bound(older, key)), reused, "{older} with {key:?}");
        }
    }
    assert_eq!(refusal(decided_bound(3, Some("k"))), reused);
}

fn quietly(code: Error, row: &'static str) -> (Error, &'static str, bool, Option<Kind>) {
    (code, row, false, None)
}

#[test]
fn oa_13_the_newest_token_gives_its_successor() {
    let granted = decided(&asked(5), unchanged).expect("tokens");
    assert_eq!(granted.tokens.refresh().expect("a refresh token").generation, 6);
    let tenant = tenant();
    assert_eq!(granted.draft.writes, [families::advance(&tenant.id, &asked(5).token.family, 5, None, NOW)]);
    assert_eq!(granted.draft.events[0].kind, Kind::TokenRefreshed);
    assert_eq!(granted.tokens.access().claims().sub, alice().subject.to_string());
}

#[test]
fn oa_13_a_retry_within_the_window_gets_the_same_successor() {
    let granted = decided(&asked(4), unchanged).expect("tokens");
    assert_eq!(granted.tokens.refresh().expect("a refresh token").generation, 5);
    assert_eq!(granted.draft.writes[0].guard, Guard::Exactly(1));
    assert!(granted.draft.writes[0].sql.contains("generation = $3"));
    let last = decided(&asked(4), |family, _| family.rotated_at = NOW - RETRY_WINDOW + Duration::from_millis(1));
    assert!(last.is_ok());
}

#[test]
fn oa_13_an_older_token_ends_grant_and_family() {
    let reused = (Error::InvalidGrant, "OA-13", true, Some(Kind::RefreshTokenReused));
    for older in 0..4 {
        assert_eq!(refusal(decided(&asked(older), unchanged)), reused, "generation {older}");
    }
    assert_eq!(refusal(decided(&asked(4), |family, _| family.rotated_at = NOW - RETRY_WINDOW)), reused);
}

#[test]
fn oa_13_a_token_that_is_still_to_come_is_unknown() {
    assert_eq!(refusal(decided(&asked(6), unchanged)), quietly(Error::InvalidGrant, "OA-13"));
}

#[test]
fn oa_14_scope_may_be_narrowed_and_never_widened() {
    let with = |scope: &str| Request { scope: Some(scope.parse().expect("scopes")), ..asked(5) };
    let narrow = decided(&with("bank:read"), unchanged).expect("tokens");
    assert_eq!(narrow.tokens.access().claims().scope.to_string(), "bank:read");
    let same = decided(&with("openid bank:move bank:read"), unchanged).expect("tokens");
    assert_eq!(same.tokens.scope().to_string(), "bank:move bank:read openid");
    for wider in ["bank:read bank:close", "exchange:convert"] {
        assert_eq!(refusal(decided(&with(wider), unchanged)), quietly(Error::InvalidScope, "OA-14"));
    }
}

#[test]
fn oa_14_another_clients_token_is_refused() {
    let outcome = decided(&asked(5), |family, _| family.client = ClientId::claimed(REPORTER));
    assert_eq!(refusal(outcome), quietly(Error::InvalidGrant, "OA-14"));
}

#[test]
fn oa_14_idle_expired_and_ended_families_are_refused() {
    let idle = tenant().lifetimes.refresh_idle;
    assert!(decided(&asked(5), |family, _| family.used_at = NOW - idle + Duration::from_millis(1)).is_ok());
    let refused = quietly(Error::InvalidGrant, "OA-14");
    assert_eq!(refusal(decided(&asked(5), |family, _| family.used_at = NOW - idle)), refused);
    assert_eq!(refusal(decided(&asked(5), |family, _| family.expires_at = NOW)), refused);
    assert_eq!(refusal(decided(&asked(5), |_, grant| grant.expires_at = NOW)), refused);
    assert_eq!(refusal(decided(&asked(5), |_, grant| grant.ended_at = Some(NOW))), refused);
    // What has ended is not ended again, however old the token.
    assert_eq!(refusal(decided(&asked(0), |_, grant| grant.ended_at = Some(NOW))), refused);
}

#[test]
fn ri_02_a_refresh_may_ask_for_any_authorized_resource_one_at_a_time() {
    let both = |family: &mut Family, _: &mut Grant| {
        let tenant = tenant();
        family.scopes = vec![allowed(&tenant, 0, "bank:read"), allowed(&tenant, 1, "exchange:convert")];
    };
    for (resource, scope) in [(BANK, "bank:read"), ("https://gw.example/mcp/exchange", "exchange:convert")] {
        let granted = decided(&Request { resource: Some(resource.to_owned()), ..asked(5) }, both).expect("a token");
        let claims = granted.tokens.access().claims();
        assert_eq!((claims.aud.as_str(), claims.scope.to_string().as_str()), (resource, scope));
    }
    assert_eq!(refusal(decided(&Request { resource: None, ..asked(5) }, both)), quietly(Error::InvalidTarget, "RI-03"));
}

#[test]
fn at_06_a_refresh_tells_of_the_sign_in_as_it_was() {
    let granted = decided(&asked(5), unchanged).expect("tokens");
    assert_eq!(granted.tokens.access().claims().auth_time, Some(NOW.seconds() - 100));
    assert!(!granted.tokens.has_id_token());
}

/// What a store would do with the Unit of an outcome: the guard holds or it does not.
fn commit(outcome: &Result<Granted, Refused>, decided_at: u64, family: &mut Family) -> bool {
    match outcome {
        Ok(granted) if granted.tokens.refresh().expect("a refresh token").generation > decided_at => {
            let holds = family.generation == decided_at;
            family.generation += u64::from(holds);
            holds
        }
        Ok(_) => family.generation == decided_at,
        Err(_) => true,
    }
}

proptest! {
    /// Parallel refreshes of one token: all decide on what they loaded, commit in some order, and those that were overtaken decide
    /// again. All get the same successor, and the family moves by one.
    #[test]
    fn oa_13_parallel_refreshes_get_one_successor(loaded in proptest::collection::vec(any::<bool>(), 2..50)) {
        let tenant = tenant();
        let grant = grant(&tenant, DESK);
        let mut row = family(&grant);
        let decide_on = |family: &Family| {
            let facts = facts(family.clone(), grant.clone());
            granted(decide(&asked(5), Asking { tenant: &tenant, by: &by_desk(), binding: &Binding::None }, &facts, &mut at(NOW)))
        };
        let before = row.clone();
        for early in loaded {
            let seen = if early { before.clone() } else { Family { rotated_at: NOW, ..row.clone() } };
            let mut outcome = decide_on(&seen);
            if !commit(&outcome, seen.generation, &mut row) {
                let seen = Family { rotated_at: NOW, ..row.clone() };
                outcome = decide_on(&seen);
                prop_assert!(commit(&outcome, seen.generation, &mut row));
            }
            prop_assert_eq!(outcome.expect("tokens").tokens.refresh().expect("a refresh token").generation, 6);
        }
        prop_assert_eq!(row.generation, 6);
    }

    /// Whatever is asked, no token has more scope than the family.
    #[test]
    fn oa_14_no_refresh_widens(asked_scope in "(bank:read|bank:move|openid|other)( (bank:read|bank:move|openid|other)){0,3}") {
        let asked = Request { scope: Some(asked_scope.parse().expect("scopes")), ..asked(5) };
        if let Ok(granted) = decided(&asked, unchanged) {
            prop_assert!(granted.tokens.access().claims().scope.is_subset(&"bank:read bank:move".parse().expect("scopes")));
        }
    }
}
