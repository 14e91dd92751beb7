use chancery_core::{Entropy, Timestamp};
use proptest::prelude::*;

use super::*;

fn tenant(number: u8) -> TenantId {
    TenantId::mint(Timestamp::from_millis(1), &mut Entropy::from_bytes([number; Entropy::BYTES]))
}

fn family(number: u8) -> FamilyId {
    FamilyId::mint(Timestamp::from_millis(1), &mut Entropy::from_bytes([number; Entropy::BYTES]))
}

fn key(number: u8) -> (KeyId, MacKey) {
    let id = KeyId::mint(Timestamp::from_millis(1), &mut Entropy::from_bytes([number; Entropy::BYTES]));
    (id, MacKey::new(Secret::new([number; 32])))
}

fn keys(newest_first: &[u8]) -> RefreshTokenKeys {
    RefreshTokenKeys::new(newest_first.iter().map(|number| key(*number)).collect()).expect("there is a key")
}

#[test]
fn oa_13_a_generation_has_one_token_and_each_its_own() {
    let keys = keys(&[1]);
    let token = |generation| keys.issue(&tenant(1), &family(1), generation).expose().clone();
    assert_eq!(token(7), token(7));
    assert_ne!(token(7), token(8));
    assert_eq!(keys.read(&tenant(1), &token(7)), Some(Presented { family: family(1), generation: 7 }));
}

#[test]
fn oa_14_a_token_holds_for_its_tenant_family_generation_and_key_alone() {
    let ours = keys(&[1]);
    let token = ours.issue(&tenant(1), &family(1), 7).expose().clone();
    let tag = token.rsplit_once('.').expect("the tag comes last").1;
    let id = key(1).0;

    assert_eq!(ours.read(&tenant(2), &token), None);
    assert_eq!(keys(&[2]).read(&tenant(1), &token), None);
    for forged in [
        format!("chancery_rt1.{id}.{}.8.{tag}", family(1)),
        format!("chancery_rt1.{id}.{}.07.{tag}", family(1)),
        format!("chancery_rt1.{id}.{}.+7.{tag}", family(1)),
        format!("chancery_rt1.{id}.{}.7.{tag}", family(2)),
        format!("chancery_rt2.{id}.{}.7.{tag}", family(1)),
        format!("chancery_rt1.{id}.{}.7.", family(1)),
        format!("chancery_rt1.{id}.{}.7", family(1)),
        format!("{token}.x"),
        format!("{token}="),
        format!("{token} "),
        String::new(),
    ] {
        assert_eq!(ours.read(&tenant(1), &forged), None, "{forged}");
    }
}

#[test]
fn a_key_of_the_same_id_but_other_bytes_forges_nothing() {
    let forger = RefreshTokenKeys::new(vec![(key(1).0, MacKey::new(Secret::new([9; 32])))]).expect("there is a key");
    let forged = forger.issue(&tenant(1), &family(1), 7);
    assert_eq!(keys(&[1]).read(&tenant(1), forged.expose()), None);
}

#[test]
fn the_newest_key_issues_and_the_older_ones_still_read() {
    let (before, after) = (keys(&[1]), keys(&[2, 1]));
    let old = before.issue(&tenant(1), &family(1), 7);
    assert!(after.read(&tenant(1), old.expose()).is_some());
    let new = after.issue(&tenant(1), &family(1), 8);
    assert!(new.expose().contains(&key(2).0.to_string()));
    assert_eq!(before.read(&tenant(1), new.expose()), None);
}

#[test]
fn there_is_no_keyring_without_a_key() {
    assert!(RefreshTokenKeys::new(Vec::new()).is_none());
}

proptest! {
    #[test]
    fn oa_14_no_changed_byte_passes(at in 0usize..120, flip in 1u8..128) {
        let keys = keys(&[1]);
        let mut bytes = keys.issue(&tenant(1), &family(1), 7).expose().clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let forged = String::from_utf8(bytes).expect("seven bits stay ASCII");
        prop_assert_eq!(keys.read(&tenant(1), &forged), None);
    }

    #[test]
    fn every_generation_reads_back(generation: u64) {
        let keys = keys(&[1]);
        let token = keys.issue(&tenant(1), &family(1), generation);
        prop_assert_eq!(keys.read(&tenant(1), token.expose()), Some(Presented { family: family(1), generation }));
    }

    #[test]
    fn nothing_a_peer_sends_panics(text in ".{0,200}", tail in "[0-9a-z_.]{0,120}") {
        let keys = keys(&[1]);
        prop_assert_eq!(keys.read(&tenant(1), &text), None);
        let tail = format!("chancery_rt1.{tail}");
        prop_assert_eq!(keys.read(&tenant(1), &tail), None);
    }
}
