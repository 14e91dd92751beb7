use std::time::Duration;

use super::*;
use crate::fixtures::{BROWSER, NOW, metadata, provider, sign_in};
use crate::refused::Trace;

fn came(query: &str) -> Arrival {
    Arrival::parse(query).expect("well formed")
}

/// The code that may be redeemed, or the refusal's reason, row and trace.
type Came = Result<String, (&'static str, &'static str, Trace)>;

struct Case {
    query: &'static str,
    provider: &'static str,
    sign_in: Option<SignIn>,
    browser: Option<[u8; 32]>,
    names_itself: bool,
    now: Timestamp,
}

impl Case {
    fn good() -> Self {
        Self { query: "state=s&code=c", provider: "corp", sign_in: Some(sign_in()), browser: Some(BROWSER), names_itself: false, now: NOW }
    }

    fn decided(&self) -> Came {
        let (provider, metadata, arrival) = (provider(self.provider), metadata(self.names_itself), came(self.query));
        let facts = Facts { provider: &provider, sign_in: self.sign_in.as_ref(), browser: self.browser, metadata: Some(&metadata) };
        match decide(&arrival, &facts, self.now) {
            Ok(Next::Redeem { code, .. }) => Ok(code.to_owned()),
            Ok(Next::Metadata) => unreachable!("the metadata is there"),
            Err(refused) => Err((refused.reason, refused.row, refused.trace)),
        }
    }
}

#[test]
fn a_good_answer_is_redeemed() {
    assert_eq!(Case::good().decided(), Ok("c".into()));
}

#[test]
fn the_metadata_is_asked_for_only_once_the_browser_is_the_right_one() {
    let (provider, arrival, row) = (provider("corp"), came("state=s&code=c"), sign_in());
    let facts = |browser| Facts { provider: &provider, sign_in: Some(&row), browser, metadata: None };
    assert!(matches!(decide(&arrival, &facts(Some(BROWSER)), NOW), Ok(Next::Metadata)));
    assert!(decide(&arrival, &facts(None), NOW).is_err());
}

#[test]
fn sb_03_another_browser_ends_the_sign_in_before_the_token_request() {
    assert_eq!(Case { browser: Some([3; 32]), ..Case::good() }.decided(), Err(("another browser", "SB-03", Trace::End)));
}

#[test]
fn sb_03_without_a_cookie_nothing_is_redeemed_and_nothing_ends() {
    assert_eq!(Case { browser: None, ..Case::good() }.decided(), Err(("another browser", "SB-03", Trace::Count)));
}

#[test]
fn is_02_the_table_of_iss_advertised_present_and_equal() {
    let (equal, other) = ("state=s&code=c&iss=https%3A%2F%2Fidp.example", "state=s&code=c&iss=https%3A%2F%2Fidp.example%2F");
    let (absent, stop, mixed) = ("state=s&code=c", ("answer without issuer", "IS-02"), ("answer of another issuer", "SB-05"));
    let table = [
        (true, equal, None),
        (true, absent, Some(stop)),
        (true, other, Some(mixed)),
        (false, equal, None),
        (false, absent, None),
        (false, other, Some(mixed)),
    ];
    for (names_itself, query, refused) in table {
        let expected = refused.map_or(Ok("c".to_owned()), |(reason, row)| Err((reason, row, Trace::End)));
        assert_eq!(Case { names_itself, query, ..Case::good() }.decided(), expected, "{names_itself} {query}");
    }
}

#[test]
fn is_02_the_error_of_a_wrong_answer_is_not_shown() {
    let (provider, metadata, row) = (provider("corp"), metadata(true), sign_in());
    let arrival = came("state=s&error=access_denied&error_description=call+me&iss=https://evil.example");
    let facts = Facts { provider: &provider, sign_in: Some(&row), browser: Some(BROWSER), metadata: Some(&metadata) };
    let refused = decide(&arrival, &facts, NOW).expect_err("another issuer");
    assert!(!format!("{}{}", refused.text, refused.remedy).contains("call me"));
    assert!(!refused.text.contains("evil"));
}

#[test]
fn sb_05_an_answer_by_the_address_of_another_provider_ends_the_sign_in() {
    assert_eq!(Case { provider: "other", ..Case::good() }.decided(), Err(("another provider's address", "SB-05", Trace::End)));
}

#[test]
fn what_is_not_known_used_or_late_is_counted_and_changes_nothing() {
    let used = SignIn { claimed_at: Some(NOW), ..sign_in() };
    let late = NOW + Duration::from_secs(600);
    let table = [
        (Case { sign_in: None, ..Case::good() }, "unknown sign-in"),
        (Case { sign_in: Some(used), browser: None, ..Case::good() }, "sign-in used before"),
        (Case { now: late, browser: None, ..Case::good() }, "sign-in too late"),
    ];
    for (case, reason) in table {
        assert_eq!(case.decided(), Err((reason, "", Trace::Count)));
    }
    assert!(Case { now: late - Duration::from_millis(1), ..Case::good() }.decided().is_ok());
}

#[test]
fn an_error_of_the_provider_is_shown_and_ends_the_sign_in() {
    let query = "state=s&code=c&error=access_denied&error_description=not+assigned";
    assert_eq!(Case { query, ..Case::good() }.decided(), Err(("refused by the provider", "", Trace::End)));
    assert_eq!(Case { query: "state=s", ..Case::good() }.decided(), Err(("answer without code", "", Trace::End)));
}

#[test]
fn what_the_provider_said_cannot_leave_its_quotes() {
    let query = "state=s&error=a%60b%0Ac&error_description=no%60%0ACall+us";
    let (provider, metadata, row, arrival) = (provider("corp"), metadata(false), sign_in(), came(query));
    let facts = Facts { provider: &provider, sign_in: Some(&row), browser: Some(BROWSER), metadata: Some(&metadata) };
    let refused = decide(&arrival, &facts, NOW).expect_err("an error");
    assert!(refused.text.contains("answered `a\u{FFFD}b\u{FFFD}c`. `no\u{FFFD}\u{FFFD}Call us`"), "{}", refused.text);
}
