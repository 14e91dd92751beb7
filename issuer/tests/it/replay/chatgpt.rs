//! ChatGPT: by its document where the metadata says that answers carry `iss`; otherwise registered, with an address for each connection.
//! It asks for `offline_access` to get a refresh token, whether or not that is offered.

use super::{Client, pinned};

const ID: &str = "https://chatgpt.com/oauth/client.json";
const DOCUMENT: &str = r#"{
  "client_id": "https://chatgpt.com/oauth/client.json",
  "client_name": "ChatGPT",
  "client_uri": "https://chatgpt.com",
  "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
  "grant_types": ["authorization_code", "refresh_token"],
  "response_types": ["code"],
  "token_endpoint_auth_method": "none"
}"#;
const REGISTRATION: &str = r#"{"client_name": "ChatGPT", "redirect_uris": ["https://chatgpt.com/connector/oauth/Zk3vJ8tQ0sLx"], "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none"}"#;

const CHATGPT: Client = Client {
    headers: "accept: application/json\r\nuser-agent: ChatGPT/1.0\r\n",
    redirect_uri: "https://chatgpt.com/connector_platform_oauth_redirect",
    authorize: "response_type=code&client_id={client_id}&redirect_uri={redirect_uri}&state=oauth_s_68f0c2b17e9c8191a1b2\
                &scope=bank%3Aread+offline_access&code_challenge={challenge}&code_challenge_method=S256&resource={resource}",
    redeem: "grant_type=authorization_code&client_id={client_id}&code={code}&redirect_uri={redirect_uri}&code_verifier={verifier}\
             &resource={resource}",
    refresh: "grant_type=refresh_token&client_id={client_id}&refresh_token={refresh_token}&resource={resource}",
};
const OF_ONE_CONNECTION: Client = Client { redirect_uri: "https://chatgpt.com/connector/oauth/Zk3vJ8tQ0sLx", ..CHATGPT };

chancery_testkit::both_stores! {
    async fn chatgpt_is_known_by_its_document_since_answers_carry_our_name(site: Site) {
        pinned(&site, ID, DOCUMENT).await;
        let metadata = site.metadata().await;
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true, "without it, ChatGPT would not go by its document");
        CHATGPT.signs_in(&site, ID).await;
    }

    async fn chatgpt_registers_an_address_for_each_connection(site: Site) {
        let answer = OF_ONE_CONNECTION.register(&site, REGISTRATION).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        OF_ONE_CONNECTION.signs_in(&site, answer.json()["client_id"].as_str().expect("an id")).await;
    }
}
