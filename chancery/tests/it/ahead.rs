//! Ends, and tokens that a node issued just before whose clock is ahead of the one's that ends: they say that they are from later.

use std::time::Duration;

use chancery::admin::message::Revocable;
use chancery_testkit::cast::{AGENT, AGENT_CLIENT, ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT, SECRET_REF};
use chancery_testkit::{Mcp, Site, Tokens};
use serde_json::{Value, json};

/// Less than clocks may be apart.
const AHEAD: Duration = Duration::from_secs(50);

/// Tokens that are from later: those of a redemption, and those of a refresh.
async fn from_later(site: &Site, app: &'static str) -> [Tokens; 2] {
    let earlier = site.sign_in(ALICE, app).await;
    site.ahead(AHEAD, async { [site.sign_in(ALICE, app).await, earlier.refresh().await.granted()] }).await
}

async fn taken(tokens: &[Tokens]) {
    for tokens in tokens {
        tokens.call(BANK, "account_balance").await.answered();
    }
}

async fn refused(tokens: &[Tokens]) {
    for tokens in tokens {
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        tokens.refresh().await.refused(400, "invalid_grant");
    }
}

fn claim(tokens: &[Tokens], name: &str) -> String {
    tokens[0].claims()[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}

/// The list without what has this name.
fn without(list: &Value, gone: &str) -> Value {
    list.as_array().into_iter().flatten().filter(|it| it["name"] != gone).cloned().collect()
}

/// A client of the file that acts as itself, or as the agent.
async fn robot(site: &Site, agent: Option<&str>) {
    let mut robot = json!({ "name": "robot", "secret": SECRET_REF, "grants": ["client_credentials"], "scopes": "bank:read" });
    if let Some(agent) = agent {
        robot["agent"] = json!(agent);
    }
    site.apply(|file| file["clients"].as_array_mut().expect("a list").push(robot)).await;
}

/// What calls the bank by a token of the robot's own that is from later.
async fn own_from_later(site: &Site) -> Mcp {
    let (app, bank) = (site.app("robot"), site.url(BANK));
    let answer = site.ahead(AHEAD, site.post_token(&app, &[("grant_type", "client_credentials"), ("resource", &bank)])).await;
    let token = answer.has_status(200).json()["access_token"].as_str().expect("a token").to_owned();
    Mcp::new(site.program(), bank, Some(token))
}

async fn removed(site: &Site, agent: Option<&str>) {
    robot(site, agent).await;
    let mut mcp = own_from_later(site).await;
    mcp.call("account_balance", json!({})).await.answered();

    site.apply(|file| {
        file["clients"] = without(&file["clients"], "robot");
        if let Some(agent) = agent {
            file["agents"] = without(&file["agents"], agent);
            file["clients"]
                .as_array_mut()
                .expect("clients")
                .iter_mut()
                .for_each(|client| _ = client.as_object_mut().expect("a client").remove("agent"));
        }
    })
    .await;

    mcp.send("tools/call", json!({ "name": "account_balance" })).await.challenged("invalid_token");
}

chancery_testkit::both_stores! {
    async fn rv_05_a_person_s_tokens_from_later_are_over_and_they_come_back_at_once(site: Site) {
        let (theirs, other) = (from_later(&site, PUBLIC_CLIENT).await, site.sign_in(BOB, PUBLIC_CLIENT).await);
        taken(&theirs).await;

        site.revoke(Revocable::Subject, &claim(&theirs, "sub")).await.expect("she is known");

        refused(&theirs).await;
        taken(&[other]).await;
        site.turn(Duration::from_secs(2)); // times in tokens are whole seconds
        taken(&[site.sign_in(ALICE, PUBLIC_CLIENT).await]).await;
    }

    async fn rv_05_a_client_s_tokens_from_later_are_over(site: Site) {
        let (theirs, other) = (from_later(&site, PUBLIC_CLIENT).await, site.sign_in(ALICE, OTHER_CLIENT).await);
        taken(&theirs).await;

        site.revoke(Revocable::Client, &site.app(PUBLIC_CLIENT).id).await.expect("it is known");

        refused(&theirs).await;
        taken(&[other]).await;
        site.turn(Duration::from_secs(2)); // it is the file's, so it comes back
        taken(&[site.sign_in(ALICE, PUBLIC_CLIENT).await]).await;
    }

    async fn rv_05_an_agent_s_tokens_from_later_are_over(site: Site) {
        let (theirs, other) = (from_later(&site, AGENT_CLIENT).await, site.sign_in(ALICE, PUBLIC_CLIENT).await);
        taken(&theirs).await;

        site.revoke(Revocable::Agent, &claim(&theirs, "agent")).await.expect("it is known");

        refused(&theirs).await;
        taken(&[other]).await;
    }

    async fn rv_05_tokens_from_later_are_over_whose_provider_is_removed(site: Site) {
        let theirs = from_later(&site, PUBLIC_CLIENT).await;
        taken(&theirs).await;

        site.apply(|file| file["identity_providers"] = json!([site.other_provider()])).await;

        refused(&theirs).await;
    }

    async fn rv_05_a_client_s_own_tokens_from_later_are_over_when_it_is_removed(site: Site) {
        removed(&site, None).await;
    }

    async fn rv_05_an_agent_s_own_tokens_from_later_are_over_when_it_is_removed(site: Site) {
        removed(&site, Some(AGENT)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_tokens_from_later_are_over_on_every_node() {
    let Some(site) = Site::cluster(2).await else { return };
    let theirs = from_later(&site, PUBLIC_CLIENT).await;
    for _ in 0..4 {
        taken(&theirs).await;
    }

    site.revoke(Revocable::Subject, &claim(&theirs, "sub")).await.expect("she is known");

    for _ in 0..8 {
        theirs[0].call(BANK, "account_balance").await.challenged("invalid_token");
    }
}
