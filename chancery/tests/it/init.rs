//! `chancery init`: from an identity provider's URL to a configuration that works, without a manual.

use std::sync::Arc;

use chancery_core::SystemClock;
use chancery_testkit::cast::{ALICE, IDENTITY_PROVIDER, SECRET_REF, TENANT};
use chancery_testkit::keycloak::Keycloak;
use chancery_testkit::{Behind, Browser, Folder, people};
use serde_json::{Value, json};
use url::Url;

use crate::app::App;
use crate::process::{Running, free_port, run};

/// Where this server is about to be, and what lies behind it.
async fn about_to_be() -> (Folder, String, Behind) {
    let base = format!("http://127.0.0.1:{}", free_port());
    let behind = Behind::start(&base, Arc::new(SystemClock)).await;
    (Folder::new(), base, behind)
}

fn arguments<'a>(issuer: &'a str, base: &'a str, server: &'a str) -> Vec<&'a str> {
    let provider = ["init", issuer, "--name", IDENTITY_PROVIDER, "--client-id", "chancery", "--client-secret", SECRET_REF];
    [&provider[..], &["--tenant", TENANT, "--base-url", base, "--server", server]].concat()
}

/// A person opens the address that was printed, and goes all the way.
async fn signs_in(base: &str) {
    let browser = Browser::new(Arc::new(SystemClock));
    let page = browser.get(&format!("{base}/sign-in-check")).await;
    let back = Url::parse(&format!("{base}/sign-in-check/back")).expect("an address");
    let answer = people::go_on(&browser, page, ALICE, true, &back).await;
    browser.get(answer.location().as_str()).await.has_status(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_leads_from_a_providers_url_to_a_working_call() {
    let about = about_to_be().await;
    let issuer = about.2.identity_provider.clone();
    to_a_working_call(&about, &issuer, "This is an OpenID Connect provider").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_leads_from_keycloak_to_a_working_call() {
    let Some(keycloak) = Keycloak::here().await else { return };
    let about = about_to_be().await;
    let realm = keycloak.realm(&[&format!("{}/t/{TENANT}/callback/{IDENTITY_PROVIDER}", about.1)]).await;
    to_a_working_call(&about, &realm.issuer(), "This is Keycloak").await;
}

/// What the README says, as a person does it.
async fn to_a_working_call((folder, base, behind): &(Folder, String, Behind), issuer: &str, recognised: &str) {
    let bank = format!("bank={}", behind.bank);
    let arguments = arguments(issuer, base, &bank);

    let mut init = Running::start(folder, &arguments, recognised);
    init.says(&format!("redirect URI   {base}/t/{TENANT}/callback/{IDENTITY_PROVIDER}"));
    init.says(&format!("after sign-out {base}/t/{TENANT}/signed-out"));
    init.says(&format!("back-channel   {base}/t/{TENANT}/backchannel-logout/{IDENTITY_PROVIDER}"));
    init.says("wrote chancery.yaml");
    init.says(&format!("{base}/sign-in-check"));
    signs_in(base).await;
    init.says("signed in (");
    init.says("chancery serve");
    assert!(init.wait().success(), "{}", init.err());

    let _server = Running::start(folder, &["serve"], "listening on");
    let app = App::registered_at(base).await;
    let tokens = app.redeem(&app.approved_for(ALICE, "bank:use").await).await;
    app.mcp(&tokens).call("account_balance", json!({})).await.answered();
    run(folder, &["doctor"]).with(0, &["ok   identity provider", "0 wrong"]);

    run(folder, &arguments).with(3, &["chancery.yaml is there already", "--force"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_says_each_step_as_json_and_a_refused_sign_in_is_told() {
    let (folder, base, behind) = about_to_be().await;
    behind.provider.alter_claims(|claims| claims["aud"] = json!("somebody-else"));
    let arguments = [arguments(&behind.identity_provider, &base, "bank=http://127.0.0.1:1/mcp"), vec!["--json"]].concat();

    let mut init = Running::start(&folder, &arguments, r#""step":"register""#);
    init.says(r#""step":"sign_in""#);
    let browser = Browser::new(Arc::new(SystemClock));
    let page = browser.get(&format!("{base}/sign-in-check")).await;
    let nowhere = Url::parse("http://127.0.0.1:1/").expect("an address");
    assert!(!people::go_on(&browser, page, ALICE, true, &nowhere).await.status.is_success());
    init.says(r#""step":"refused""#);
    init.signal("INT");
    assert_eq!(init.wait().code(), Some(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_writes_nothing_where_it_is_not_told_enough() {
    let (folder, base, behind) = about_to_be().await;
    let arguments = arguments(&behind.identity_provider, &base, "bank=http://127.0.0.1:1/mcp");

    run(&folder, &["init"]).with(2, &["ISSUER is missing", "nobody sits at a terminal"]);
    run(&folder, &["init", &behind.identity_provider]).with(2, &["--client-id is missing"]);
    run(&folder, &["init", "http://127.0.0.1:1/idp"]).with(6, &["metadata cannot be read", "issuer"]);
    run(&folder, &[&arguments[..], &["--server", "Not A Name=http://127.0.0.1:1/mcp"]].concat()).with(3, &["is not a name"]);
    assert!(!folder.path().join("chancery.yaml").exists());

    let slash = format!("{}/", behind.identity_provider);
    let written = run(&folder, &[&["init", &slash], &arguments[2..], &["--no-sign-in", "--json"]].concat());
    written.with(0, &[r#""step":"next""#]);
    let register: Value = serde_json::from_str(written.out.lines().next().expect("a line")).expect("an object");
    assert_eq!(register["issuer"], json!(behind.identity_provider), "as the provider writes it");
    run(&folder, &["plan"]).with(0, &["bank"]);
}
