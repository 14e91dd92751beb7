//! Every address × nobody, a wrong party, the right party.

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Forge, ProofKey, Revocable};
use http::Method;
use serde_json::{Value, json};

use crate::world::{APPLY, Administered, MINUTE, READ, REGISTER, REVOKE, is_a_problem, routes};

chancery_testkit::both_stores! {
    async fn pr_02_nobody_gets_nothing_and_is_told_where_to_begin(site: Site) {
        let world = Administered::new(site).await;
        for (method, path, _, body) in routes() {
            let answer = world.send((method, path, &body), None).await;
            is_a_problem(&answer, 401);
            let metadata = answer.challenge("resource_metadata").expect("an address");
            assert_eq!(answer.challenge("error"), None, "{answer:?}");
            let document = world.site.program().get(&metadata).await.has_status(200).json();
            assert_eq!((&document["resource"], &document["authorization_servers"][0]), (&json!(world.url("")), &json!(world.site.issuer())));
        }
    }

    async fn at_01_a_wrong_party_is_refused_everywhere(site: Site) {
        let world = Administered::new(site).await;
        let bank = world.site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let all = format!("{READ} {APPLY} {REVOKE} {REGISTER}");
        let good = world.claims(&all);
        let but = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            world.forge.token(&claims)
        };
        let now = world.site.now().seconds();
        let id_token = world.site.ask(PUBLIC_CLIENT).scope("openid").approved_by(ALICE).await.redeem().await.granted().id.expect("an ID token");
        let wrong = [
            ("for the bank", bank.access.clone()),
            ("an audience that begins alike", but("aud", json!(format!("{}/", world.url(""))))),
            ("of another tenant", but("iss", json!(format!("{}/t/other", world.site.base())))),
            ("of a stranger's key", Forge::stranger(&world.forge.kid).token(&good)),
            ("expired", but("exp", json!(now))),
            ("an ID token", id_token),
            ("garbage", "a.b.c".to_owned()),
        ];
        for (method, path, _, body) in routes() {
            for (what, token) in &wrong {
                let answer = world.send((method.clone(), path, &body), Some(token)).await;
                is_a_problem(&answer, 401);
                answer.challenged("invalid_token");
                assert_eq!(answer.challenge("error").as_deref(), Some("invalid_token"), "{what}");
            }
            let agent = but("sub", json!("agt_019ab697e80070008000000000000001"));
            is_a_problem(&world.send((method.clone(), path, &body), Some(&agent)).await, 403);
        }
        let log = world.site.audit().await;
        assert!(log.of_kind("administration_refused").iter().any(|event| event.fields["reason"] == "wrong_resource"));
        assert!(log.of_kind("administration_refused").iter().any(|event| event.fields["reason"] == "not_a_person"));
        for kind in ["revoked", "subject_reinstated", "registration_token_made"] {
            assert!(log.of_kind(kind).is_empty(), "nobody did anything");
        }
    }

    async fn dp_04_a_bound_token_administers_with_its_proof_alone(site: Site) {
        let world = Administered::new(site).await;
        let key = ProofKey::generate();
        for (method, path, needed, body) in routes() {
            let mut claims = world.claims(needed);
            claims["cnf"] = json!({ "jkt": key.jkt() });
            let token = world.forge.token(&claims);
            let proof = || key.proof_with(&token, (method.as_str(), &world.url(path)), world.site.now());

            let answer = world.send((method.clone(), path, &body), Some(&token)).await;
            is_a_problem(answer.challenged("invalid_token"), 401);
            assert!(answer.header("www-authenticate").is_some_and(|line| line.contains(", DPoP algs=\"")), "{answer:?}");
            let answer = world.prove((method.clone(), path, &body), &token, &[]).await;
            is_a_problem(answer.challenged("invalid_dpop_proof"), 401);
            // The issuer's own address is not the one that is asked; nor is any other of the API's.
            let elsewhere = key.proof_with(&token, (method.as_str(), &world.url("")), world.site.now());
            is_a_problem(world.prove((method.clone(), path, &body), &token, &[&elsewhere]).await.challenged("invalid_dpop_proof"), 401);
            let used = proof();
            let answer = world.prove((method.clone(), path, &body), &token, &[&used]).await;
            assert!(!matches!(answer.status.as_u16(), 401 | 403 | 404 | 405 | 500..), "{path}: {answer:?}");
            is_a_problem(world.prove((method.clone(), path, &body), &token, &[&used]).await.challenged("invalid_dpop_proof"), 401);

            let unbound = world.token(needed);
            let proof = key.proof_with(&unbound, (method.as_str(), &world.url(path)), world.site.now());
            is_a_problem(world.prove((method.clone(), path, &body), &unbound, &[&proof]).await.challenged("invalid_token"), 401);
        }
        let log = world.site.audit().await;
        log.about(ALICE).is("administration_refused").says("reason", "bound_token_as_bearer").says("target", "apply");
    }

    async fn oa_20_a_scope_is_good_for_its_own_addresses(site: Site) {
        let world = Administered::new(site).await;
        for (method, path, needed, body) in routes() {
            for scope in [READ, APPLY, REVOKE, REGISTER, ""].into_iter().filter(|scope| *scope != needed) {
                let answer = world.send((method.clone(), path, &body), Some(&world.token(scope))).await;
                let problem = is_a_problem(answer.challenged("insufficient_scope"), 403);
                assert_eq!(answer.challenge("scope").as_deref(), Some(needed));
                assert!(problem["title"].as_str().is_some_and(|title| title.contains(needed)), "{problem}");
            }
            let answer = world.send((method, path, &body), Some(&world.token(needed))).await;
            assert!(!matches!(answer.status.as_u16(), 401 | 403 | 404 | 405 | 500..), "{path}: {answer:?}");
        }
        let log = world.site.audit().await;
        log.about(ALICE).is("administration_refused").says("reason", "insufficient_scope").says("target", "apply");
    }

    async fn policy_has_the_last_word(site: Site) {
        let policy = r#"@id("no_applying") @advice("ask the change board") forbid(principal, action == Chancery::Action::"call_tool",
            resource == Chancery::Resource::"administration") when { context.target == "apply" };"#;
        site.apply(|file| file["policies"] = json!(policy)).await;
        let world = Administered::new(site).await;

        let problem = is_a_problem(&world.post("apply", APPLY, &json!({ "files": [] })).await, 403);

        assert!(problem["detail"].as_str().is_some_and(|why| why.contains("no_applying")), "{problem}");
        assert_eq!(problem["remedy"], "ask the change board");
        world.site.audit().await.only("administration_refused").says("reason", "denied_by_policy").names(ALICE);
        is_a_problem(&world.post("plan", APPLY, &json!({ "files": [] })).await, 400);
    }

    async fn what_ended_administers_nothing(site: Site) {
        let world = Administered::new(site).await;
        world.get("keys").await.has_status(200);

        world.site.revoke(Revocable::Subject, ALICE).await.expect("she is known");

        world.get("keys").await.challenged("invalid_token");
    }

    async fn without_a_rule_there_is_no_admin_api(site: Site) {
        let forge = site.forge().await;
        let world = Administered { alice: "usr_019ab697e80070008000000000000001".to_owned(), forge, site };
        for (method, path, scope, body) in routes() {
            for token in [None, Some(world.token(scope))] {
                is_a_problem(&world.send((method.clone(), path, &body), token.as_deref()).await, 404);
            }
        }
        is_a_problem(&world.send((Method::GET, "openapi.json", &Value::Null), None).await, 404);
        let asked = world.site.ask(PUBLIC_CLIENT).with("resource", &world.url("")).with("scope", READ);
        asked.open(&world.site.browser()).await.sent_back("invalid_target");
    }

    async fn a_scope_that_no_rule_gives_is_nobodys(site: Site) {
        site.gives_administration(READ).await;
        let url = format!("{}/admin", site.issuer());
        let asked = |scope: &str| site.ask(PUBLIC_CLIENT).with("resource", &url).with("scope", scope);

        asked("admin:apply").open(&site.browser()).await.sent_back("invalid_scope");
        asked(READ).open(&site.browser()).await.has_status(200);
    }

    async fn what_is_sent_is_bounded_and_of_one_kind(site: Site) {
        let world = Administered::new(site).await;
        let long = "x".repeat(20 * 1024);
        let mut revocation = json!({ "kind": "token", "id": long });
        is_a_problem(&world.post("revocations", REVOKE, &revocation).await, 413);
        revocation["id"] = json!("tok_019ab697e80070008000000000000001");
        revocation["kind"] = json!("castle");
        is_a_problem(&world.post("revocations", REVOKE, &revocation).await, 400);
        is_a_problem(&world.send((Method::POST, "revocations", &Value::Null), Some(&world.token(REVOKE))).await, 415);
        is_a_problem(&world.get("events?after=x").await, 400);
        is_a_problem(&world.get("grants?limit=x").await, 400);
        is_a_problem(&world.get("grants?limit=1&limit=2").await, 400);
        assert!(world.get("events?limit=1").await.json()["events"].as_array().is_some_and(|events| events.len() == 1));
    }

    async fn oa_18_no_page_of_another_site_may_ask(site: Site) {
        let world = Administered::new(site).await;
        for (method, path, scope, body) in routes() {
            let answer = world.send((method, path, &body), Some(&world.token(scope))).await;
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
            assert!(answer.header("set-cookie").is_none(), "{answer:?}");
        }
    }

    async fn tokens_for_the_admin_api_are_good_nowhere_else(site: Site) {
        let world = Administered::new(site).await;
        let token = world.token(READ);
        let mcp = chancery_testkit::Mcp::new(world.site.program(), world.site.url(BANK), Some(token));
        mcp.send("tools/list", json!({})).await.challenged("invalid_token");
        world.site.turn(MINUTE * 6);
        world.get("keys").await.has_status(200); // a new token, at the new time
    }
}
