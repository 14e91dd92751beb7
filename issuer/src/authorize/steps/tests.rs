use std::sync::Arc;

use chancery_core::oauth::Code;
use chancery_registry::{GrantType, Tenant};
use proptest::prelude::*;

use super::*;
use crate::fixtures::{BANK, CALLBACK, CHALLENGE, DESK, EXCHANGE, REPORTER, desk, form, reporter, stranger, tenant};
use crate::form::Form;

/// It registered itself.
const STRANGER: &str = "cli_stranger";

/// A request that passes every step, as pairs to be changed.
const GOOD: [(&str, &str); 8] = [
    ("client_id", DESK),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
    ("resource", BANK),
    ("scope", "bank:read"),
    ("state", "s"),
];

fn check(tenant: &Tenant, form: &Form) -> Result<AuthorizationRequest, Sent> {
    let clients = [desk(), reporter(tenant), no_code_flow(tenant), stranger(STRANGER).into()];
    let client = clients.iter().find(|client| Some(client.id.as_str()) == form.one("client_id"));
    checked(&Arrival { tenant, form, client, fault: None })
}

/// A client that may only refresh.
fn no_code_flow(tenant: &Tenant) -> Arc<Client> {
    let id = chancery_core::ClientId::claimed("cli_refresher");
    Arc::new(Client { id, grant_types: [GrantType::RefreshToken].into(), ..(*reporter(tenant)).clone() })
}

fn changed(changes: &[(&'static str, &'static str)]) -> Form {
    let kept = GOOD.into_iter().filter(|(name, _)| changes.iter().all(|(other, _)| name != other));
    form(kept.chain(changes.iter().copied()))
}

fn request(changes: &[(&'static str, &'static str)]) -> AuthorizationRequest {
    match check(&tenant(), &changed(changes)) {
        Ok(request) => request,
        Err(refusal) => panic!("{changes:?} was refused: {refusal:?}"),
    }
}

/// The row of a refusal on our page.
fn on_our_page(form: &Form) -> &'static str {
    match check(&tenant(), form) {
        Err(Sent::OnPage(refusal)) => refusal.row,
        other => panic!("no page: {:?}", other.err()),
    }
}

/// Code and row of a refusal that goes to the client.
fn back(changes: &[(&'static str, &'static str)]) -> (Code, &'static str) {
    back_of(&changed(changes))
}

fn back_of(form: &Form) -> (Code, &'static str) {
    match check(&tenant(), form) {
        Err(Sent::ToClient(to, refused)) => {
            assert_eq!((to.uri.as_str(), to.state.as_deref()), (CALLBACK, Some("s")), "OA-04");
            (refused.error().code(), refused.row())
        }
        other => panic!("not sent back: {:?}", other.err()),
    }
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OnPage(refusal) => refusal.fmt(f),
            Self::ToClient(_, refused) => refused.fmt(f),
        }
    }
}

#[test]
fn a_good_request_is_what_it_says() {
    let request = request(&[("nonce", "n"), ("login_hint", "alice")]);
    assert_eq!(request.client.as_str(), DESK);
    assert_eq!(request.return_to, ReturnTo { uri: CALLBACK.to_owned(), state: Some("s".to_owned()) });
    assert_eq!(request.challenge.as_str(), CHALLENGE);
    assert_eq!(request.resources[0].resource.as_str(), BANK);
    assert_eq!(request.resources[0].scope.to_string(), "bank:read");
    assert_eq!((request.nonce.as_deref(), request.login_hint.as_deref()), (Some("n"), Some("alice")));
    assert!(!request.silent && !request.fresh);
}

#[test]
fn oa_01_an_unknown_client_is_refused_on_our_page() {
    assert_eq!(on_our_page(&changed(&[("client_id", "cli_nobody")])), "OA-01");
    assert_eq!(on_our_page(&changed(&[("client_id", "")])), "OA-01");
}

#[test]
fn oa_02_an_unregistered_redirect_uri_is_refused_on_our_page() {
    for uri in ["https://desk.example/cb/", "https://evil.example/cb", "https://desk.example/cb?x", "http://desk.example/cb", "x"] {
        assert_eq!(on_our_page(&changed(&[("redirect_uri", uri)])), "OA-02", "{uri}");
    }
    let doubled = form(GOOD.into_iter().chain([("redirect_uri", "https://evil.example/cb")]));
    assert_eq!(on_our_page(&doubled), "OA-02");
}

