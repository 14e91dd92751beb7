//! The documents by which clients find their way (RFC 8414, OpenID Connect Discovery, RFC 9728).

use serde_json::{Value, json};

use crate::world::{FILE, World};

fn read(document: &[u8]) -> Value {
    serde_json::from_slice(document).expect("JSON")
}

/// Neither a null nor an empty list stands anywhere: clients refuse the one and are misled by the other.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty() && items.iter().all(is_whole),
        Value::Object(members) => members.values().all(is_whole),
        _ => true,
    }
}

#[tokio::test]
async fn md_04_the_issuers_document_is_whole_and_an_openid_document_too() {
    let world = World::new("md-04").await;
    world.apply(&format!("{FILE}registration: {{ dynamic: open }}\n")).await;
    let tenant = world.registry.tenant("acme").expect("the tenant");
    let document = read(&tenant.metadata());

    assert!(is_whole(&document));
    assert_eq!(
        document,
        json!({
            "issuer": "https://gw.example.com/t/acme",
            "authorization_endpoint": "https://gw.example.com/t/acme/authorize",
            "token_endpoint": "https://gw.example.com/t/acme/token",
            "revocation_endpoint": "https://gw.example.com/t/acme/revoke",
            "jwks_uri": "https://gw.example.com/t/acme/jwks",
            "registration_endpoint": "https://gw.example.com/t/acme/register",
            "scopes_supported": ["openid"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "PS256"],
            "authorization_response_iss_parameter_supported": true,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "request_uri_parameter_supported": false,
        })
    );
}

#[tokio::test]
async fn md_05_registration_is_advertised_only_while_it_is_open() {
    let world = World::new("md-05").await;
    for closed in [FILE.to_owned(), format!("{FILE}registration: {{ dynamic: closed }}\n")] {
        world.apply(&closed).await;
        let tenant = world.registry.tenant("acme").expect("the tenant");
        assert_eq!(read(&tenant.metadata()).get("registration_endpoint"), None);
    }
}

#[tokio::test]
async fn pr_01_a_resources_document_names_it_and_its_issuer_byte_for_byte() {
    let world = World::new("pr-01").await;
    world.apply(FILE).await;
    let (tenant, bank) = world.registry.resource_at("gw.example.com", "/mcp/bank").expect("the bank");

    assert_eq!(bank.metadata_url(), "https://gw.example.com/.well-known/oauth-protected-resource/mcp/bank");
    assert_eq!(
        read(&tenant.resource_metadata(&bank.id).expect("a document")),
        json!({
            "resource": "https://gw.example.com/mcp/bank",
            "authorization_servers": ["https://gw.example.com/t/acme"],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "PS256"],
            "scopes_supported": ["bank:read"],
            "resource_name": "Bank",
        })
    );
    assert!(world.registry.resource_at("gw.example.com", "/").is_none());
}

#[tokio::test]
async fn pr_01_a_resource_at_the_root_has_its_document_at_the_root() {
    for (name, url) in [("pr-01-root", "https://gw.example.com"), ("pr-01-slash", "https://gw.example.com/")] {
        let world = World::new(name).await;
        world.apply(&FILE.replace("title: Bank", &format!("url: {url}"))).await;
        let (_, bank) = world.registry.resource_at("gw.example.com", "/").expect("the bank");
        assert_eq!((bank.url.as_str(), bank.metadata_url().as_str()), (url, "https://gw.example.com/.well-known/oauth-protected-resource"));
    }
}

#[tokio::test]
async fn pr_05_a_resource_that_demands_bound_tokens_says_so() {
    let world = World::new("pr-05").await;
    let document = async |dpop: &str| {
        world.apply(&FILE.replace("    title: Bank\n", &format!("    title: Bank\n{dpop}"))).await;
        let (tenant, bank) = world.registry.resource_at("gw.example.com", "/mcp/bank").expect("the bank");
        read(&tenant.resource_metadata(&bank.id).expect("a document"))
    };
    let algorithms = json!(["ES256", "EdDSA", "RS256", "PS256"]);

    let required = document("    dpop: required\n").await;
    assert_eq!(
        (&required["dpop_bound_access_tokens_required"], &required["dpop_signing_alg_values_supported"]),
        (&json!(true), &algorithms)
    );
    for optional in ["", "    dpop: optional\n"] {
        let said = document(optional).await;
        assert_eq!((said.get("dpop_bound_access_tokens_required"), &said["dpop_signing_alg_values_supported"]), (None, &algorithms));
    }

    // What checks its tokens itself is asked itself.
    world.apply(&FILE.replace("    upstream: { url: http://10.0.0.7:9001/mcp }\n", "")).await;
    let (tenant, bank) = world.registry.resource_at("gw.example.com", "/mcp/bank").expect("the bank");
    let alone = read(&tenant.resource_metadata(&bank.id).expect("a document"));
    assert!(alone.as_object().is_some_and(|said| said.keys().all(|name| !name.starts_with("dpop"))), "{alone}");
}

#[tokio::test]
async fn pr_04_scopes_that_are_given_without_asking_are_listed_and_offline_access_never() {
    let world = World::new("pr-04").await;
    world.apply(&FILE.replace("    default_scope: \"bank:read\"\n", "")).await;
    let (tenant, bank) = world.registry.resource_at("gw.example.com", "/mcp/bank").expect("the bank");
    let scopes = |document: &[u8]| read(document).get("scopes_supported").cloned();
    assert_eq!(scopes(&tenant.resource_metadata(&bank.id).expect("a document")), Some(json!(["bank:move", "bank:read"])));

    let bare = FILE.split("    scopes:").next().expect("the file before its scopes");
    world.apply(bare).await;
    let (tenant, bank) = world.registry.resource_at("gw.example.com", "/mcp/bank").expect("the bank");
    assert_eq!(scopes(&tenant.resource_metadata(&bank.id).expect("a document")), None);
}
