use std::time::Duration;

use chancery_core::{ClientId, Field, Kind, SignedIn};
use chancery_store::Guard;

use super::*;
use crate::consent::fixtures::request;
use crate::fixtures::{CALLBACK, DESK, NOW, REPORTER, alice, allowed, at, desk, moment, reporter, tenant};
use crate::return_to::ReturnTo;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn visitor(signed_in: SignedIn) -> Visitor {
    Visitor { session: [5; 32], signed_in, label: "somebody".to_owned(), access: chancery_registry::Access::default() }
}

/// What alice allowed desk: the bank, to read and to move.
fn approval() -> Remembered {
    Remembered {
        tenant: tenant().id,
        subject: alice().subject,
        client: ClientId::claimed(DESK),
        resource: tenant().resources[0].id,
        agent: None,
        scope: "bank:read bank:move openid".parse().expect("scopes"),
        redirect_host: "desk.example".to_owned(),
        client_name: "Desk".to_owned(),
        at: NOW - DAY,
        expires_at: NOW + DAY * 89,
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))).collect()
}

/// The whole decision, as the endpoint runs it.
fn asked(request: &AuthorizationRequest, client: &Client, approvals: &[Remembered], headers: &HeaderMap) -> Option<Asked> {
    let alice = visitor(alice());
    let known = Known { request, client, visitor: &alice };
    may_be_spared(known, headers).and_then(|()| decide(&tenant(), known, approvals, &mut moment())).err()
}

#[test]
fn sb_04_what_was_allowed_is_not_asked_again_and_anything_else_is() {
    let tenant = tenant();
    let (desk, none) = (desk(), HeaderMap::new());
    let with = |change: fn(&mut AuthorizationRequest)| {
        let mut changed = request();
        change(&mut changed);
        changed
    };
    let to = |uri: &str| AuthorizationRequest { return_to: ReturnTo { uri: uri.to_owned(), state: None }, ..request() };
    let remembered = |change: fn(&mut Remembered)| {
        let mut changed = approval();
        change(&mut changed);
        changed
    };
    let both =
        AuthorizationRequest { resources: vec![allowed(&tenant, 0, "bank:read"), allowed(&tenant, 1, "exchange:convert")], ..request() };
    let wider = remembered(|it| it.scope = "bank:move".parse().expect("a scope"));
    let agent = Some(tenant.agents[0].id);

    #[rustfmt::skip]
    let table = [
        ("the same",                    request(),                                   approval(),                                         None),
        ("less",                        with(|it| it.resources[0].scope = "bank:read".parse().expect("a scope")), approval(),            None),
        ("prompt=none",                 with(|it| it.silent = true),                 approval(),                                         None),
        ("more scopes",                 request(),                                   wider,                                              Some(Asked::MoreScopes)),
        ("another server besides",      both,                                        approval(),                                         Some(Asked::NotAllowed)),
        ("another server was allowed",  request(),                                   Remembered { resource: tenant.resources[1].id, ..approval() }, Some(Asked::NotAllowed)),
        ("another client was allowed",  request(),                                   remembered(|it| it.client = ClientId::claimed(REPORTER)), Some(Asked::NotAllowed)),
        ("too long ago",                request(),                                   remembered(|it| it.expires_at = NOW),               Some(Asked::NotAllowed)),
        ("another name",                request(),                                   remembered(|it| it.client_name = "Bench".to_owned()), Some(Asked::OtherName)),
        ("another host",                request(),                                   remembered(|it| it.redirect_host = "desk2.example".to_owned()), Some(Asked::OtherHost)),
        ("another port",                request(),                                   remembered(|it| it.redirect_host = "desk.example:8443".to_owned()), Some(Asked::OtherHost)),
        ("another path",                to("https://desk.example/other"),            approval(),                                         None),
        ("another agent",               AuthorizationRequest { agent, ..request() }, approval(),                                         Some(Asked::OtherAgent)),
        ("no agent any more",           request(),                                   Remembered { agent, ..approval() },                 Some(Asked::OtherAgent)),
        ("prompt=consent",              with(|it| it.ask = true),                    approval(),                                         Some(Asked::ByTheClient)),
        ("prompt=login",                with(|it| it.fresh = true),                  approval(),                                         Some(Asked::SignInComesFirst)),
        ("prompt=select_account",       with(|it| it.select = true),                 approval(),                                         Some(Asked::SignInComesFirst)),
        ("loopback",                    to("http://127.0.0.1:5000/cb"),              remembered(|it| it.redirect_host = "127.0.0.1".to_owned()), Some(Asked::AnybodysAddress)),
        ("encrypted loopback",          to("https://localhost/cb"),                  remembered(|it| it.redirect_host = "localhost".to_owned()), Some(Asked::AnybodysAddress)),
        ("an app's own scheme",         to("cursor://app/cb"),                       remembered(|it| it.redirect_host = "cursor://app".to_owned()), Some(Asked::AnybodysAddress)),
    ];
    for (what, request, approval, expected) in table {
        assert_eq!(asked(&request, &desk, &[approval], &none), expected, "{what}");
    }
    assert_eq!(asked(&request(), &desk, &[], &none), Some(Asked::NotAllowed));
    assert_eq!(asked(&request(), &reporter(&tenant), &[approval()], &none), Some(Asked::NotAllowed));
}

#[test]
fn oa_22_only_a_browser_on_its_way_there_is_spared_the_page() {
    let page = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(asked(&request(), &desk(), &[approval()], &headers(&page)), None);
    for other in [
        [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
        [("sec-fetch-dest", "document"), ("sec-purpose", "prefetch;prerender")],
        [("sec-fetch-dest", "document"), ("purpose", "prefetch")],
    ] {
        assert_eq!(asked(&request(), &desk(), &[approval()], &headers(&other)), Some(Asked::NobodyGoesThere), "{other:?}");
    }
}

#[test]
fn what_is_remembered_ends_when_the_page_said_and_is_guarded() {
    let (tenant, desk, alice) = (tenant(), desk(), visitor(alice()));
    let known = Known { request: &request(), client: &desk, visitor: &alice };

    let Ok(issued) = decide(&tenant, known, &[approval()], &mut at(NOW)) else { panic!("the person is asked") };

    let writes = &issued.draft.writes;
    assert_eq!(writes[..2], [sessions::alive(&tenant.id, &[5; 32], NOW), approvals::alive(&approval(), NOW)]);
    assert!(writes.iter().all(|write| write.guard == Guard::Exactly(1)));
    assert_eq!(writes.len(), 4, "and the grant, and the code; nothing is remembered anew");
    assert!(format!("{:?}", writes[2]).contains(&(NOW + DAY * 89).millis().to_string()), "{:?}", writes[2]);
    assert!(format!("{:?}", writes[3]).contains(CALLBACK));
    let event = &issued.draft.events[0];
    assert_eq!(event.kind, Kind::ConsentRemembered);
    assert_eq!(event.field(Field::Scope), Some("bank:read openid"));
}