#[test]
fn oa_02_a_missing_redirect_uri_is_fine_where_one_is_registered() {
    assert_eq!(request(&[("redirect_uri", "")]).return_to.uri, CALLBACK);
    assert_eq!(on_our_page(&changed(&[("client_id", REPORTER), ("redirect_uri", "")])), "OA-02");
}

#[test]
fn oa_03_a_loopback_redirect_may_use_any_port() {
    let uri = "http://127.0.0.1:5000/cb";
    assert_eq!(request(&[("client_id", REPORTER), ("redirect_uri", uri)]).return_to.uri, uri);
}

#[test]
fn oa_04_from_then_on_refusals_go_to_the_client() {
    assert_eq!(back(&[("nonce", "a\u{0}b")]), (Code::InvalidRequest, "OA-04"));
}

#[test]
fn oa_04_nobody_is_sent_unasked_to_an_address_that_nobody_vouches_for() {
    let on_loopback = [("client_id", STRANGER), ("redirect_uri", "http://127.0.0.1:5000/cb")];
    for (bad, row) in [(("code_challenge", ""), "PK-01"), (("scope", "no:such"), "RI-05"), (("prompt", "none login"), "OA-21")] {
        assert_eq!(on_our_page(&changed(&[("client_id", STRANGER), bad])), row);
        match check(&tenant(), &changed(&[on_loopback[0], on_loopback[1], bad])) {
            Err(Sent::ToClient(to, _)) => assert_eq!(to.uri, on_loopback[1].1),
            other => panic!("not sent back: {:?}", other.err()),
        }
    }
    assert_eq!(request(&[("client_id", STRANGER)]).return_to.uri, CALLBACK);
}

#[test]
fn oa_05_only_the_code_response_in_the_query() {
    for response_type in ["token", "id_token token", "code token", "CODE"] {
        assert_eq!(back(&[("response_type", response_type)]), (Code::UnsupportedResponseType, "OA-05"), "{response_type}");
    }
    assert_eq!(back(&[("response_type", "")]), (Code::InvalidRequest, "OA-05"));
    assert_eq!(back(&[("response_mode", "fragment")]), (Code::InvalidRequest, "OA-05"));
    request(&[("response_mode", "query")]);
}

#[test]
fn oa_06_no_parameter_but_resource_comes_twice() {
    for (name, value) in GOOD.into_iter().filter(|(name, _)| !matches!(*name, "client_id" | "redirect_uri" | "resource")) {
        assert_eq!(back_of(&form(GOOD.into_iter().chain([(name, value)]))), (Code::InvalidRequest, "OA-06"), "{name}");
    }
    request(&[("x-unknown", "1")]);
}

#[test]
fn oa_17_a_client_without_the_code_grant_is_unauthorized() {
    assert_eq!(back(&[("client_id", "cli_refresher")]), (Code::UnauthorizedClient, "OA-17"));
}

#[test]
fn pk_01_no_challenge_no_authorization() {
    assert_eq!(back(&[("code_challenge", "")]), (Code::InvalidRequest, "PK-01"));
    assert_eq!(back(&[("code_challenge", ""), ("client_id", REPORTER)]), (Code::InvalidRequest, "PK-01"));
}

#[test]
fn pk_02_only_s256() {
    for method in ["", "plain", "s256", "S512"] {
        assert_eq!(back(&[("code_challenge_method", method)]), (Code::InvalidRequest, "PK-02"), "{method}");
    }
}

