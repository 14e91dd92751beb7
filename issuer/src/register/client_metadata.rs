//! Client metadata (RFC 7591 §2): what of it matters here, read and judged. Unknown members are ignored; those that we know and do not
//! use are read as far as a contradiction in them is worth telling (DR-03).

use serde::Deserialize;
use serde_json::Value;

use super::redirect_uris::registrable;
use crate::refusal::{ByRow, Refused};

/// What a client that may register is registered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ClientMetadata {
    pub name: String,
    pub redirect_uris: Vec<String>,
}

/// The members that we look at, as they came.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    id_token_signed_response_alg: Option<String>,
}

const LONGEST_NAME: usize = 200;
const NAMELESS: &str = "An app without a name";

/// The registered methods (IANA, OAuth token endpoint authentication methods). All of them come to `none` here.
const METHODS: [&str; 7] = [
    "none",
    "client_secret_post",
    "client_secret_basic",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
];

pub(super) fn read(body: &[u8]) -> Result<ClientMetadata, Refused> {
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| {
            Refused::invalid_metadata("the body is not client metadata: a JSON object as in RFC 7591").because(error.to_string())
        })
        .row("DR-03")?;
    known_method(&asked).row("DR-03")?;
    the_code_flow(&asked).row("DR-03")?;
    keys_make_sense(&asked).row("DR-03")?;
    nothing_unsigned(&asked).row("DR-03")?;
    let redirect_uris = registrable(&asked.redirect_uris).row("DR-02")?;
    Ok(ClientMetadata { name: name(asked.client_name.as_deref()), redirect_uris })
}

fn known_method(asked: &Asked) -> Result<(), Refused> {
    match &asked.token_endpoint_auth_method {
        Some(method) if !METHODS.contains(&method.as_str()) => {
            Err(Refused::invalid_metadata("token_endpoint_auth_method is none that RFC 7591 knows; leave it out, or send none"))
        }
        _ => Ok(()),
    }
}

/// The one flow that is offered. A client that names others as well is registered for this one; a client that leaves it out could do
/// nothing here.
fn the_code_flow(asked: &Asked) -> Result<(), Refused> {
    let names = |list: &Option<Vec<String>>, word: &str| list.as_ref().is_none_or(|list| list.iter().any(|is| is == word));
    if !names(&asked.grant_types, "authorization_code") {
        return Err(Refused::invalid_metadata(
            "a client that registers itself is one of the code flow; grant_types must name authorization_code",
        ));
    }
    if !names(&asked.response_types, "code") {
        return Err(Refused::invalid_metadata("response_types must name code, as grant_types names authorization_code"));
    }
    Ok(())
}

fn keys_make_sense(asked: &Asked) -> Result<(), Refused> {
    if asked.jwks.is_some() && asked.jwks_uri.is_some() {
        return Err(Refused::invalid_metadata("send jwks or jwks_uri, not both"));
    }
    let keys = asked.jwks.as_ref().map(|jwks| jwks.get("keys").and_then(Value::as_array));
    match keys {
        None => Ok(()),
        Some(Some(keys)) if keys.iter().all(is_public) => Ok(()),
        Some(_) => {
            Err(Refused::invalid_metadata("jwks must be a key set of public keys; never send a private or symmetric key to anybody"))
        }
    }
}

fn is_public(key: &Value) -> bool {
    const SECRET: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
    key.is_object() && !SECRET.iter().any(|member| key.get(member).is_some()) && key.get("kty").is_some_and(|kty| kty != "oct")
}

fn nothing_unsigned(asked: &Asked) -> Result<(), Refused> {
    let algorithms = [&asked.token_endpoint_auth_signing_alg, &asked.id_token_signed_response_alg];
    if algorithms.into_iter().flatten().any(|algorithm| algorithm.eq_ignore_ascii_case("none")) {
        return Err(Refused::invalid_metadata("nothing is sent or taken here that is not signed; none is no algorithm"));
    }
    Ok(())
}

/// It is shown to people, with the words that nobody vouches for it; what cannot be shown is left out of it.
fn name(asked: Option<&str>) -> String {
    let shown: String = asked.unwrap_or_default().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    match shown.trim() {
        "" => NAMELESS.to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chancery_core::oauth::Code;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Good metadata with members put over it.
    fn with(members: Value) -> Result<ClientMetadata, Refused> {
        let mut body = json!({ "redirect_uris": ["http://127.0.0.1/cb"], "client_name": "Desk" });
        body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        read(body.to_string().as_bytes())
    }

    #[test]
    fn dr_03_contradictions_are_refused() {
        for bad in [
            json!({ "token_endpoint_auth_method": "magic" }),
            json!({ "grant_types": ["client_credentials"] }),
            json!({ "grant_types": [] }),
            json!({ "grant_types": ["authorization_code"], "response_types": ["token"] }),
            json!({ "jwks": { "keys": [] }, "jwks_uri": "https://app.example/jwks" }),
            json!({ "jwks": { "keys": [{ "kty": "oct", "k": "x" }] } }),
            json!({ "jwks": { "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d" }] } }),
            json!({ "jwks": "keys" }),
            json!({ "id_token_signed_response_alg": "none" }),
            json!({ "redirect_uris": "http://127.0.0.1/cb" }),
            json!({ "client_name": 7 }),
        ] {
            let refused = with(bad.clone()).expect_err("refused");
            assert_eq!(refused.error().code(), Code::InvalidClientMetadata, "{bad}");
        }
    }

    #[test]
    fn dr_03_unknown_members_are_ignored_and_known_methods_are_taken_for_none() {
        for good in [
            json!({}),
            json!({ "x": [1, null], "application_type": "web", "scope": "bank:read", "logo_uri": "https://app.example/logo" }),
            json!({ "token_endpoint_auth_method": "client_secret_basic" }),
            json!({ "grant_types": ["authorization_code", "refresh_token", "client_credentials"], "response_types": ["code", "token"] }),
            json!({ "jwks": { "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] } }),
        ] {
            assert_eq!(with(good.clone()).expect("registered").name, "Desk", "{good}");
        }
    }

    #[test]
    fn dr_02_metadata_without_an_address_is_refused() {
        let refused = read(br#"{"client_name":"Desk"}"#).expect_err("refused");
        assert_eq!(refused.error().code(), Code::InvalidRedirectUri);
    }

    #[test]
    fn a_name_is_one_line_that_can_be_shown() {
        assert_eq!(name(Some(" De\u{0}s\nk ")), "Desk");
        assert_eq!(name(Some("\u{7}")), NAMELESS);
        assert_eq!(name(None), NAMELESS);
        assert_eq!(name(Some(&"a".repeat(500))).len(), LONGEST_NAME);
    }

    proptest! {
        #[test]
        fn no_body_makes_reading_panic(body: Vec<u8>) {
            let _ = read(&body);
        }
    }
}
