//! A client that is named by the address of a document about it (draft-ietf-oauth-client-id-metadata-document; RFC 7591 §2 has the
//! members). Steps: 1. the id is an address that is worth asking ([`address`]); 2. the document is JSON, names that very address, and
//! holds no secret; 3. what it says is what a client may be here.
//!
//! Members that are not known are passed over: documents are written for every server there is.

use std::collections::BTreeSet;

use chancery_core::pages::quoted;
use chancery_core::{ClientId, Timestamp};
use chancery_crypto::jose::strict_object;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::back_channel::strangers_logout_uri;
use crate::client::{About, Client, ClientAuthentication, GrantType, Origin, ScopeLimit, Standing};
use crate::redirect_uri::{Registrable, registrable_uri};
use crate::shown_name::shown_name;

/// Longer ids are nobody's: they travel in every request and stand in every event.
const LONGEST_ID: usize = 512;
/// As in registration (RFC 7591).
const MOST_REDIRECT_URIS: usize = 16;
const MOST_CONTACTS: usize = 5;
const LONGEST_WORD: usize = 200;

/// Why a client cannot be had from its document: in words that follow "the document", for its author.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub struct DocumentFault {
    pub why: String,
    pub row: &'static str,
}

pub(crate) fn fault(row: &'static str, why: impl Into<String>) -> DocumentFault {
    DocumentFault { why: why.into(), row }
}

/// Whether an id names a document. No id that we give begins so (CI-10).
pub fn names_document(id: &ClientId) -> bool {
    id.as_str().starts_with("https://")
}

/// The address that an id is, if it may be one: written as plainly as possible, so that no two parsers read it differently (CI-01).
pub fn address(id: &ClientId) -> Result<Url, DocumentFault> {
    let text = id.as_str();
    let plain = |url: &Url| match text.split_once(":443/") {
        // Its default port makes it another id, not another address (CI-02).
        Some((host, path)) if !host.contains(['?', '@']) && host["https://".len()..].find('/').is_none() => {
            url.as_str() == format!("{host}/{path}")
        }
        _ => url.as_str() == text,
    };
    let url = Url::parse(text).map_err(|error| fault("CI-01", format!("has no address that can be read: {error}")))?;
    let wrong = if text.len() > LONGEST_ID {
        "has an address that is too long"
    } else if !names_document(id) {
        "has an address that is not https"
    } else if !url.username().is_empty() || url.password().is_some() || text.contains('@') && url.path().find('@').is_none() {
        "has an address with a user name in it"
    } else if text.contains('#') {
        "has an address with a fragment"
    } else if url.host_str().is_some_and(|host| host.ends_with('.')) {
        // It is the host without the dot by another spelling, which no list of places has (CI-10).
        "has an address whose host ends in a dot"
    } else if !text["https://".len()..].contains('/') {
        "has an address without a path"
    } else if !plain(&url) {
        "has an address that is not written in its plainest form: host in lower case, no `.` or `..` between slashes"
    } else {
        return Ok(url);
    };
    Err(fault("CI-01", wrong))
}

/// What matters of a document.
#[derive(Deserialize)]
struct Document {
    client_id: String,
    client_name: Option<String>,
    client_uri: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    jwks: Option<Map<String, Value>>,
    jwks_uri: Option<String>,
    software_id: Option<String>,
    software_version: Option<String>,
    contacts: Option<Vec<String>>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
}

/// The client that the document at `id` describes.
pub fn client(id: &ClientId, document: &[u8], now: Timestamp) -> Result<Client, DocumentFault> {
    let whole: Map<String, Value> = strict_object(document).ok_or_else(|| fault("CI-03", "is not a JSON object, or has a member twice"))?;
    let secret = whole.keys().any(|member| member.starts_with("client_secret"));
    let document: Document = serde_json::from_value(Value::Object(whole))
        .map_err(|_| fault("CI-03", "has no client_id, or a member that is of another type than RFC 7591 says"))?;

    names_itself(id, &document)?; // CI-02
    if secret {
        return Err(fault("CI-05", "holds a client secret, which everybody could read there")); // CI-05
    }
    let authentication = authentication(document.token_endpoint_auth_method.as_deref())?; // CI-05
    public_keys(document.jwks.as_ref(), document.jwks_uri.as_deref())?; // CI-05
    let grant_types = grant_types(&document)?;
    let redirect_uris = redirect_uris(&document.redirect_uris)?; // CI-06

    if let Some(uri) = &document.backchannel_logout_uri {
        let wrong = |error: crate::RedirectUriError| fault("BL-03", format!("names a backchannel_logout_uri that {}", error.what));
        strangers_logout_uri(uri).map_err(wrong)?; // BL-03
    }

    let host = address(id)?.host_str().unwrap_or_default().to_owned();
    let name = document.client_name.as_deref().and_then(shown_name).unwrap_or(host); // DR-10
    Ok(Client {
        id: id.clone(),
        name,
        origin: Origin::Document,
        redirect_uris,
        authentication,
        grant_types,
        agent: None,
        scopes: ScopeLimit::Unlimited,
        standing: Standing::Active,
        // Of a logo and the like not even the address is kept: nothing of the app's is shown (DR-10).
        about: About {
            client_uri: document.client_uri.filter(|uri| uri.len() <= LONGEST_ID && uri.starts_with("https://")), // CI-09, DR-10
            contacts: document.contacts.into_iter().flatten().filter(|word| is_plain(word)).take(MOST_CONTACTS).collect(), // DR-10
            software_id: document.software_id.filter(|word| is_plain(word)),
            software_version: document.software_version.filter(|word| is_plain(word)),
            backchannel_logout_uri: document.backchannel_logout_uri,
            backchannel_logout_session_required: document.backchannel_logout_session_required.unwrap_or_default(),
            dpop_bound_access_tokens: document.dpop_bound_access_tokens.unwrap_or_default(), // DP-01
            ..About::default()
        },
        created_at: now,
        keep_until: None,
    })
}

