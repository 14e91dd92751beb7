//! The documents by which clients find their way. They say what is live and nothing else (MD-05), and never `null`.

use std::collections::BTreeSet;

use chancery_crypto::jose::dpop;
use serde_json::{Map, Value, json};

use crate::{Dpop, GrantType, Resource, Tenant};

/// The issuer's metadata (RFC 8414 §2), which is valid as an OpenID Connect Discovery document too, for clients that ask for that one.
pub fn authorization_server(tenant: &Tenant) -> Value {
    let issuer = &tenant.issuer;
    let mut document = json!({
        "issuer": issuer,                                                                                  // MD-01, MC-04
        "authorization_endpoint": format!("{issuer}/authorize"),                                           // MD-04
        "token_endpoint": format!("{issuer}/token"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],                                                      // PK-02
        "dpop_signing_alg_values_supported": dpop::algorithm_names().collect::<Vec<_>>(),                  // DP-01
        "authorization_response_iss_parameter_supported": true,                                            // IS-01
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "backchannel_logout_supported": true,                                                              // BL-03
        "backchannel_logout_session_supported": true,                                                      // BL-03
        // Left out, this one would mean true (OpenID Connect Discovery §3).
        "request_uri_parameter_supported": false,
    });
    let acr: BTreeSet<&String> =
        tenant.resources.iter().flat_map(|resource| resource.sign_in_demands()).flat_map(|demand| &demand.acr).collect();
    if !acr.is_empty() {
        document["acr_values_supported"] = json!(acr); // SU-02
    }
    if tenant.registration.is_offered() {
        document["registration_endpoint"] = json!(format!("{issuer}/register"));
    }
    if tenant.registration.documents.enabled {
        document["client_id_metadata_document_supported"] = json!(true); // CI-01
    }
    document
}

/// A resource's metadata (RFC 9728 §2).
pub fn protected_resource(tenant: &Tenant, resource: &Resource) -> Value {
    let mut document = Map::new();
    document.insert("resource".into(), json!(resource.url)); // PR-01
    document.insert("authorization_servers".into(), json!([tenant.issuer]));
    document.insert("bearer_methods_supported".into(), json!(["header"])); // PR-04
    let demands_dpop = resource.dpop == Dpop::Required;
    if demands_dpop {
        document.insert("dpop_bound_access_tokens_required".into(), json!(true)); // PR-05
    }
    if demands_dpop || resource.is_guarded_here() {
        document.insert("dpop_signing_alg_values_supported".into(), json!(dpop::algorithm_names().collect::<Vec<_>>()));
    }
    document.insert("resource_name".into(), json!(resource.title));
    // Clients that were not told a scope ask for all that stands here, so it is what is given without asking.
    let scopes = if resource.default_scope.is_empty() { resource.all_scopes() } else { resource.default_scope.clone() };
    if !scopes.is_empty() {
        document.insert("scopes_supported".into(), json!(scopes.iter().collect::<Vec<_>>()));
    }
    Value::Object(document)
}
