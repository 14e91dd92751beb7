use chancery_registry::GrantType;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{NOW, moment, tenant};

fn asked(members: Value) -> ClientMetadata {
    let mut body = json!({ "redirect_uris": ["http://127.0.0.1/cb"], "client_name": "Desk" });
    body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    Asked::read(body.to_string().as_bytes()).and_then(|asked| asked.judged(&Admission::of_strangers())).expect("metadata")
}

fn decided(members: Value) -> Decided {
    decide(asked(members), &Admission::of_strangers(), &tenant(), &mut moment())
}

#[test]
fn dr_06_whoever_registers_is_a_client_of_the_code_flow() {
    let client = decided(json!({})).registered.client;
    assert_eq!(client.authentication, ClientAuthentication::None);
    assert_eq!(client.grant_types, GrantType::OF_THE_CODE_FLOW.into());
    assert_eq!((client.agent, client.scopes), (None, ScopeLimit::Unlimited));
}

#[test]
fn dr_01_a_registration_is_a_row_an_event_and_a_feed_entry() {
    let Decided { registered: Registered { client, .. }, draft, .. } = decided(json!({}));
    assert_eq!(draft.writes.len(), 1);
    assert_eq!((draft.events[0].kind, draft.events[0].field(Field::Client)), (Kind::ClientRegistered, Some(client.id.as_str())));
    assert_eq!(draft.changes, [Change { topic: Topic::Client, key: client.id.to_string() }]);
}

#[test]
fn dr_01_what_was_registered_is_echoed_and_nothing_is_null() {
    let Decided { registered: Registered { client, .. }, issued, .. } = decided(json!({}));
    let echo = echo(&client, &issued, &tenant());
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
            "registration_access_token": issued.access.expose(),
            "registration_client_uri": format!("https://gw.example/t/acme/register/{}", client.id),
        })
    );
}

#[test]
fn dr_01_a_secret_is_told_once_and_kept_as_a_digest() {
    let Decided { registered, issued, draft } = decided(json!({ "token_endpoint_auth_method": "client_secret_post" }));
    let echo = echo(&registered.client, &issued, &tenant());
    let secret = echo["client_secret"].as_str().expect("a secret");
    assert_eq!((&echo["client_secret_expires_at"], &echo["token_endpoint_auth_method"]), (&json!(0), &json!("client_secret_post")));
    assert!(secret.len() == 43 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)), "{secret}");
    assert_eq!(registered.client.authentication, ClientAuthentication::Secret { digest: sha256(secret.as_bytes()) });
    let stored = format!("{:?}", draft.writes);
    assert!(!stored.contains(secret) && !stored.contains(issued.access.expose()));
}

#[test]
fn only_so_many_may_register_and_come_to_nothing() {
    assert!(there_is_room(9, 10).is_ok());
    let refused = there_is_room(10, 10).expect_err("full");
    assert_eq!((refused.error().code(), refused.error().status()), (Code::TemporarilyUnavailable, 503));
}

#[test]
fn sb_10_a_registered_clients_id_cannot_be_a_persons() {
    let client = decided(json!({})).registered.client;
    assert!(client.id.as_str().starts_with("cli_"));
    assert!(client.id.as_str().parse::<chancery_core::SubjectId>().is_err());
}
