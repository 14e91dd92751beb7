use std::time::Duration;

use chancery_core::ClientId;
use chancery_crypto::digest::sha256;
use chancery_store::Guard;
use chancery_store::repo::consumed;

use super::*;
use crate::consent::fixtures::{BROWSER, page, request};
use crate::consent::sealed::Sealed;
use crate::fixtures::{CALLBACK, CHALLENGE, NOW, REPORTER, alice, at, bob, desk, moment, page_keys, reporter, tenant};

fn visitor(signed_in: SignedIn) -> Visitor {
    Visitor { session: [5; 32], signed_in, label: "somebody".to_owned(), access: chancery_registry::Access::default() }
}

fn next(page: &Page, decision: Decision, visitor: Option<&Visitor>) -> Result<Next, PageRefusal> {
    let (tenant, client) = (tenant(), desk());
    decide(page, decision, Facts { tenant: &tenant, client: Some(&client), visitor }, &mut moment())
}

fn issued(next: Result<Next, PageRefusal>) -> Issued {
    match next.expect("an outcome") {
        Next::Issued(issued) => issued,
        Next::Denied(_) => panic!("it was denied"),
        Next::SignIn(..) => panic!("a sign-in begins"),
    }
}

fn sign_in(next: Result<Next, PageRefusal>) -> Approved {
    match next.expect("an outcome") {
        Next::SignIn(approved, draft) => {
            assert_eq!(draft.writes[0].guard, Guard::Exactly(1), "the page is consumed");
            *approved
        }
        Next::Issued(_) => panic!("a code was issued"),
        Next::Denied(_) => panic!("it was denied"),
    }
}

#[test]
fn oa_22_the_named_session_approves_and_the_page_is_consumed() {
    let issued = issued(next(&page(), Decision::Approve, Some(&visitor(alice()))));

    let consumed = consumed::consume(&tenant().id, "page", &page().id, NOW + Duration::from_secs(600));
    assert_eq!(issued.draft.writes[0], consumed);
    assert_eq!(issued.draft.writes[1], sessions::alive(&tenant().id, &[5; 32], NOW));
    assert_eq!(issued.draft.writes.len(), 5, "and what is remembered, and the grant, and the code");
    assert!(format!("{:?}", issued.draft.writes[2]).contains("desk.example"), "{:?}", issued.draft.writes[2]);
    let event = &issued.draft.events[0];
    assert_eq!(event.kind, Kind::ConsentGiven);
    assert_eq!(event.field(Field::Subject), Some(alice().subject.to_string().as_str()));
    assert_eq!(event.field(Field::Scope), Some("bank:read openid"));
}

#[test]
fn of_the_code_only_its_hash_is_written() {
    let issued = issued(next(&page(), Decision::Approve, Some(&visitor(alice()))));
    let code = issued.code.expose();
    assert_eq!(code.len(), 43);
    let written = format!("{:?}", issued.draft.writes);
    assert!(!written.contains(code.as_str()));
    assert!(written.contains(&format!("{:?}", sha256(code.as_bytes()))));
    assert!(written.contains(CHALLENGE) && written.contains(CALLBACK));
}

#[test]
fn where_nobody_known_approves_a_sign_in_begins() {
    let nobody = Page { person: None, ..page() };
    assert_eq!(sign_in(next(&nobody, Decision::Approve, None)).person, None);
    // The page said nothing of the session that is there now.
    assert_eq!(sign_in(next(&nobody, Decision::Approve, Some(&visitor(alice())))).person, None);
    // The session is gone, or is another's: whoever comes back must be whom the page named.
    assert_eq!(sign_in(next(&page(), Decision::Approve, None)).person, Some(alice().subject));
    assert_eq!(sign_in(next(&page(), Decision::Approve, Some(&visitor(bob())))).person, Some(alice().subject));
}

#[test]
fn a_fresh_sign_in_is_not_spared_by_a_session() {
    let fresh = Page { request: AuthorizationRequest { fresh: true, ..request() }, ..page() };
    assert!(sign_in(next(&fresh, Decision::Approve, Some(&visitor(alice())))).request.fresh);
}

#[test]
fn a_no_goes_to_the_client_and_consumes_the_page() {
    for (visitor, events) in [(None, 0), (Some(visitor(alice())), 1)] {
        let Ok(Next::Denied(refused)) = next(&page(), Decision::Deny, visitor.as_ref()) else { panic!("not denied") };
        let (error, _, draft) = refused.into_parts();
        assert_eq!(error.code(), Code::AccessDenied);
        assert_eq!((draft.writes.len(), draft.events.len()), (1, events));
    }
}

#[test]
fn sb_04_consent_given_to_one_client_serves_no_other() {
    let tenant = tenant();
    let (visitor, other) = (visitor(alice()), reporter(&tenant));
    for client in [None, Some(&*other)] {
        let facts = Facts { tenant: &tenant, client, visitor: Some(&visitor) };
        let refusal = decide(&page(), Decision::Approve, facts, &mut moment()).err().expect("a refusal");
        assert_eq!(refusal.row, "SB-04");
    }
    // A page of the other client asks about the other client: its grant is no grant of this one.
    let agent = Some(tenant.agents[0].id);
    let theirs = AuthorizationRequest { client: ClientId::claimed(REPORTER), agent, ..request() };
    let theirs = Page { request: theirs, client_name: other.name.clone(), ..page() };
    let facts = Facts { tenant: &tenant, client: Some(&other), visitor: Some(&visitor) };
    let issued = issued(decide(&theirs, Decision::Approve, facts, &mut moment()));
    assert_eq!(issued.draft.events[0].field(Field::Client), Some(REPORTER));
}

