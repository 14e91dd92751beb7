use chancery_store::repo::vouchers::Checked;

use super::*;
use crate::fixtures::{NOW, entropy};

const MINUTE: Duration = Duration::from_secs(60);

fn voucher(age: Duration, trouble: Option<RecheckTrouble>, taken_till: Option<Timestamp>) -> Voucher {
    Voucher {
        tenant: TenantId::mint(NOW, &mut entropy()),
        subject: SubjectId::mint(NOW, &mut entropy()),
        registration: None,
        provider: "corp".parse().expect("a slug"),
        sealed: vec![1],
        version: 3,
        checked: Checked { at: NOW - age, tried_at: NOW - MINUTE / 2, trouble },
        taken: taken_till.map(|till| ([7; 32], till)),
    }
}

#[test]
fn one_asks_when_the_word_is_old_and_others_wait() {
    let lifetimes = Lifetimes::default();
    let turn = |age, trouble, taken| turn(&voucher(age, trouble, taken), &lifetimes, NOW);
    assert_eq!(turn(14 * MINUTE, None, None), Turn::Known(Ok(())));
    assert_eq!(turn(14 * MINUTE, None, Some(NOW + MINUTE)), Turn::Known(Ok(())));
    assert_eq!(turn(15 * MINUTE, None, None), Turn::Ask);
    assert_eq!(turn(15 * MINUTE, None, Some(NOW + MINUTE)), Turn::Wait);
    assert_eq!(turn(15 * MINUTE, None, Some(NOW)), Turn::Ask);
    assert_eq!(turn(15 * MINUTE, Some(RecheckTrouble::Silent), None), Turn::Known(Err(RecheckTrouble::Silent)));
}

#[test]
fn a_turn_is_over_for_no_node_s_clock_while_whoever_has_it_may_still_be_asking() {
    let longest = Duration::from_secs(45);
    assert!(NOW + longest + SKEW <= NOW + TURN);
}
