use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_core::oauth::Code;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{DESK, REPORTER, SECRET, desk, form, reporter, tenant};

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Authenticates as the endpoint does, against the two clients there are.
fn authenticated(authorization: Option<&str>, pairs: &[(&str, &str)]) -> Result<AuthenticatedClient, Refused> {
    let tenant = tenant();
    let form = form(pairs.iter().copied());
    let claim = claim(&Material { authorization, form: &form })?;
    let known = [desk(), reporter(&tenant)];
    claim.proven_by(known.iter().find(|client| client.id == *claim.client()))
}

fn refusal(authorization: Option<&str>, pairs: &[(&str, &str)]) -> Code {
    match authenticated(authorization, pairs) {
        Ok(client) => panic!("{} was authenticated", client.id()),
        Err(refused) => refused.error().code(),
    }
}

#[test]
fn oa_11_one_way_to_authenticate_is_taken_two_are_refused() {
    assert!(authenticated(Some(&basic(REPORTER, SECRET)), &[]).is_ok());
    assert!(authenticated(None, &[("client_id", REPORTER), ("client_secret", SECRET)]).is_ok());
    assert!(authenticated(None, &[("client_id", DESK)]).is_ok());
    let both = [("client_id", REPORTER), ("client_secret", SECRET)];
    assert_eq!(refusal(Some(&basic(REPORTER, SECRET)), &both), Code::InvalidRequest);
}

#[test]
fn oa_11_a_wrong_secret_or_none_is_invalid_client() {
    assert_eq!(refusal(Some(&basic(REPORTER, "wrong")), &[]), Code::InvalidClient);
    assert_eq!(refusal(None, &[("client_id", REPORTER), ("client_secret", "wrong")]), Code::InvalidClient);
    assert_eq!(refusal(None, &[("client_id", REPORTER)]), Code::InvalidClient);
    assert_eq!(refusal(None, &[("client_id", DESK), ("client_secret", "any")]), Code::InvalidClient);
    assert_eq!(refusal(None, &[("client_id", "cli_nobody")]), Code::InvalidClient);
    assert_eq!(refusal(None, &[("client_secret", SECRET)]), Code::InvalidClient);
    assert_eq!(refusal(None, &[]), Code::InvalidClient);
    for header in ["Bearer x", "Basic", "Basic !", &basic(REPORTER, SECRET)[..12]] {
        assert_eq!(refusal(Some(header), &[]), Code::InvalidClient, "{header}");
    }
}

#[test]
fn oa_11_the_id_may_be_repeated_beside_basic_but_not_differ() {
    let header = basic(REPORTER, SECRET);
    assert!(authenticated(Some(&header), &[("client_id", REPORTER)]).is_ok());
    assert_eq!(refusal(Some(&header), &[("client_id", DESK)]), Code::InvalidRequest);
}

/// Vector V9.
#[test]
fn oa_12_basic_credentials_are_form_decoded() {
    let form = form([]);
    let claim = claim(&Material { authorization: Some("Basic YSUzQWIlMkYlQzMlQTk6cCUyNXcrZCUyQg=="), form: &form }).expect("a claim");
    assert_eq!(claim.client().as_str(), "a:b/é");
    assert_eq!(claim.secret.expect("a secret").expose(), "p%w d+");
}

#[test]
fn at_04_only_a_client_that_proved_itself_acts_as_its_agent() {
    let tenant = tenant();
    let proven = authenticated(Some(&basic(REPORTER, SECRET)), &[]).expect("authenticated");
    assert_eq!((proven.is_proven(), proven.agent()), (true, Some(tenant.agents[0].id)));

    let public = Client { authentication: ClientAuthentication::None, ..(*reporter(&tenant)).clone() };
    let form = form([("client_id", REPORTER)]);
    let claim = claim(&Material { authorization: None, form: &form }).expect("a claim");
    let client = claim.proven_by(Some(&Arc::new(public))).expect("a public client");
    assert_eq!((client.is_proven(), client.agent()), (false, None));
}

proptest! {
    #[test]
    fn oa_12_whatever_is_form_encoded_comes_back(id in "\\PC{1,20}", secret in "\\PC{1,20}") {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (header, form) = (basic(&encode(&id), &encode(&secret)), form([]));
        let claim = claim(&Material { authorization: Some(&header), form: &form }).expect("a claim");
        let shown = claim.secret.as_ref().expect("a secret");
        prop_assert_eq!((claim.client().as_str(), shown.expose().as_str()), (id.as_str(), secret.as_str()));
    }

    #[test]
    fn no_header_makes_it_panic(header in "\\PC{0,40}") {
        let form = form([]);
        let _ = claim(&Material { authorization: Some(&header), form: &form });
    }
}
