//! Discovery (OpenID Connect Discovery §3) and the keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chancery_crypto::jose::KeySet;
use serde_json::{Value, json};

use super::Provider;

pub async fn document(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.parts.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "end_session_endpoint": format!("{issuer}/sign-out"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "sid", "groups", "name", "preferred_username", "email", "email_verified"],
        "acr_values_supported": [super::token::ACR],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

pub async fn jwks(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(KeySet::from_keys([provider.key.jwk()]).to_json())
}
