//! One switch ends a person, an agent, a client, or one thing of theirs: at the gateway within a second, at the token endpoint for good.

use std::collections::BTreeMap;

use chancery::admin::message::{Answer, List, Listed, Revocable, Revoke, Revoked, Stand, Task};
use chancery::exit::Failure;
use chancery_testkit::cast::{AGENT, AGENT_CLIENT, ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT, SECRET, TENANT};
use chancery_testkit::{Folder, Tokens};
use serde_json::json;

use crate::process::{Running, configuration, free_port, run};

/// Neither the access token nor the refresh token is good any more.
async fn is_over(tokens: &Tokens) {
    tokens.call(BANK, "account_balance").await.challenged("invalid_token");
    tokens.refresh().await.refused(400, "invalid_grant");
}

async fn goes_on(tokens: &Tokens) {
    tokens.call(BANK, "account_balance").await.answered();
    tokens.refresh().await.granted();
}

fn claim(tokens: &Tokens, name: &str) -> String {
    tokens.claims()[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}

chancery_testkit::both_stores! {
    async fn a_person_who_is_revoked_loses_everything_and_may_come_back(site: Site) {
        let (first, second) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, AGENT_CLIENT).await);
        let other = site.sign_in(BOB, PUBLIC_CLIENT).await;

        site.revoke(Revocable::Subject, &claim(&first, "sub")).await.expect("she is known");

        let log = site.audit().await;
        log.only("revoked").names(ALICE).says("reason", "a test wants it").says("administrator", "serve, at its start");
        is_over(&first).await;
        is_over(&second).await;
        goes_on(&other).await;
        site.turn(std::time::Duration::from_secs(2));
        goes_on(&site.sign_in(ALICE, PUBLIC_CLIENT).await).await;
    }

    async fn a_client_that_is_revoked_loses_what_it_was_allowed(site: Site) {
        let (ended, other) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, OTHER_CLIENT).await);

        site.revoke(Revocable::Client, &site.app(PUBLIC_CLIENT).id).await.expect("it is known");

        site.audit().await.only("revoked").names(PUBLIC_CLIENT);
        is_over(&ended).await;
        goes_on(&other).await;
    }

    async fn an_agent_that_is_revoked_loses_what_it_was_allowed(site: Site) {
        let (ended, other) = (site.sign_in(ALICE, AGENT_CLIENT).await, site.sign_in(ALICE, PUBLIC_CLIENT).await);

        site.revoke(Revocable::Agent, &claim(&ended, "agent")).await.expect("it is known");

        is_over(&ended).await;
        goes_on(&other).await;
    }

    async fn a_grant_a_token_or_a_session_ends_alone(site: Site) {
        let (grant, token) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, PUBLIC_CLIENT).await);
        let id = grant.claims()["grants"][0].as_str().expect("a grant").to_owned();
        let session = site.audit().await.of_kind("signed_in")[0].fields["session"].clone();

        site.revoke(Revocable::Grant, &id).await.expect("it is known");
        site.revoke(Revocable::Token, &claim(&token, "jti")).await.expect("it is an id");
        site.revoke(Revocable::Session, &session).await.expect("it is alive");

        is_over(&grant).await;
        token.call(BANK, "account_balance").await.challenged("invalid_token");
        goes_on(&token.refresh().await.granted()).await;
        let twice = site.revoke(Revocable::Session, &session).await.expect_err("it is over");
        assert!(twice.what.contains("has no session"), "{twice}");
    }

    async fn a_key_that_is_revoked_is_published_no_longer_and_replaced(site: Site) {
        let before = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let jwks = site.program().get(&site.endpoint("jwks")).await.has_status(200).json();
        let kid = jwks["keys"][0]["kid"].as_str().expect("a key").to_owned();

        site.revoke(Revocable::Key, &kid).await.expect("it is known");

        let jwks = site.program().get(&site.endpoint("jwks")).await.has_status(200).json();
        assert!(!jwks.to_string().contains(&kid), "{jwks}");
        before.call(BANK, "account_balance").await.challenged("invalid_token");
        goes_on(&before.refresh().await.granted()).await;
        site.audit().await.only("revoked").says("key", &kid);
    }

    async fn a_client_or_agent_that_the_file_no_longer_declares_is_over(site: Site) {
        let (client, agent) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, AGENT_CLIENT).await);
        let other = site.sign_in(ALICE, OTHER_CLIENT).await;

        site.apply(|file| {
            let keep = |list: &serde_json::Value, gone: &str| list.as_array().into_iter().flatten().filter(|it| it["name"] != gone).cloned().collect();
            file["clients"] = keep(&file["clients"], PUBLIC_CLIENT);
            file["agents"] = keep(&file["agents"], AGENT);
            for client in file["clients"].as_array_mut().expect("clients") {
                client.as_object_mut().expect("a client").remove("agent");
            }
        })
        .await;

        client.call(BANK, "account_balance").await.challenged("invalid_token");
        agent.call(BANK, "account_balance").await.challenged("invalid_token");
        agent.refresh().await.refused(400, "invalid_grant");
        goes_on(&other).await;
        assert_eq!(site.audit().await.of_kind("revoked").len(), 2);
    }

    async fn what_is_not_there_is_not_revoked(site: Site) {
        for (kind, id) in [
            (Revocable::Subject, "usr_019ab697e80070008000000000000001"),
            (Revocable::Agent, "alice"),
            (Revocable::Client, "cli_019ab697e80070008000000000000001"),
            (Revocable::Grant, ""),
            (Revocable::Token, "x"),
            (Revocable::Session, "ses_019ab697e80070008000000000000001"),
            (Revocable::Key, "key_019ab697e80070008000000000000001"),
        ] {
            let failure = site.revoke(kind, id).await.expect_err("nothing has this id");
            assert!(failure.to_string().contains(&format!("{id:?}")), "{failure}");
        }
        assert_eq!(site.audit().await.of_kind("revoked").len(), 0);
    }

    async fn a_client_that_registered_itself_is_gone(site: Site) {
        site.apply(|file| file["registration"] = json!({ "dynamic": "open" })).await;
        let metadata = json!({ "redirect_uris": ["https://app.example/cb"] });
        let registered = site.register(&metadata).await.has_status(201).json();
        let id = registered["client_id"].as_str().expect("an id");

        site.revoke(Revocable::Client, id).await.expect("it is known");

        let twice = site.revoke(Revocable::Client, id).await.expect_err("it is gone");
        assert!(twice.what.contains("has no client"), "{twice}");
    }
}