#[test]
fn sb_04_what_was_changed_since_the_page_was_shown_is_not_approved() {
    let moved = Page {
        request: AuthorizationRequest {
            return_to: crate::return_to::ReturnTo { uri: "https://x.example".into(), state: None },
            ..request()
        },
        ..page()
    };
    assert!(next(&moved, Decision::Approve, None).is_err());
    let mut gone = tenant();
    gone.resources.clear();
    let client = desk();
    assert!(decide(&page(), Decision::Approve, Facts { tenant: &gone, client: Some(&client), visitor: None }, &mut moment()).is_err());
}

#[test]
fn ci_08_a_name_that_the_page_did_not_show_is_not_approved() {
    let (tenant, visitor) = (tenant(), visitor(alice()));
    let renamed = Client { name: "Payroll".to_owned(), ..(*desk()).clone() };
    let facts = Facts { tenant: &tenant, client: Some(&renamed), visitor: Some(&visitor) };

    let refusal = decide(&page(), Decision::Approve, facts, &mut moment()).err().expect("a refusal");
    assert_eq!((refusal.reason, refusal.row), ("page_outdated", "CI-08"));
    let refusal = resume(&approved(), &row(), &alice(), facts, &mut moment()).err().expect("a refusal");
    assert_eq!((refusal.reason, refusal.row), ("page_outdated", "CI-08"));
}

fn row() -> SignIn {
    SignIn {
        tenant: tenant().id,
        state: [1; 32],
        provider: "corp".parse().expect("a slug"),
        browser: BROWSER,
        sealed: Vec::new(),
        request: String::new(),
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(600),
        claimed_at: Some(NOW),
        result: None,
        resume: Some([2; 32]),
        resumed_at: None,
    }
}

fn approved() -> Approved {
    Approved { request: request(), client_name: desk().name.clone(), person: None }
}

fn resumed(approved: &Approved, by: &SignedIn) -> Resumed {
    let (tenant, client) = (tenant(), desk());
    resume(approved, &row(), by, Facts { tenant: &tenant, client: Some(&client), visitor: None }, &mut moment()).expect("an outcome")
}

#[test]
fn who_comes_back_gets_a_code_if_the_page_named_nobody_or_them() {
    for person in [None, Some(alice().subject)] {
        let Resumed::Issued(issued) = resumed(&Approved { person, ..approved() }, &alice()) else { panic!("asked again") };
        assert_eq!(issued.draft.writes[0], sign_ins::resume(&tenant().id, &[1; 32], NOW));
        assert_eq!(issued.draft.writes[1], sessions::alive_by_id(&tenant().id, &alice().session, NOW));
    }
}

#[test]
fn somebody_else_than_the_page_named_is_asked() {
    let approved = Approved { request: AuthorizationRequest { fresh: true, ..request() }, person: Some(alice().subject), ..approved() };
    let Resumed::AskAgain(asked, draft) = resumed(&approved, &bob()) else { panic!("a code was issued") };
    assert_eq!(asked, request());
    assert_eq!(draft.writes, [sign_ins::resume(&tenant().id, &[1; 32], NOW)]);
}

#[test]
fn at_04_the_agent_that_the_page_named_is_granted_and_no_other() {
    let tenant = tenant();
    let (reporter, agent) = (reporter(&tenant), Some(tenant.agents[0].id));
    let theirs = AuthorizationRequest { client: ClientId::claimed(REPORTER), agent, ..request() };
    let page = Page { request: theirs, client_name: reporter.name.clone(), ..page() };
    let visitor = visitor(alice());
    let decided = |client: &Client| {
        decide(&page, Decision::Approve, Facts { tenant: &tenant, client: Some(client), visitor: Some(&visitor) }, &mut moment())
    };

    let granted = issued(decided(&reporter));
    assert_eq!(granted.draft.events[0].field(Field::Agent), agent.map(|agent| agent.to_string()).as_deref());
    // The client was bound to another agent since, to none, or can no longer prove anything.
    let other = Client { agent: Some(chancery_core::AgentId::mint(NOW, &mut crate::fixtures::entropy(40))), ..(*reporter).clone() };
    let none = Client { agent: None, ..(*reporter).clone() };
    let public = Client { authentication: chancery_registry::ClientAuthentication::None, ..(*reporter).clone() };
    for changed in [other, none, public] {
        assert_eq!(decided(&changed).err().expect("a refusal").row, "SB-04");
    }
}

#[test]
fn oa_22_a_seal_opens_for_its_tenant_and_purpose_alone() {
    let (keys, tenant) = (page_keys(1), tenant().id);
    let sealed = page().seal(&keys, &tenant, &mut moment()).expect("sealed");
    assert_eq!(Page::open(&keys, &tenant, &sealed), Some(page()));

    let approved = approved();
    let approval = approved.seal(&keys, &tenant, &mut moment()).expect("sealed");
    assert_eq!(Approved::open(&keys, &tenant, &approval), Some(approved));
    assert_eq!(Page::open(&keys, &tenant, &approval), None, "an approval is no page");
    assert_eq!(Approved::open(&keys, &tenant, &sealed), None, "a page is no approval");

    let other = chancery_core::TenantId::mint(NOW, &mut crate::fixtures::entropy(77));
    assert_eq!(Page::open(&keys, &other, &sealed), None);
    assert_eq!(Page::open(&page_keys(2), &tenant, &sealed), None);
    assert_eq!(Page::open(&keys, &tenant, &sealed[1..]), None);
}

#[test]
fn two_pages_are_consumed_apart() {
    let first = Page::of((request(), "Desk"), BROWSER, None, &mut at(NOW));
    let second = Page::of((request(), "Desk"), BROWSER, None, &mut Moment { now: NOW, entropy: crate::fixtures::entropy(3) });
    assert_ne!(first.id, second.id);
}
