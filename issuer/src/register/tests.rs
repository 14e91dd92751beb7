use chancery_registry::ClientAuthentication;

use super::*;
use crate::fixtures::{NOW, moment, tenant};

fn asked() -> ClientMetadata {
    ClientMetadata { name: "Desk".to_owned(), redirect_uris: vec!["http://127.0.0.1/cb".to_owned()] }
}

#[test]
fn dr_06_whoever_registers_is_a_public_client_of_the_code_flow() {
    let (client, _) = decide(&asked(), &tenant(), &mut moment());
    assert_eq!(client.authentication, ClientAuthentication::None);
    assert_eq!(client.grant_types, GrantType::ALL.into());
    assert_eq!(client.agent, None);
}

#[test]
fn dr_01_a_registration_is_a_row_an_event_and_a_feed_entry() {
    let (client, draft) = decide(&asked(), &tenant(), &mut moment());
    assert_eq!(draft.writes.len(), 1);
    assert_eq!((draft.events[0].kind, draft.events[0].field(Field::Client)), (Kind::ClientRegistered, Some(client.id.as_str())));
    assert_eq!(draft.changes, [Change { topic: Topic::Client, key: client.id.to_string() }]);
}

#[test]
fn dr_01_what_was_registered_is_echoed_and_nothing_is_null() {
    let (client, _) = decide(&asked(), &tenant(), &mut moment());
    let echo = echo(&client);
    assert_eq!(
        echo,
        json!({
            "client_id": client.id.as_str(),
            "client_id_issued_at": NOW.seconds(),
            "client_name": "Desk",
            "redirect_uris": ["http://127.0.0.1/cb"],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        })
    );
    assert!(echo.as_object().expect("an object").values().all(|value| !value.is_null()));
}

#[test]
fn only_so_many_may_register_and_come_to_nothing() {
    assert!(there_is_room(u64::from(MOST_NEVER_USED) - 1).is_ok());
    let refused = there_is_room(u64::from(MOST_NEVER_USED)).expect_err("full");
    assert_eq!((refused.error().code(), refused.error().code().status()), (Code::TemporarilyUnavailable, 503));
}

#[test]
fn sb_10_a_registered_clients_id_cannot_be_a_persons() {
    let (client, _) = decide(&asked(), &tenant(), &mut moment());
    assert!(client.id.as_str().starts_with("cli_"));
    assert!(client.id.as_str().parse::<chancery_core::SubjectId>().is_err());
}
