//! Client metadata (RFC 7591 §2): what of it matters here, read and judged. Unknown members are ignored; those that we know and do not
//! use are read as far as a contradiction in them is worth telling (DR-03). No address in it is ever fetched or shown (DR-10).

use std::collections::BTreeSet;

use chancery_registry::{About, GrantType, shown_name, strangers_logout_uri};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::admission::Admission;
use super::redirect_uris::registrable;
use crate::refusal::{ByRow, Refused};

/// What a client that may register is registered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ClientMetadata {
    pub name: String,
    pub redirect_uris: Vec<String>,
    pub grants: BTreeSet<GrantType>,
    /// Whether it is to have a secret.
    pub confidential: bool,
    pub about: About,
}

/// The members that we look at, as they came. One that is `null` was not sent.
#[derive(Deserialize)]
struct Members {
    redirect_uris: Option<Vec<String>>,
    client_name: Option<String>,
    client_uri: Option<String>,
    contacts: Option<Vec<String>>,
    software_id: Option<String>,
    software_version: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    id_token_signed_response_alg: Option<String>,
}

/// A body that is a JSON object; nothing of it is judged yet.
pub(super) struct Asked(Map<String, Value>);

const NAMELESS: &str = "An app without a name";
const LONGEST_WORD: usize = 200;
const MOST_CONTACTS: usize = 5;

/// The registered methods (IANA, OAuth token endpoint authentication methods). Those that we do not offer come to `none`.
const METHODS: [&str; 7] = [
    "none",
    "client_secret_post",
    "client_secret_basic",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
];
const WITH_SECRET: [&str; 2] = ["client_secret_basic", "client_secret_post"];

impl Asked {
    pub fn read(body: &[u8]) -> Result<Self, Refused> {
        let not_metadata = |why: String| {
            Refused::invalid_metadata("the body is not client metadata: a JSON object as in RFC 7591").because(why).by_row("DR-03")
        };
        serde_json::from_slice(body).map(Self).map_err(|error| not_metadata(error.to_string()))
    }

    pub fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member).and_then(Value::as_str)
    }

    /// Whether a member is there and says something.
    pub fn says(&self, member: &str) -> bool {
        self.0.get(member).is_some_and(|value| !value.is_null())
    }

    /// What a software statement says goes over what the client says (RFC 7591 §2.3; DR-04), whenever it says it.
    pub fn overruled_by(&mut self, stated: &Map<String, Value>) {
        self.0.extend(stated.clone());
    }

    /// What is registered of it, under the rules by which the client comes in.
    pub fn judged(self, admission: &Admission) -> Result<ClientMetadata, Refused> {
        let members: Members = serde_json::from_value(Value::Object(self.0))
            .map_err(|error| {
                Refused::invalid_metadata("a member of the client metadata is of another type than RFC 7591 says")
                    .because(error.to_string())
            })
            .row("DR-03")?;
        known_method(&members).row("DR-03")?;
        let grants = grants(&members, admission).row("DR-06")?;
        response_types_fit(&members, &grants).row("DR-03")?;
        keys_make_sense(&members).row("DR-03")?;
        nothing_unsigned(&members).row("DR-03")?;
        can_be_told(&members).row("BL-03")?;
        let redirect_uris = match members.redirect_uris.as_deref().unwrap_or_default() {
            [] if !grants.contains(&GrantType::AuthorizationCode) => Vec::new(),
            asked => registrable(asked).row("DR-02")?,
        };
        let method = members.token_endpoint_auth_method.as_deref().filter(|method| WITH_SECRET.contains(method));
        let needs_one = grants.contains(&GrantType::ClientCredentials);
        let method = method.or_else(|| needs_one.then_some(WITH_SECRET[0])).map(str::to_owned); // OA-16
        Ok(ClientMetadata {
            name: members.client_name.as_deref().and_then(shown_name).unwrap_or_else(|| NAMELESS.to_owned()),
            redirect_uris,
            grants,
            confidential: method.is_some(),
            about: About {
                client_uri: members.client_uri.filter(|uri| is_web_page(uri)),
                contacts: words(members.contacts.unwrap_or_default()).take(MOST_CONTACTS).collect(),
                software_id: words(members.software_id).next(),
                software_version: words(members.software_version).next(),
                token_endpoint_auth_method: method,
                backchannel_logout_uri: members.backchannel_logout_uri,
                backchannel_logout_session_required: members.backchannel_logout_session_required.unwrap_or_default(),
                dpop_bound_access_tokens: members.dpop_bound_access_tokens.unwrap_or_default(), // DP-01
                admitted_by: admission.by.clone(),
                workload: admission.workload.clone(),
                stated: admission.stated.clone(),
            },
        })
    }
}

