//! Claude.ai, Desktop and mobile: by its document where `none` is among the methods of the metadata, or registered, twice for each
//! connection. It answers at one https address, whose twin at claude.com may come to be used.

use serde_json::{Value, json};

use super::{Client, pinned, send};

const ID: &str = "https://claude.ai/oauth/mcp-oauth-client-metadata";
const DOCUMENT: &str = r#"{
  "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata",
  "client_name": "Claude",
  "client_uri": "https://claude.ai",
  "redirect_uris": ["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"],
  "grant_types": ["authorization_code", "refresh_token"],
  "response_types": ["code"],
  "token_endpoint_auth_method": "none"
}"#;
const REGISTRATION: &str = r#"{"client_name":"Claude","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":"bank:read","redirect_uris":["https://claude.ai/api/mcp/auth_callback"]}"#;

const CLAUDE: Client = Client {
    headers: "accept: */*\r\naccept-encoding: gzip, deflate, br\r\nuser-agent: python-httpx/0.28.1\r\nmcp-protocol-version: 2025-11-25\r\n",
    redirect_uri: "https://claude.ai/api/mcp/auth_callback",
    authorize: "response_type=code&client_id={client_id}&redirect_uri={redirect_uri}&code_challenge={challenge}\
                &code_challenge_method=S256&state=W5Y6xB1o0kKeP-5g_wq2Jw&scope=bank%3Aread&resource={resource}",
    redeem: "grant_type=authorization_code&code={code}&client_id={client_id}&code_verifier={verifier}&redirect_uri={redirect_uri}\
             &resource={resource}",
    refresh: "grant_type=refresh_token&refresh_token={refresh_token}&client_id={client_id}&resource={resource}",
};
const ITS_TWIN: Client = Client { redirect_uri: "https://claude.com/api/mcp/auth_callback", ..CLAUDE };

chancery_testkit::both_stores! {
    async fn claude_ai_finds_its_way_and_is_known_by_its_document(site: Site) {
        pinned(&site, ID, DOCUMENT).await;

        let path = "/.well-known/oauth-protected-resource/mcp/bank";
        let resource = send(&site, ("GET", path), CLAUDE.headers, "").await.json();
        assert_eq!(resource["resource"], json!(format!("{}/mcp/bank", site.base())), "it wants the very address, path and all");
        let metadata = site.metadata().await;
        let methods = metadata["token_endpoint_auth_methods_supported"].as_array().expect("a list");
        assert!(methods.contains(&json!("none")), "without it, Claude would not go by its document");

        CLAUDE.signs_in(&site, ID).await;
        ITS_TWIN.signs_in(&site, ID).await;
    }

    async fn claude_ai_registers_twice_and_either_client_works(site: Site) {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let answer = CLAUDE.register(&site, REGISTRATION).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            ids.push(answer.json()["client_id"].as_str().expect("an id").to_owned());
        }
        assert_ne!(ids[0], ids[1]);
        for id in ids {
            CLAUDE.signs_in(&site, &id).await;
        }
    }

    async fn claude_ai_is_told_by_invalid_client_to_register_anew(site: Site) {
        let body = "grant_type=refresh_token&refresh_token=x&client_id=cli_00000000000000000000000000000000";
        let answer = CLAUDE.token(&site, body).await;
        assert_eq!((answer.status, &answer.json()["error"]), (401, &Value::from("invalid_client")));
    }
}
