//! Visual Studio Code: by its document, or registered with four redirect URIs. It listens on port 33418 of loopback, or on a random one
//! where that is taken, and asks for what the challenge named.

use serde_json::json;

use super::{Client, pinned};

const ID: &str = "https://vscode.dev/oauth/client-metadata.json";
const DOCUMENT: &str = r#"{
  "client_id": "https://vscode.dev/oauth/client-metadata.json",
  "client_name": "Visual Studio Code",
  "client_uri": "https://vscode.dev/product",
  "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  "response_types": ["code"],
  "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
  "token_endpoint_auth_method": "none",
  "application_type": "native"
}"#;
const REGISTRATION: &str = r#"{"client_name":"Visual Studio Code","client_uri":"https://code.visualstudio.com","grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"],"response_types":["code"],"redirect_uris":["https://insiders.vscode.dev/redirect","https://vscode.dev/redirect","http://127.0.0.1/","http://127.0.0.1:33418/"],"scope":"bank:read","token_endpoint_auth_method":"none","application_type":"native"}"#;

const ON_ITS_PORT: Client = Client {
    headers: "accept: application/json\r\nmcp-protocol-version: 2025-11-25\r\nuser-agent: Visual-Studio-Code/1.118.0\r\n",
    redirect_uri: "http://127.0.0.1:33418/",
    authorize: "client_id={client_id}&response_type=code&state=8v%2FpQ0%3D%3D&code_challenge={challenge}&code_challenge_method=S256\
                &scope=bank%3Aread&resource={resource}&redirect_uri={redirect_uri}",
    redeem: "client_id={client_id}&grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}&code_verifier={verifier}\
             &resource={resource}",
    refresh: "client_id={client_id}&grant_type=refresh_token&refresh_token={refresh_token}&resource={resource}",
};
const ON_ANOTHER_PORT: Client = Client { redirect_uri: "http://127.0.0.1:52804/", ..ON_ITS_PORT };
const BY_THE_WEB: Client = Client { redirect_uri: "https://vscode.dev/redirect", ..ON_ITS_PORT };

chancery_testkit::both_stores! {
    async fn vs_code_is_known_by_its_document_on_whichever_port(site: Site) {
        pinned(&site, ID, DOCUMENT).await;
        for client in [ON_ITS_PORT, ON_ANOTHER_PORT, BY_THE_WEB] {
            client.signs_in(&site, ID).await;
        }
    }

    async fn vs_code_registers_with_four_redirect_uris_and_its_grants_are_told(site: Site) {
        let answer = ON_ITS_PORT.register(&site, REGISTRATION).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let registered = answer.json();
        assert_eq!(registered["redirect_uris"].as_array().map(Vec::len), Some(4));
        assert_eq!(registered["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(registered["token_endpoint_auth_method"], "none");
        let id = registered["client_id"].as_str().expect("an id");
        for client in [ON_ITS_PORT, ON_ANOTHER_PORT, BY_THE_WEB] {
            client.signs_in(&site, id).await;
        }
    }
}