#[test]
fn the_command_asks_the_server_or_does_it_itself() {
    let folder = Folder::new();
    configuration(&folder, free_port());
    let token = "tok_019ab697e80070008000000000000001";
    run(&folder, &["apply"]).with(0, &[]);
    run(&folder, &["revoke", "token", token, "--reason", "leaked"]).with(0, &[token, "is revoked"]);
    run(&folder, &["audit", "tail"]).with(0, &["revoked", "reason=leaked", "no server running"]);

    let _server = Running::start(&folder, &["serve"], "listening on");
    run(&folder, &["revoke", "token", token]).with(0, &["is revoked"]);
    run(&folder, &["audit", "tail", "-n", "1"]).with(0, &["revoked", "socket uid "]);
    run(&folder, &["revoke", "grant", "grt_1"]).with(8, &["has no grant \"grt_1\""]);
}

/// What a revocation answered.
fn said(answer: Result<Answer, Failure>) -> Revoked {
    match answer.unwrap_or_else(|failure| panic!("{failure}")) {
        Answer::Revoked(revoked) => revoked,
        _ => panic!("a revocation says what ended"),
    }
}

fn counted(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect()
}

fn revocation(kind: Revocable, id: &str, dry_run: bool) -> Task {
    Task::Revoke(Revoke { tenant: TENANT.to_owned(), kind, id: id.to_owned(), reason: "left".to_owned(), dry_run })
}

fn standing(subject: &str, suspended: bool) -> Task {
    Task::Stand(Stand { tenant: TENANT.to_owned(), subject: subject.to_owned(), suspended, reason: "on leave".to_owned() })
}

