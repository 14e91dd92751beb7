use std::time::Duration;

use chancery_core::Decision;

use super::*;
use crate::consent::fixtures::{BROWSER, page, request};
use crate::fixtures::{NOW, moment, tenant};

fn from<'a>() -> PostedFrom<'a> {
    PostedFrom { origin: Some("https://gw.example"), fetch_site: None, browser: Some(BROWSER) }
}

fn post<'a>() -> Post<'a> {
    let page = Page::of((request(), "Desk"), BROWSER, None, &mut moment());
    Post { from: from(), page: Some(page), decision: Some(Decision::Approve) }
}

fn refusal(post: Post<'_>) -> (&'static str, &'static str) {
    match checked(post, &tenant(), NOW) {
        Ok(_) => panic!("the answer was taken"),
        Err(refusal) => (refusal.reason, refusal.row),
    }
}

#[test]
fn oa_22_an_answer_comes_from_our_own_page() {
    assert!(checked(post(), &tenant(), NOW).is_ok());
    for origin in ["https://evil.example", "http://gw.example", "https://gw.example:444", "https://gw.example/"] {
        assert_eq!(
            refusal(Post { from: PostedFrom { origin: Some(origin), fetch_site: Some("same-origin"), ..from() }, ..post() }),
            ("page_origin", "OA-22"),
            "{origin}"
        );
    }
}

#[test]
fn oa_22_a_browser_that_hides_the_origin_must_say_that_it_is_ours() {
    for origin in [None, Some("null")] {
        assert!(checked(Post { from: PostedFrom { origin, fetch_site: Some("same-origin"), ..from() }, ..post() }, &tenant(), NOW).is_ok());
        for fetch_site in [None, Some("same-site"), Some("cross-site"), Some("none")] {
            assert_eq!(refusal(Post { from: PostedFrom { origin, fetch_site, ..from() }, ..post() }).0, "page_origin");
        }
    }
}

#[test]
fn sb_03_an_answer_of_another_browser_does_nothing() {
    for browser in [None, Some([8; 32])] {
        assert_eq!(refusal(Post { from: PostedFrom { browser, ..from() }, ..post() }), ("page_browser", "SB-03"));
    }
}

#[test]
fn oa_22_a_page_of_nobody_an_old_page_and_no_answer_do_nothing() {
    assert_eq!(refusal(Post { page: None, ..post() }), ("page_seal", "OA-22"));
    assert_eq!(refusal(Post { decision: None, ..post() }), ("page_decision", "OA-22"));
    let life = tenant().lifetimes.consent_page;
    assert!(
        checked(Post { page: Some(Page { shown_at: NOW - life + Duration::from_millis(1), ..page() }), ..post() }, &tenant(), NOW).is_ok()
    );
    assert_eq!(refusal(Post { page: Some(Page { shown_at: NOW - life, ..page() }), ..post() }), ("page_age", "OA-22"));
}
