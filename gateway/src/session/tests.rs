use chancery_core::{KeyId, Secret};
use http::HeaderValue;

use super::*;
use crate::fixtures::{NOW, bank, caller, entropy, tenant_id};

const THEIRS: Named<'_> = Named { upstream: "theirs", replica: None };

fn keys(seed: u8) -> InFlightKeys {
    InFlightKeys::new(vec![InFlightKey::new(KeyId::mint(NOW, &mut entropy(seed)), Secret::new([seed; 32]))])
}

fn place<'a>(keys: &'a InFlightKeys, tenant: &'a TenantId, resource: &'a ResourceId) -> Place<'a> {
    Place { keys, newest: keys.newest().expect("a key"), tenant, resource }
}

fn headers(ids: &[&str]) -> HeaderMap {
    ids.iter().map(|id| (HEADER, HeaderValue::from_str(id).expect("a header"))).collect()
}

fn ended(result: &Result<Option<Session>, Refusal>) -> bool {
    result.as_ref().is_err_and(|refusal| refusal.reason == "unknown_session")
}

#[test]
fn mc_07_a_session_is_its_owners_at_its_resource_and_nobody_elses() {
    let (keys, others_keys) = (keys(1), keys(2));
    let (tenant, other_tenant, bank, exchange) = (tenant_id(1), tenant_id(2), bank().id, ResourceId::mint(NOW, &mut entropy(7)));
    let here = place(&keys, &tenant, &bank);
    let alice = caller("usr_alice", "");
    let sealed = here.seal(THEIRS, &alice, NOW, &mut entropy(3));
    assert!(!sealed.contains("theirs"));

    let opened = presented(&headers(&[&sealed]), here, &alice, NOW).expect("hers").expect("a session");
    assert_eq!(opened.upstream, "theirs");
    // A step-up makes another grant and another scope; the session stays.
    assert!(presented(&headers(&[&sealed]), here, &caller("usr_alice", "bank:move"), NOW).is_ok());

    let mut other_client = alice.clone();
    other_client.client = ClientId::claimed("cli_2");
    for stranger in [&caller("usr_bob", ""), &other_client] {
        assert!(ended(&presented(&headers(&[&sealed]), here, stranger, NOW)), "{}", stranger.subject);
    }
    for elsewhere in [place(&keys, &tenant, &exchange), place(&keys, &other_tenant, &bank), place(&others_keys, &tenant, &bank)] {
        assert!(ended(&presented(&headers(&[&sealed]), elsewhere, &alice, NOW)));
    }
}

#[test]
fn mcp_1a_12_a_session_that_was_altered_doubled_or_is_too_old_has_ended() {
    let (keys, tenant, bank) = (keys(1), tenant_id(1), bank().id);
    let (here, alice) = (place(&keys, &tenant, &bank), caller("usr_alice", ""));
    let sealed = here.seal(THEIRS, &alice, NOW, &mut entropy(3));
    let altered = format!("{}{}", &sealed[..sealed.len() - 2], if sealed.ends_with("AA") { "BB" } else { "AA" });
    for ids in [&[altered.as_str()][..], &["theirs"], &[""], &[sealed.as_str(), sealed.as_str()]] {
        assert!(ended(&presented(&headers(ids), here, &alice, NOW)), "{ids:?}");
    }
    assert!(presented(&headers(&[&sealed]), here, &alice, NOW + LIFE - Duration::from_millis(1)).is_ok());
    assert!(ended(&presented(&headers(&[&sealed]), here, &alice, NOW + LIFE)));
    assert!(presented(&HeaderMap::new(), here, &alice, NOW).expect("none is fine").is_none());
}

#[test]
fn the_client_sees_one_id_for_one_session() {
    let (keys, tenant, bank) = (keys(1), tenant_id(1), bank().id);
    let here = place(&keys, &tenant, &bank);
    let known = Session { sealed: "sealed".to_owned(), upstream: "theirs".to_owned(), replica: None };
    assert_eq!(here.outward(THEIRS, Some(&known), |_| "again".to_owned()), "sealed");
    assert_eq!(here.outward(Named { upstream: "another", ..THEIRS }, Some(&known), |_| "again".to_owned()), "again");
    assert_eq!(here.outward(THEIRS, None, |_| "again".to_owned()), "again");
    assert_eq!(here.outward(Named { replica: Some("http://b"), ..THEIRS }, Some(&known), |_| "again".to_owned()), "again");
}

#[test]
fn mc_07_a_session_remembers_which_replica_knows_it() {
    let (keys, tenant, bank) = (keys(1), tenant_id(1), bank().id);
    let (here, alice) = (place(&keys, &tenant, &bank), caller("usr_alice", ""));
    let sealed = here.seal(Named { replica: Some("http://b"), ..THEIRS }, &alice, NOW, &mut entropy(3));
    let opened = presented(&headers(&[&sealed]), here, &alice, NOW).expect("hers").expect("a session");
    assert_eq!((&*opened.upstream, opened.replica.as_deref()), ("theirs", Some("http://b")));
}