chancery_testkit::both_stores! {
    async fn people_clients_and_agents_are_found_by_name_and_what_ended_is_counted(site: Site) {
        let (first, second) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, AGENT_CLIENT).await);
        let other = site.sign_in(BOB, OTHER_CLIENT).await;
        let id = claim(&first, "sub");

        let would = said(site.administer(&revocation(Revocable::Subject, ALICE, true)).await);
        assert_eq!((would.id, would.ended, would.dry_run), (id.clone(), counted(&[("grants", 2)]), true));
        goes_on(&first).await;
        assert_eq!(site.audit().await.of_kind("revoked").len(), 0, "a dry run ends nothing");

        let did = said(site.administer(&revocation(Revocable::Subject, ALICE, false)).await);
        assert_eq!((did.id, did.ended), (id, counted(&[("grants", 2), ("sessions", 2)])));
        is_over(&first).await;
        is_over(&second).await;
        let agent = said(site.administer(&revocation(Revocable::Agent, AGENT, false)).await);
        assert_eq!((agent.id, agent.ended), (claim(&second, "agent"), counted(&[("grants", 0)])));
        let client = said(site.administer(&revocation(Revocable::Client, OTHER_CLIENT, false)).await);
        assert_eq!((client.id, client.ended), (site.app(OTHER_CLIENT).id, counted(&[("grants", 1)])));
        is_over(&other).await;
    }

    async fn a_name_that_several_have_is_nobodys(site: Site) {
        let metadata = json!({ "redirect_uris": ["https://app.example/cb"], "client_name": "100% \"same\"_name" });
        let ids = [site.register(&metadata).await, site.register(&metadata).await].map(|answer| answer.has_status(201).json()["client_id"].clone());
        let like_it = json!({ "redirect_uris": ["https://app.example/cb"], "client_name": "100x \"same\"xname" });
        site.register(&like_it).await.has_status(201);

        let failure = site.administer(&revocation(Revocable::Client, "100% \"same\"_name", false)).await.expect_err("there are two");

        assert!(ids.iter().all(|id| failure.why.contains(id.as_str().expect("an id"))), "{failure}");
        assert_eq!(failure.why.lines().count(), 2, "{failure}");
        said(site.administer(&revocation(Revocable::Client, "100x \"same\"xname", false)).await);
        for (kind, name) in [(Revocable::Subject, ""), (Revocable::Client, ""), (Revocable::Subject, "%"), (Revocable::Agent, "")] {
            site.administer(&revocation(kind, name, false)).await.expect_err("nobody is called so");
        }
    }

    async fn who_is_suspended_comes_back_only_when_reinstated(site: Site) {
        let before = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;

        let did = said(site.administer(&standing(ALICE, true)).await);

        assert_eq!(did.ended, counted(&[("grants", 2), ("sessions", 2)]));
        is_over(&before).await;
        for browser in [&browser, &site.browser()] {
            let refused = site.ask(PUBLIC_CLIENT).answered(browser, ALICE, true).await;
            assert!(refused.headers.get("location").is_none_or(|_| refused.sent("code").is_none()), "{refused:?}");
        }
        let twice = site.administer(&standing(ALICE, true)).await.expect_err("she is suspended already");
        assert!(twice.what.contains("suspended already"), "{twice}");

        said(site.administer(&standing(ALICE, false)).await);
        site.turn(std::time::Duration::from_secs(2));
        goes_on(&site.sign_in(ALICE, PUBLIC_CLIENT).await).await;
        before.refresh().await.refused(400, "invalid_grant");
        let log = site.audit().await;
        log.only("subject_suspended").names(ALICE).says("reason", "on leave").says("administrator", "serve, at its start");
        log.only("subject_reinstated").names(ALICE);
    }

    async fn lists_say_what_there_is_and_no_secret(site: Site) {
        let tokens = site.sign_in(ALICE, AGENT_CLIENT).await;
        site.sign_in(BOB, PUBLIC_CLIENT).await;
        let list = |what, subject: Option<&str>, client: Option<&str>| {
            let (subject, client) = (subject.map(str::to_owned), client.map(str::to_owned));
            Task::List(List { tenant: TENANT.to_owned(), what, subject, client, after: None, limit: 1 })
        };
        let text = |answer: Result<Answer, Failure>| serde_json::to_value(answer.unwrap_or_else(|failure| panic!("{failure}"))).expect("JSON");

        let objects = text(site.administer(&list(Listed::Objects, None, None)).await);
        assert!(!objects.to_string().contains(SECRET), "{objects}");
        assert!(objects["objects"].as_array().is_some_and(|all| all.iter().any(|it| it["name"] == BANK && it["owner"] == "file:site.yaml")), "{objects}");
        let clients = text(site.administer(&list(Listed::Clients, None, None)).await);
        assert!(clients["clients"].as_array().is_some_and(|all| all.iter().any(|it| it["name"] == AGENT_CLIENT && it["public"] == false)), "{clients}");
        let grants = text(site.administer(&list(Listed::Grants, Some(ALICE), None)).await);
        assert_eq!(grants["grants"][0]["id"], tokens.claims()["grants"][0], "{grants}");
        assert_eq!(text(site.administer(&list(Listed::Grants, Some(ALICE), Some(PUBLIC_CLIENT))).await)["grants"], json!([]));
        let subjects = text(site.administer(&list(Listed::Subjects, None, None)).await);
        assert_eq!((subjects["subjects"].as_array().map(Vec::len), subjects["next"].is_string()), (Some(1), true), "{subjects}");
        let next = Task::List(List { tenant: TENANT.to_owned(), what: Listed::Subjects, subject: None, client: None, after: subjects["next"].as_str().map(str::to_owned), limit: 1 });
        assert_ne!(text(site.administer(&next).await)["subjects"][0]["id"], subjects["subjects"][0]["id"]);
        assert_eq!(text(site.administer(&list(Listed::Sessions, Some(ALICE), None)).await)["sessions"].as_array().map(Vec::len), Some(1));
        site.administer(&list(Listed::Sessions, None, None)).await.expect_err("whose?");
        let keys = text(site.administer(&list(Listed::Keys, None, None)).await);
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(4), "{keys}");
    }
}