#[test]
fn pk_03_a_challenge_is_43_characters_of_base64url() {
    assert_eq!(back(&[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw")]), (Code::InvalidRequest, "PK-03"));
}

#[test]
fn ri_01_an_unknown_relative_or_fragment_resource_is_invalid_target() {
    for resource in ["https://gw.example/mcp/other", "/mcp/bank", "https://gw.example/mcp/bank#x", "bank"] {
        assert_eq!(back(&[("resource", resource)]), (Code::InvalidTarget, "RI-01"), "{resource}");
    }
}

#[test]
fn ri_03_without_a_resource_only_a_lone_one_is_meant() {
    assert_eq!(back(&[("resource", "")]), (Code::InvalidTarget, "RI-03"));
    let mut alone = tenant();
    alone.resources.truncate(1);
    let request = check(&alone, &changed(&[("resource", "")])).expect("the only one");
    assert_eq!(request.resources[0].resource.as_str(), BANK);
}

#[test]
fn ri_04_a_resource_is_matched_exactly() {
    for resource in ["https://gw.example/mcp/bank/", "https://GW.example/mcp/bank", "https://gw.example:443/mcp/bank"] {
        assert_eq!(back(&[("resource", resource)]).0, Code::InvalidTarget, "{resource}");
    }
}

#[test]
fn ri_05_each_resource_gets_its_own_scopes() {
    let both = form(
        GOOD.into_iter()
            .filter(|(name, _)| *name != "scope")
            .chain([("resource", EXCHANGE), ("scope", "exchange:convert bank:move openid offline_access")]),
    );
    let request = check(&tenant(), &both).expect("both");
    let shared: Vec<_> = request.resources.iter().map(|allowed| (allowed.resource.as_str(), allowed.scope.to_string())).collect();
    assert_eq!(shared, [(BANK, "bank:move openid".to_owned()), (EXCHANGE, "exchange:convert openid".to_owned())]);
}

#[test]
fn ri_05_a_scope_that_no_asked_resource_knows_is_invalid() {
    for scope in ["exchange:convert", "bank:read other", "bad\"scope"] {
        assert_eq!(back(&[("scope", scope)]), (Code::InvalidScope, "RI-05"), "{scope}");
    }
    let nothing_for_the_exchange = form(GOOD.into_iter().chain([("resource", EXCHANGE)]));
    assert_eq!(back_of(&nothing_for_the_exchange), (Code::InvalidScope, "RI-05"));
}

#[test]
fn ri_05_no_scope_means_the_default_one() {
    assert_eq!(request(&[("scope", "")]).resources[0].scope.to_string(), "bank:read");
    assert_eq!(request(&[("scope", "openid")]).resources[0].scope.to_string(), "bank:read openid");
}

#[test]
fn at_04_a_resource_for_agents_takes_a_client_that_proves_to_be_one() {
    let mut tenant = tenant();
    let mut bank = (*tenant.resources[0]).clone();
    bank.require_agent = true;
    tenant.resources[0] = bank.into();
    assert!(check(&tenant, &changed(&[("client_id", REPORTER)])).is_ok());
    match check(&tenant, &changed(&[])) {
        Err(Sent::ToClient(_, refused)) => assert_eq!(refused.error().code(), Code::AccessDenied),
        other => panic!("not sent back: {:?}", other.err()),
    }
}

#[test]
fn oa_21_prompt_none_stands_alone() {
    assert!(request(&[("prompt", "none")]).silent);
    assert!(request(&[("prompt", "login consent")]).fresh);
    let aged = request(&[("max_age", "60"), ("acr_values", "mfa phr")]);
    assert_eq!((aged.fresh, aged.max_age, aged.acr_values.as_deref()), (false, Some(60), Some("mfa phr")));
    assert!(!request(&[("prompt", "consent")]).fresh);
    let another = request(&[("prompt", "select_account")]);
    assert!(another.select && !another.fresh);
    assert_eq!(back(&[("prompt", "none login")]), (Code::InvalidRequest, "OA-21"));
    assert_eq!(back(&[("max_age", "soon")]), (Code::InvalidRequest, "OA-21"));
}

proptest! {
    /// Whatever is asked: what is not refused on our page goes to a registered address, and what passes has a proper challenge.
    #[test]
    fn oa_02_no_request_leaves_for_an_unregistered_address(pairs in proptest::collection::vec(
        (prop::sample::select(vec!["client_id", "redirect_uri", "response_type", "code_challenge", "resource", "scope", "state", "prompt"]),
         prop::sample::select(vec![DESK, REPORTER, CALLBACK, "https://evil.example", "http://127.0.0.1:1/cb", "code", CHALLENGE, BANK, "x", ""])),
        0..12)) {
        let registered = |to: &ReturnTo| to.uri == CALLBACK || to.uri == "http://127.0.0.1:1/cb";
        match check(&tenant(), &form(pairs)) {
            Ok(request) => prop_assert!(registered(&request.return_to)),
            Err(Sent::ToClient(to, _)) => prop_assert!(registered(&to)),
            Err(Sent::OnPage(_)) => {}
        }
    }
}