/// What a statement says of software, beside what makes it a token.
pub(super) fn stated(mut claims: Map<String, Value>) -> Map<String, Value> {
    const OF_THE_TOKEN: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
    claims.retain(|member, _| !OF_THE_TOKEN.contains(&&**member));
    claims
}

fn known_method(asked: &Members) -> Result<(), Refused> {
    match &asked.token_endpoint_auth_method {
        Some(method) if !METHODS.contains(&method.as_str()) => {
            Err(Refused::invalid_metadata("token_endpoint_auth_method is none that RFC 7591 knows; leave it out, or send none"))
        }
        _ => Ok(()),
    }
}

/// What it asks for, as far as its admission goes; all of that, where it does not say. What goes further is left out, and the answer
/// says so by what it has not: clients ask for more than they need.
fn grants(asked: &Members, admission: &Admission) -> Result<BTreeSet<GrantType>, Refused> {
    let Some(names) = &asked.grant_types else { return Ok(admission.grants.clone()) };
    let asked_for = |grant: &&GrantType| names.iter().any(|name| name == grant.as_str());
    let grants: BTreeSet<GrantType> = admission.grants.iter().filter(asked_for).copied().collect();
    if grants.iter().any(|grant| *grant != GrantType::RefreshToken) {
        return Ok(grants);
    }
    let may: Vec<_> = admission.grants.iter().map(|grant| grant.as_str()).collect();
    Err(Refused::invalid_metadata(format!("grant_types names none that this client may have by itself: {}", may.join(", ")))
        .by_row("DR-03"))
}

fn response_types_fit(asked: &Members, grants: &BTreeSet<GrantType>) -> Result<(), Refused> {
    let names_code = asked.response_types.as_ref().is_none_or(|list| list.iter().any(|is| is == "code"));
    if names_code || !grants.contains(&GrantType::AuthorizationCode) {
        return Ok(());
    }
    Err(Refused::invalid_metadata("response_types must name code, as grant_types names authorization_code"))
}

fn keys_make_sense(asked: &Members) -> Result<(), Refused> {
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

fn nothing_unsigned(asked: &Members) -> Result<(), Refused> {
    let algorithms = [&asked.token_endpoint_auth_signing_alg, &asked.id_token_signed_response_alg];
    if algorithms.into_iter().flatten().any(|algorithm| algorithm.eq_ignore_ascii_case("none")) {
        return Err(Refused::invalid_metadata("nothing is sent or taken here that is not signed; none is no algorithm"));
    }
    Ok(())
}

fn can_be_told(asked: &Members) -> Result<(), Refused> {
    let wrong = |error| Refused::invalid_metadata(format!("backchannel_logout_uri {error}"));
    asked.backchannel_logout_uri.as_deref().map_or(Ok(()), |uri| strangers_logout_uri(uri).map_err(wrong))
}

/// Short words that an administrator may read in a terminal.
fn words(asked: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    asked
        .into_iter()
        .filter(|word| !word.is_empty() && word.len() <= LONGEST_WORD && word.chars().all(|c| c.is_ascii_graphic() || c == ' '))
}

fn is_web_page(uri: &str) -> bool {
    uri.len() <= LONGEST_WORD && uri.bytes().all(|byte| byte.is_ascii_graphic()) && uri.starts_with("https://")
}

#[cfg(test)]
mod tests;