/// As in registration: whatever else is shown of what a stranger says is short and ASCII.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.len() <= LONGEST_WORD && word.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

/// Byte for byte: addresses that lead to one document are still different clients.
fn names_itself(id: &ClientId, document: &Document) -> Result<(), DocumentFault> {
    if document.client_id == id.as_str() {
        return Ok(());
    }
    Err(fault("CI-02", format!("is that of another client: it says client_id {}", quoted(&document.client_id))))
}

/// A secret that two share cannot stand in public, so only what needs none is left.
fn authentication(method: Option<&str>) -> Result<ClientAuthentication, DocumentFault> {
    match method {
        None | Some("none") => Ok(ClientAuthentication::None),
        Some(method) if method.starts_with("client_secret") => {
            Err(fault("CI-05", format!("asks for {}, and a client that is known by a document has no secret; use none", quoted(method))))
        }
        Some(other) => Err(fault("CI-05", format!("asks to authenticate by {}, which is not offered here; use none", quoted(other)))),
    }
}

/// Keys are noted, and must at least not be private ones.
fn public_keys(jwks: Option<&Map<String, Value>>, jwks_uri: Option<&str>) -> Result<(), DocumentFault> {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    if jwks.is_some() && jwks_uri.is_some() {
        return Err(fault("CI-05", "has both jwks and jwks_uri; one is enough"));
    }
    if let Some(uri) = jwks_uri {
        address(&ClientId::claimed(uri)).map_err(|wrong| fault("CI-04", format!("has a jwks_uri that {}", wrong.why)))?; // CI-04
    }
    let keys = jwks.and_then(|set| set.get("keys")?.as_array());
    if jwks.is_some() && keys.is_none() {
        return Err(fault("CI-05", "has a jwks that is no set of keys"));
    }
    for key in keys.into_iter().flatten() {
        let Some(key) = key.as_object() else { return Err(fault("CI-05", "has a jwks that is no set of keys")) };
        if PRIVATE.iter().any(|member| key.contains_key(*member)) || key.get("kty").is_none_or(|kty| kty == "oct") {
            return Err(fault("CI-05", "publishes a private or shared key; make new ones, since everybody may have read these"));
        }
    }
    Ok(())
}

/// What of the code flow it may use; nothing else is open to a client that nobody here knows (DR-06).
fn grant_types(document: &Document) -> Result<BTreeSet<GrantType>, DocumentFault> {
    let asked = |grant: &GrantType| document.grant_types.as_ref().is_none_or(|types| types.iter().any(|name| name == grant.as_str()));
    let grants: BTreeSet<_> = GrantType::OF_THE_CODE_FLOW.into_iter().filter(asked).collect();
    let code = document.response_types.as_ref().is_none_or(|types| types.iter().any(|name| name == "code"));
    if grants.contains(&GrantType::AuthorizationCode) && code {
        return Ok(grants);
    }
    Err(fault("CI-06", "does not ask for the authorization_code grant with response type code, the one way in for such clients"))
}

fn redirect_uris(asked: &[String]) -> Result<Vec<String>, DocumentFault> {
    if asked.len() > MOST_REDIRECT_URIS {
        return Err(fault("CI-06", format!("lists more than {MOST_REDIRECT_URIS} redirect_uris")));
    }
    let mut kept = Vec::new();
    for uri in asked {
        match registrable_uri(uri) {
            Registrable::Yes => kept.push(uri.clone()),
            Registrable::NotOffered => {}
            Registrable::Dangerous(error) => return Err(fault("CI-06", format!("lists a redirect URI that {error}"))),
        }
    }
    if kept.is_empty() {
        return Err(fault("CI-06", "lists no redirect URI that is offered here"));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
