//! Whoever hangs up while the company's provider registers a client, and a store that cannot say what it wrote, leave no half of one.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK};
use chancery_testkit::idp_sim::{Endpoint, Fault, IdpSim, Profile};
use chancery_testkit::{Administered, Approve, Form, Hasty, Registering, Site};
use serde_json::json;
use tokio::sync::watch;

use crate::proxy::{app, behind, register, register_by, registration, token};

/// Longer than any machine takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("it never came about: {what}"));
}

async fn number(site: &Site, sql: &'static str) -> i64 {
    let rows = site.store().query(sql, Vec::new()).await.expect("the store answers");
    rows.into_iter().next().expect("a row").int().expect("a number")
}

async fn enrolments(site: &Site) -> i64 {
    number(site, "SELECT COUNT(*) FROM enrolments").await
}

async fn uses_left(site: &Site) -> i64 {
    number(site, "SELECT SUM(uses_left) FROM registration_tokens").await
}

/// Whoever asks this hangs up after the provider has made the client, and before it says so.
async fn hangs_up(sim: &IdpSim, hasty: Hasty, answers: &watch::Sender<bool>) {
    until("the provider has made the client", async || sim.registered().len() == 1).await;
    hasty.leaves().await;
    answers.send_replace(true);
}

/// The provider has a client that it has not told us of, until it may.
fn holding(sim: &IdpSim) -> watch::Sender<bool> {
    let (answers, held) = watch::channel(false);
    sim.fault(Endpoint::Register, Fault::Held(held));
    answers
}

async fn forgets_all_but(site: &Site, sim: &IdpSim, left: usize) {
    sim.heal();
    site.turn(Duration::from_mins(11));
    site.forget_left_behind().await;
    assert_eq!(sim.registered().len(), left);
}

#[tokio::test]
async fn dr_05_who_hangs_up_leaves_nobody_at_the_provider_and_uses_up_no_credential() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    let once = token(&site, 1).await;
    let answers = holding(&sim);

    hangs_up(&sim, site.program().hastily(registration(&site, &once)).await, &answers).await;

    until("the use is given back", async || uses_left(&site).await == 1).await;
    assert_eq!((enrolments(&site).await, number(&site, "SELECT COUNT(*) FROM clients").await), (1, 0));
    sim.heal();
    register_by(&site, &once).await.has_status(201);
    register_by(&site, &once).await.refused(401, "invalid_token");
    assert_eq!(sim.registered().len(), 2);
    forgets_all_but(&site, &sim, 1).await;
    let log = site.audit().await;
    let refused = log.of_kind("registration_refused");
    assert!(refused.len() == 1 && refused[0].fields["reason"].to_string().contains("hung up"), "{refused:?}");
    assert_eq!((log.of_kind("enrolment_begun").len(), log.of_kind("client_registered").len()), (2, 1));
}

/// The rules let it in before the provider was asked, and are others when that answers.
#[tokio::test]
async fn dr_06_a_client_that_was_let_in_by_rules_of_before_is_not_written() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    let twice = token(&site, 2).await;
    for (change, status) in [("lifetimes", 201), ("registration", 503)] {
        let (made, answers) = (sim.registered().len(), holding(&sim));
        let asking = tokio::spawn({
            let (site, twice) = (site.clone(), twice.clone());
            async move { register_by(&site, &twice).await }
        });
        until("the provider has made the client", async || sim.registered().len() > made).await;

        match change {
            "lifetimes" => site.apply(|file| file["lifetimes"] = json!({ "access_token": "4m" })).await,
            _ => site.apply(|file| file["registration"]["dynamic"] = json!("closed")).await,
        }
        answers.send_replace(true);

        asking.await.expect("an answer").has_status(status);
        assert_eq!(number(&site, "SELECT COUNT(*) FROM clients").await, 1, "{change}");
    }
    assert_eq!(uses_left(&site).await, 1, "nothing came of it");
    let log = site.audit().await;
    assert!(log.only("registration_refused").field("reason").is_some_and(|why| why.contains("rules")), "it says why");
    forgets_all_but(&site, &sim, 1).await;
}

#[tokio::test]
async fn who_hangs_up_on_a_first_sign_in_leaves_no_client_at_the_provider_that_is_not_known() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    site.apply(|file| file["registration"]["dynamic"] = json!("approval")).await;
    let client = app(&register(&site).await);
    let Ok(Administered::Waiting(waiting)) = site.registration(Registering::List).await else { panic!("a list") };
    let seen = waiting.clients[0].digest.clone();
    site.registration(Registering::Approve(Approve { id: client.id.clone(), seen })).await.expect("approved");
    let answers = holding(&sim);
    let browser = site.browser();
    let page = site.ask_as(client.clone()).open(&browser).await;
    let consent = Form::with(&page, "decision").press("decision", "approve");

    hangs_up(&sim, browser.hastily(consent.request(&page.url)).await, &answers).await;

    until("the client is known", async || enrolments(&site).await == 1).await;
    sim.heal();
    site.ask_as(client).approved_by(ALICE).await.redeem().await.granted().call(BANK, "account_balance").await.answered();
    assert_eq!(sim.registered().len(), 1, "it is the same client");
}

#[tokio::test]
async fn dr_05_a_credential_whose_client_may_have_been_written_is_not_good_for_another() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    let twice = token(&site, 2).await;
    site.lose_commits_of_clients().await;

    register_by(&site, &twice).await.refused(503, "temporarily_unavailable");

    assert_eq!((uses_left(&site).await, enrolments(&site).await), (1, 1));
    site.keep_commits_of_clients().await;
    register_by(&site, &twice).await.has_status(201);
    register_by(&site, &twice).await.refused(401, "invalid_token");
    forgets_all_but(&site, &sim, 1).await; // of this one it was not written
}
