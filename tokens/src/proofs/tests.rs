use std::time::Duration;

use chancery_core::{ClientId, TenantId};

use super::*;
use crate::site::{NOW, new_tenant};

const MINUTE: Duration = Duration::from_secs(60);

fn caller(tenant: TenantId, client: &str, subject: &str) -> Caller {
    Caller {
        tenant,
        subject: subject.to_owned(),
        client: ClientId::claimed(client),
        agent: None,
        owner: None,
        roles: Vec::new(),
        act: None,
        scope: "a".parse().expect("a scope"),
        grants: Vec::new(),
        authentication: None,
        token_digest: [0; 32],
        expires_at: NOW + MINUTE,
    }
}

fn proof(jkt: &str, jti: impl ToString) -> Proof {
    Proof { jkt: jkt.to_owned(), jti: jti.to_string(), good_until: NOW + MINUTE }
}

#[test]
fn dp_02_a_proof_is_used_once_until_it_is_too_old_to_be_used() {
    let (proofs, alice) = (Proofs::default(), caller(new_tenant(), "cli_1", "usr_alice"));
    let last = NOW + MINUTE - Duration::from_millis(1);
    assert_eq!(proofs.take(&proof("k", 1), &alice, NOW), Ok(()));
    assert_eq!(proofs.take(&proof("k", 1), &alice, NOW), Err(Taken::Already));
    assert_eq!(proofs.take(&proof("k", 1), &alice, last), Err(Taken::Already));
    // The same name with another time, or at another's hands: it is this key's, and was used.
    let later = Proof { good_until: NOW + MINUTE * 2, ..proof("k", 1) };
    assert_eq!(proofs.take(&later, &caller(alice.tenant, "cli_2", "usr_bob"), last), Err(Taken::Already));
    assert_eq!(proofs.take(&proof("other", 1), &alice, last), Ok(()));
    assert_eq!(proofs.take(&proof("k", 2), &alice, last), Ok(()));

    assert_eq!(proofs.take(&later, &alice, NOW + MINUTE), Ok(()));
    let used = proofs.used.lock().expect("a lock");
    assert_eq!((used.proofs.len(), used.until.len()), (1, 1), "what is too old is forgotten");
    assert_eq!(used.shares.values().map(|share| share.proofs).collect::<Vec<_>>(), [1]);
    assert_eq!(used.tenants.get(&alice.tenant), Some(&1));
}

/// A request of a moment ago that comes after one of now, or a clock that was set back.
#[test]
fn dp_02_what_was_forgotten_is_not_taken_by_an_older_clock() {
    let (proofs, alice) = (Proofs::default(), caller(new_tenant(), "cli_1", "usr_alice"));
    let later = Proof { good_until: NOW + MINUTE * 2, ..proof("k", 2) };
    assert_eq!(proofs.take(&proof("k", 1), &alice, NOW), Ok(()));
    assert_eq!(proofs.take(&later, &alice, NOW + MINUTE), Ok(()));
    for back in [NOW, NOW + MINUTE - Duration::from_millis(1)] {
        assert_eq!(proofs.take(&proof("k", 1), &alice, back), Err(Taken::Already));
    }
    // A clock that was a day ahead shuts out what is as old as what was forgotten by it, and nothing that came since.
    let ahead = Proof { good_until: NOW + MINUTE * 1441, ..proof("k", 4) };
    assert_eq!(proofs.take(&ahead, &alice, NOW + MINUTE * 1440), Ok(()));
    assert_eq!(proofs.take(&later, &alice, NOW + MINUTE), Err(Taken::Already));
    let since = Proof { good_until: NOW + MINUTE * 2 + Duration::from_secs(1), ..proof("k", 3) };
    assert_eq!(proofs.take(&since, &alice, NOW + MINUTE), Ok(()));
}

#[test]
fn dp_02_where_there_is_no_room_no_proof_is_taken_and_none_forgotten() {
    let (tenant, second, third) = (new_tenant(), new_tenant(), new_tenant());
    let [alice, bob, carol] = ["usr_alice", "usr_bob", "usr_carol"].map(|subject| caller(tenant, "cli_1", subject));
    let proofs = Proofs::of(8, 2);
    // A person's share is the person's, by however many keys and clients.
    for (key, client, wanted) in [("a", "cli_1", Ok(())), ("b", "cli_2", Ok(())), ("c", "cli_1", FULL), ("c", "cli_3", FULL)] {
        assert_eq!(proofs.take(&proof(key, 1), &caller(tenant, client, "usr_alice"), NOW), wanted, "{key} {client}");
    }
    assert_eq!(proofs.take(&proof("a", 1), &alice, NOW), Err(Taken::Already));
    // A tenant has half, by however many people.
    assert_eq!(proofs.take(&proof("d", 1), &bob, NOW), Ok(()));
    assert_eq!(proofs.take(&proof("d", 2), &bob, NOW), Ok(()));
    assert_eq!(proofs.take(&proof("e", 1), &carol, NOW), FULL);
    // The same name is somebody else in another tenant.
    for (jti, subject) in [(1, "usr_alice"), (2, "usr_alice"), (3, "usr_bob"), (4, "usr_bob")] {
        assert_eq!(proofs.take(&proof("f", jti), &caller(second, "cli_1", subject), NOW), Ok(()), "{jti}");
    }
    // That is all there is.
    assert_eq!(proofs.take(&proof("g", 1), &caller(third, "cli_1", "usr_dora"), NOW), FULL);
    assert_eq!(proofs.take(&proof("d", 2), &bob, NOW), Err(Taken::Already));
    assert_eq!(proofs.take(&proof("b", 1), &alice, NOW), Err(Taken::Already));

    for (key, by) in [("c", &alice), ("c2", &alice), ("e", &carol), ("e2", &carol)] {
        let fresh = Proof { good_until: NOW + MINUTE * 2, ..proof(key, 1) };
        assert_eq!(proofs.take(&fresh, by, NOW + MINUTE), Ok(()), "{key}");
    }
    assert_eq!(proofs.take(&Proof { good_until: NOW + MINUTE * 2, ..proof("h", 1) }, &bob, NOW + MINUTE), FULL);
}

const FULL: Result<(), Taken> = Err(Taken::NoRoom);
