//! What a person sees, in a real Chromium: `clients/pages.mjs` looks at every page as axe-core does, and gives a consent by keyboard alone.
//!
//! With `CHANCERY_SCREENSHOTS=FOLDER` it leaves a picture of each page there.

use chancery_testkit::cast::{PUBLIC_CLIENT, REDIRECT_AT, REDIRECT_URI};
use chancery_testkit::{App, Site, node};
use serde_json::{Value, json};

/// What people call the site's identity provider.
const TITLE: &str = "Employees of Acme";
const WEB: &str = "https://notebook.example/callback";
/// Letters of another alphabet, and as long as an address can be.
const LOOKALIKE: &str = "https://xn--ntebook-9ig.a-company-with-a-name-that-does-not-end-soon-and-goes-on-for-a-while.example/callback";

async fn registered(site: &Site, name: &str, redirect_uri: &str) -> App {
    let answer = site.register(&json!({ "client_name": name, "redirect_uris": [redirect_uri] })).await;
    let id = answer.has_status(201).json()["client_id"].as_str().expect("an id").to_owned();
    App { id, secret: None, redirect_uri: redirect_uri.to_owned() }
}

/// What to look at.
async fn pages(site: &Site) -> Value {
    site.apply(|file| {
        for client in file["clients"].as_array_mut().expect("a list") {
            client["redirect_uris"] = json!([WEB, REDIRECT_URI]);
        }
    })
    .await;
    let web = App { redirect_uri: WEB.to_owned(), ..site.app(PUBLIC_CLIENT) };
    let name = "Yоur\u{202e}Bаnk\u{200b} ".to_owned() + &"ReallyTrustworthyWithoutAnySpaceInIt".repeat(3);
    let (hostile, local) = (registered(site, &name, LOOKALIKE).await, registered(site, "Sketchbook", REDIRECT_AT).await);
    let both =
        |app: App| site.ask_as(app).again("resource", &site.url("exchange")).scope("bank:read bank:transfer exchange:convert openid");
    json!({
        "consent-loopback": site.ask_as(local).url(),
        "consent-web": site.ask_as(web.clone()).url(),
        "consent-hostile": both(hostile).url(),
        "refusal": site.ask_as(App { redirect_uri: format!("https://evil.example/{}", "x".repeat(200)), ..web }).url(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oa_18_what_a_person_sees_can_be_read_used_by_keyboard_and_not_framed() {
    let Some(mut script) = node::in_chromium("pages.mjs") else { return };
    let site = Site::on_sqlite().await;
    let folder = std::env::var("CHANCERY_SCREENSHOTS").ok();
    let mut provider = Value::Null;
    site.apply(|file| {
        provider = file["identity_providers"][0]["issuer"].clone();
        file["identity_providers"][0]["title"] = json!(TITLE);
        file["identity_providers"][0]["domains"] = json!(["acme.example", "acme-with-a-name-that-does-not-end-soon.example"]);
        file["identity_providers"].as_array_mut().expect("a list").push(site.other_provider());
    })
    .await;
    let asked = json!({
        "pages": pages(&site).await,
        "app": REDIRECT_AT,
        "web": WEB,
        "apps": site.endpoint("apps"),
        "signOut": site.endpoint("sign-out"),
        "consent": site.endpoint("consent"),
        "chosen": TITLE,
        "provider": provider,
        "folder": folder,
    });

    let ended = tokio::task::spawn_blocking(move || script.arg(asked.to_string()).output().expect("node runs")).await.expect("it ends");

    let (out, trouble) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    let said: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{trouble}"));
    assert_eq!(said["wrong"], json!([]), "{said:#}");
    assert!(said["seen"].as_array().is_some_and(|seen| seen.len() >= 9 * 4), "{said:#}");
    let log = site.audit().await;
    assert_eq!(
        (log.of_kind("consent_given").len(), log.of_kind("consent_remembered").len()),
        (2, 1),
        "neither a frame nor an image is a person"
    );
    assert_eq!((log.of_kind("approval_ended").len(), log.of_kind("signed_out").len()), (1, 1));
}
