//! What administrators do through the API: it happens, everywhere, and the log says who did it.

use chancery_testkit::cast::{ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT, SECRET, TENANT};
use chancery_testkit::{App, Site};
use serde_json::{Value, json};

use crate::world::{APPLY, Administered, READ, REGISTER, REVOKE, is_a_problem};

chancery_testkit::both_stores! {
    async fn an_administrator_ends_a_client_and_a_person(site: Site) {
        let (tokens, other) = (site.sign_in(BOB, OTHER_CLIENT).await, site.sign_in(BOB, PUBLIC_CLIENT).await);
        let world = Administered::new(site).await;

        let would = world.post("revocations", REVOKE, &json!({ "kind": "client", "id": OTHER_CLIENT, "dry_run": true })).await;
        assert_eq!(would.has_status(200).json()["ended"], json!({ "grants": 1 }));
        tokens.call(BANK, "account_balance").await.answered();

        let did = world.post("revocations", REVOKE, &json!({ "kind": "client", "id": OTHER_CLIENT, "reason": "phishing" })).await;

        assert_eq!(did.has_status(200).json()["ended"], json!({ "grants": 1 }));
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        tokens.refresh().await.refused(400, "invalid_grant");
        other.call(BANK, "account_balance").await.answered();
        let alice = world.alice.clone();
        world.site.audit().await.only("revoked").names(OTHER_CLIENT).says("administrator", &alice).says("reason", "phishing");

        world.post("standing", REVOKE, &json!({ "subject": BOB, "suspended": true })).await.has_status(200);
        other.call(BANK, "account_balance").await.challenged("invalid_token");
        is_a_problem(&world.post("standing", REVOKE, &json!({ "subject": BOB, "suspended": true })).await, 409);
        is_a_problem(&world.post("revocations", REVOKE, &json!({ "kind": "client", "id": "nobody" })).await, 409);
        let bob = world.get("subjects/bob").await.has_status(200).json();
        assert_eq!(bob["subjects"][0]["status"], "suspended", "{bob}");
        world.site.audit().await.only("subject_suspended").names(BOB).says("administrator", &alice);
    }

    async fn an_administrator_lets_an_app_in_and_keeps_one_out(site: Site) {
        site.apply(|file| file["registration"]["dynamic"] = json!("approval")).await;
        let world = Administered::new(site).await;
        for name in ["Sketchbook", "Evil"] {
            let metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": name });
            world.site.register(&metadata).await.has_status(201);
        }
        let waiting = world.get("registration/waiting").await.has_status(200).json();
        let one = |name: &str| {
            let found = waiting["clients"].as_array().and_then(|clients| clients.iter().find(|client| client["name"] == name));
            let found = found.unwrap_or_else(|| panic!("{name} waits: {waiting}"));
            (found["id"].clone(), found["digest"].clone())
        };
        let ((good, seen), (evil, _)) = (one("Sketchbook"), one("Evil"));

        is_a_problem(&world.post("registration/approve", REGISTER, &json!({ "id": good })).await, 400);
        is_a_problem(&world.post("registration/approve", REGISTER, &json!({ "id": good, "seen": "0" })).await, 409);
        let approved = world.post("registration/approve", REGISTER, &json!({ "id": good, "seen": seen })).await;
        assert_eq!(approved.has_status(200).json()["standing"], "active");
        let denied = world.post("registration/deny", REGISTER, &json!({ "id": evil })).await;
        assert_eq!(denied.has_status(200).json()["standing"], "denied");

        let app = |id: &Value| App { id: id.as_str().expect("an id").to_owned(), secret: None, redirect_uri: "http://127.0.0.1/callback".to_owned() };
        world.site.ask_as(app(&good)).approved_by(BOB).await.redeem().await.granted().call(BANK, "account_balance").await.answered();
        world.site.ask_as(app(&evil)).open(&world.site.browser()).await.refused_on_page("DR-06");
        let log = world.site.audit().await;
        assert_eq!(log.of_kind("client_judged").len(), 2);
        assert!(log.of_kind("client_judged").iter().all(|event| event.fields["administrator"] == world.alice), "{log:?}");
    }

    async fn an_administrator_makes_lists_and_ends_an_initial_access_token(site: Site) {
        site.apply(|file| file["registration"]["dynamic"] = json!("token")).await;
        let world = Administered::new(site).await;
        let ask = json!({ "label": "partners", "uses": 3, "lasts": 3600 });
        let made = world.post("registration/tokens/make", REGISTER, &ask).await.has_status(200).json();
        let (token, id) = (made["token"].as_str().expect("a token"), &made["id"]);
        is_a_problem(&world.post("registration/tokens/make", REGISTER, &json!({ "label": "x", "uses": 0, "lasts": 1 })).await, 409);

        let listed = world.get("registration/tokens").await;
        listed.has_status(200);

        assert_eq!((&listed.json()["tokens"][0]["id"], &listed.json()["tokens"][0]["uses_left"]), (id, &json!(3)));
        assert!(!listed.text().contains(token));
        is_a_problem(&world.post("registration/tokens/end", READ, &json!({ "id": id })).await, 403);
        let ended = world.post("registration/tokens/end", REGISTER, &json!({ "id": id })).await.has_status(200).json();
        assert_eq!((&ended["label"], &ended["uses_left"]), (&json!("partners"), &json!(3)));
        assert_eq!(world.get("registration/tokens").await.json()["tokens"], json!([]));
        is_a_problem(&world.post("registration/tokens/end", REGISTER, &json!({ "id": id })).await, 409);
        world.site.audit().await.only("registration_token_ended").says("administrator", &world.alice);
    }

    async fn another_tenant_named_in_the_body_is_not_touched(site: Site) {
        let world = Administered::new(site).await;
        let applied = world.site.audit().await.of_kind("registry_applied").len();
        let body = json!({ "tenant": "other", "kind": "subject", "id": ALICE, "dry_run": true });

        let answer = world.post("revocations", REVOKE, &body).await.has_status(200).json();

        assert_eq!(answer["tenant"], TENANT);
        for path in ["plan", "apply"] {
            let theirs = json!({ "files": [["x.yaml", json!({ "tenant": "other", "base_url": "https://other.example",
                "identity_providers": [{ "name": "idp", "issuer": "https://idp.example", "client_id": "c", "client_secret": "env:S" }] }).to_string()]],
                "secrets": { "env:S": SECRET } });
            let problem = is_a_problem(&world.post(path, APPLY, &theirs).await, 409);
            assert!(problem["title"].as_str().is_some_and(|title| title.contains("\"other\"")), "{problem}");
        }
        assert_eq!(world.site.audit().await.of_kind("registry_applied").len(), applied);
    }

    async fn a_file_that_is_wrong_is_refused_in_words_and_no_secret_comes_back(site: Site) {
        let world = Administered::new(site).await;
        let wrong = json!({ "files": [["x.yaml", "tenant: demo\nbase_url: nowhere\n"]], "secrets": { "env:S": "hunter2-hunter2-hunter2" } });

        let problem = is_a_problem(&world.post("plan", APPLY, &wrong).await, 400);

        assert!(problem["detail"].as_str().is_some_and(|why| why.contains("x.yaml:2")), "{problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        for path in ["objects", "clients", "keys", "grants", "subjects", "events", "sessions?subject=alice"] {
            let text = world.get(path).await.has_status(200).text();
            for secret in [SECRET, "hunter2", "digest", "sealed", "\"hash\""] {
                assert!(!text.contains(secret), "{path} shows {secret}: {text}");
            }
        }
    }

    async fn pages_follow_each_other(site: Site) {
        for _ in 0..3 {
            site.sign_in(BOB, PUBLIC_CLIENT).await;
        }
        let world = Administered::new(site).await;
        let (mut seen, mut next) = (Vec::new(), None::<String>);
        loop {
            let after = next.as_ref().map_or_else(String::new, |next| format!("&after={next}"));
            let page = world.get(&format!("grants?limit=2{after}")).await.has_status(200).json();
            seen.extend(page["grants"].as_array().expect("grants").iter().map(|grant| grant["id"].to_string()));
            match page["next"].as_str() {
                Some(after) => next = Some(after.to_owned()),
                None => break,
            }
        }
        let before = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((before, seen.len()), (4, 4));
        let first = world.get("events?limit=1").await.json()["events"][0]["id"].as_str().expect("an id").to_owned();
        world.post("revocations", REVOKE, &json!({ "kind": "client", "id": OTHER_CLIENT })).await.has_status(200);
        let newer = world.get(&format!("events?after={first}")).await.json();
        assert_eq!(newer["events"].as_array().map(Vec::len), Some(1), "{newer}");
        assert_eq!(newer["events"][0]["fields"]["administrator"], world.alice, "{newer}");
    }

    async fn a_change_that_cannot_be_recorded_does_not_happen(site: Site) {
        let tokens = site.sign_in(BOB, OTHER_CLIENT).await;
        let world = Administered::new(site).await;
        world.site.lose_log().await;

        let answer = world.post("revocations", REVOKE, &json!({ "kind": "client", "id": OTHER_CLIENT })).await;

        is_a_problem(&answer, 503);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        is_a_problem(&world.post("revocations", "admin:read", &json!({ "kind": "client", "id": OTHER_CLIENT })).await, 503);
        world.site.restore_log().await;
        tokens.call(BANK, "account_balance").await.answered();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_what_an_administrator_ends_at_one_node_no_other_takes() {
    let Some(site) = Site::cluster(2).await else { return };
    let tokens = site.sign_in(BOB, OTHER_CLIENT).await;
    let world = Administered::new(site).await;

    world.post("revocations", REVOKE, &json!({ "kind": "subject", "id": BOB })).await.has_status(200);

    for _ in 0..8 {
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
    }
}
