use std::sync::Mutex;

use chancery_core::{Entropy, Kind, Rng};
use proptest::prelude::*;

use super::*;

const PAGE: &str = include_str!("../../../docs/decisions/0002-event-bytes.md");

/// Hands out 0, 1, 2 … so that the salts are the page's.
#[derive(Default)]
struct Counting(Mutex<u8>);

impl Rng for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut next = self.0.lock().expect("nobody panics here");
        for byte in bytes {
            *byte = *next;
            *next = next.wrapping_add(1);
        }
    }
}

fn event(fields: &[(Field, &str)]) -> Event {
    let tenant = "ten_019ab697e80070008000000000000001".parse().expect("an id");
    let mut event =
        Event::new(Kind::SignedIn, tenant, Timestamp::from_millis(1_764_000_000_000), &mut Entropy::from_bytes([0; Entropy::BYTES]));
    event.id = "evt_019ab697e80070008000000000000003".parse().expect("an id");
    fields.iter().fold(event, |event, (field, value)| event.with(*field, value))
}

fn worked_example() -> Event {
    event(&[(Field::Subject, "usr_019ab697e80070008000000000000002"), (Field::Outcome, "permitted"), (Field::IdentityProvider, "kö")])
}

/// The hex of a fenced block of the page.
fn printed(block: &str) -> String {
    let (_, after) = PAGE.split_once(&format!("```{block}\n")).expect("the page has the block");
    after.split_once("```").expect("the block ends").0.split_whitespace().collect()
}

#[test]
fn the_bytes_are_those_of_the_page() {
    let row = seal(&worked_example(), &Counting::default());
    assert_eq!(digest::hex(&row.leaf), printed("leaf"));
    assert_eq!(digest::hex(&row.values), printed("values"));
}

#[test]
fn an_untouched_event_reads_back_whole() {
    let (event, row) = (worked_example(), seal(&worked_example(), &Counting::default()));
    let opened = open(&row.leaf, Some(&row.values)).expect("an untouched event");
    assert_eq!((opened.id, opened.tenant, opened.at, opened.erased), (event.id, event.tenant, event.at, 0));
    assert_eq!(opened.kind, "signed_in");
    let fields: Vec<(u16, String)> = event.fields.into_iter().map(|(field, value)| (field.number(), value)).collect();
    assert_eq!(opened.fields, fields);
}

#[test]
fn an_erased_field_leaves_the_others_proved() {
    let row = seal(&worked_example(), &Counting::default());
    let subject_entry = 1..1 + 2 + SALT + 4 + 36;
    let mut thinned = row.values.clone();
    thinned.drain(subject_entry);

    let opened = open(&row.leaf, Some(&thinned)).expect("an event with one field erased");
    assert_eq!(opened.fields, [(9, "permitted".to_owned()), (19, "kö".to_owned())]);
    assert_eq!(opened.erased, 1);
    assert_eq!(open(&row.leaf, None).expect("an event with all fields erased").erased, 3);
}

#[test]
fn a_field_cannot_be_shown_twice_or_in_another_order() {
    let row = seal(&event(&[(Field::Subject, "a"), (Field::Client, "b")]), &Counting::default());
    let (first, second) = row.values[1..].split_at(2 + SALT + 4 + 1);
    let swapped = [&[VALUES_VERSION], second, first].concat();
    let doubled = [&[VALUES_VERSION], first, first, second].concat();
    assert_eq!(open(&row.leaf, Some(&swapped)), Err(LeafError::Altered(1)));
    assert_eq!(open(&row.leaf, Some(&doubled)), Err(LeafError::Altered(1)));
}

#[test]
fn equal_values_have_unequal_commitments() {
    let row = seal(&event(&[(Field::Subject, "same"), (Field::Client, "same")]), &Counting::default());
    let (commitments, _) = row.leaf[row.leaf.len() - 2 * COMMITMENT..].as_chunks::<COMMITMENT>();
    assert_ne!(commitments[0], commitments[1]);
}

#[test]
fn a_field_of_a_later_version_keeps_its_number() {
    assert_eq!(field_name(Field::Subject.number()), "subject");
    assert_eq!(field_name(u16::MAX), "field_65535");
}

proptest! {
    #[test]
    fn no_byte_of_the_values_can_change(at in 0usize..115, flip in 1u8..) {
        let row = seal(&worked_example(), &Counting::default());
        let mut altered = row.values.clone();
        altered[at] ^= flip;
        prop_assert!(open(&row.leaf, Some(&altered)).is_err());
    }

    #[test]
    fn any_event_reads_back(subject in ".{0,80}", target in ".{0,80}") {
        let row = seal(&event(&[(Field::Subject, &subject), (Field::Target, &target)]), &Counting::default());
        let opened = open(&row.leaf, Some(&row.values)).expect("an untouched event");
        prop_assert_eq!(opened.fields, [(1, subject), (12, target)]);
    }

    #[test]
    fn no_bytes_make_it_panic(leaf in prop::collection::vec(any::<u8>(), 0..300), values in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = open(&leaf, Some(&values));
        let _ = open(&[DOMAIN, &leaf].concat(), Some(&values));
        let _ = open(&seal(&worked_example(), &Counting::default()).leaf, Some(&[&[VALUES_VERSION], &values[..]].concat()));
    }
}
