//! What a client is told of its registration: all that was registered, as it was registered (RFC 7591 §3.2.1, RFC 7592 §3; DR-01). No
//! member is `null` or empty: clients refuse that.

use chancery_core::Secret;
use chancery_registry::{Client, GrantType, ScopeLimit, Tenant};
use serde_json::{Map, Value, json};

/// The secrets that an answer says, and nothing keeps.
pub(super) struct Issued {
    /// The registration access token.
    pub access: Secret<String>,
    /// The client's secret, where it has got one just now.
    pub secret: Option<Secret<String>>,
}

pub(super) fn echo(client: &Client, issued: &Issued, tenant: &Tenant) -> Value {
    let mut told = Map::new();
    let mut tell = |member: &str, value: Value| {
        told.insert(member.to_owned(), value);
    };
    tell("client_id", json!(client.id));
    tell("client_id_issued_at", json!(client.created_at.seconds()));
    if let Some(secret) = &issued.secret {
        tell("client_secret", json!(secret.expose()));
        tell("client_secret_expires_at", json!(0));
    }
    tell("registration_access_token", json!(issued.access.expose()));
    tell("registration_client_uri", json!(format!("{}/register/{}", tenant.issuer, client.id)));
    tell("client_name", json!(client.name));
    let method = client.about.token_endpoint_auth_method.as_deref().filter(|_| !client.is_public());
    tell("token_endpoint_auth_method", json!(method.unwrap_or("none")));
    tell("grant_types", json!(client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>()));
    if client.grant_types.contains(&GrantType::AuthorizationCode) {
        tell("redirect_uris", json!(client.redirect_uris));
        tell("response_types", json!(["code"]));
    }
    if let Some(scope) = limit(client, tenant) {
        tell("scope", json!(scope));
    }
    let about = &client.about;
    for (member, said) in
        [("client_uri", &about.client_uri), ("software_id", &about.software_id), ("software_version", &about.software_version)]
    {
        if let Some(said) = said {
            tell(member, json!(said));
        }
    }
    if !about.contacts.is_empty() {
        tell("contacts", json!(about.contacts));
    }
    if let Some(uri) = &about.backchannel_logout_uri {
        tell("backchannel_logout_uri", json!(uri));
        tell("backchannel_logout_session_required", json!(about.backchannel_logout_session_required));
    }
    if about.dpop_bound_access_tokens {
        tell("dpop_bound_access_tokens", json!(true));
    }
    Value::Object(told)
}

/// The scopes that it may have at most, where there is a limit.
fn limit(client: &Client, tenant: &Tenant) -> Option<String> {
    let limit = match &client.scopes {
        ScopeLimit::Only(scopes) => Some(scopes),
        ScopeLimit::Unlimited => tenant.registration.quarantine.as_ref(),
    };
    limit.filter(|scopes| !scopes.is_empty()).map(ToString::to_string)
}
