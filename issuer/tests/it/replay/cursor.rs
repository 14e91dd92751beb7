//! Cursor: registers three redirect URIs at once, calls itself a web app, and answers at a scheme of its own.

use serde_json::json;

use super::Client;

const REGISTRATION: &str = r#"{"client_name":"Cursor","redirect_uris":["cursor://anysphere.cursor-mcp/oauth/callback","https://www.cursor.com/agents/mcp/oauth/callback","http://localhost:8787/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","application_type":"web","client_uri":"https://cursor.com"}"#;

const BY_ITS_SCHEME: Client = Client {
    headers: "accept: */*\r\naccept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\nmcp-protocol-version: 2025-11-25\r\n",
    redirect_uri: "cursor://anysphere.cursor-mcp/oauth/callback",
    authorize: "response_type=code&client_id={client_id}&code_challenge={challenge}&code_challenge_method=S256\
                &redirect_uri={redirect_uri}&state=eyJpZCI6InVzZXItYmFuayJ9&scope=bank%3Aread&resource={resource}",
    redeem: "grant_type=authorization_code&code={code}&code_verifier={verifier}&redirect_uri={redirect_uri}&client_id={client_id}\
             &resource={resource}",
    refresh: "grant_type=refresh_token&refresh_token={refresh_token}&client_id={client_id}&resource={resource}",
};
const BY_THE_WEB: Client = Client { redirect_uri: "https://www.cursor.com/agents/mcp/oauth/callback", ..BY_ITS_SCHEME };
const ON_ANOTHER_PORT: Client = Client { redirect_uri: "http://localhost:49152/callback", ..BY_ITS_SCHEME };

chancery_testkit::both_stores! {
    async fn cursor_registers_three_addresses_and_answers_at_each(site: Site) {
        let answer = BY_ITS_SCHEME.register(&site, REGISTRATION).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let registered = answer.json();
        assert_eq!(registered["redirect_uris"].as_array().map(Vec::len), Some(3), "what it calls itself is a hint: {registered}");
        let id = registered["client_id"].as_str().expect("an id");
        for client in [BY_ITS_SCHEME, BY_THE_WEB, ON_ANOTHER_PORT] {
            client.signs_in(&site, id).await;
        }
    }

    async fn cursor_s_unusable_address_fails_none_of_the_others(site: Site) {
        let unknown = REGISTRATION.replace("cursor://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-next/callback");
        let registered = BY_ITS_SCHEME.register(&site, &unknown).await;
        assert_eq!(registered.status, 201, "{}", registered.body);
        let kept = json!(["https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"]);
        assert_eq!(registered.json()["redirect_uris"], kept);
        BY_THE_WEB.signs_in(&site, registered.json()["client_id"].as_str().expect("an id")).await;
    }

    async fn cursor_s_registration_with_a_dangerous_address_is_refused_whole(site: Site) {
        for dangerous in ["javascript:alert(1)", "http://cursor.com/callback", "https://169.254.169.254/callback"] {
            let asked = REGISTRATION.replace("http://localhost:8787/callback", dangerous);
            let answer = BY_ITS_SCHEME.register(&site, &asked).await;
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_redirect_uri")), "{dangerous}");
        }
    }
}
