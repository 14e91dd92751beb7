//! Requests that were begun while their token was good and the tenant's rules allowed them, and whose bodies come when neither is so: nothing
//! of them is done.

use chancery_testkit::cast::{ALICE, BOB, ODD_SECRET, ODD_SECRET_REF, PUBLIC_CLIENT, SECRET, SECRET_REF};
use chancery_testkit::{HeldBack, Revocable};
use http::Method;
use serde_json::{Value, json};

use crate::world::{APPLY, Administered, REGISTER, REVOKE, bearer, routes};

async fn held(world: &Administered, (path, scope, body): (&str, &str, &Value)) -> HeldBack {
    HeldBack::begin(world.request((Method::POST, path, body), &[bearer(&world.token(scope))])).await
}

/// Everything that would change something.
fn changes(world: &Administered) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("apply", APPLY, configuration(world, "applied too late")),
        ("revocations", REVOKE, json!({ "kind": "subject", "id": BOB })),
        ("standing", REVOKE, json!({ "subject": BOB, "suspended": true })),
        ("registration/tokens/make", REGISTER, json!({ "label": "too late", "uses": 1, "lasts": 60 })),
    ]
}

/// What is applied already, but for this policy.
fn configuration(world: &Administered, policy: &str) -> Value {
    let mut file: Value = serde_json::from_str(&world.site.file()).expect("the site's file is JSON");
    file["policies"] = json!(format!("@id(\"{policy}\") permit(principal, action, resource);"));
    json!({ "files": [["site.yaml", file.to_string()]], "secrets": { SECRET_REF: SECRET, ODD_SECRET_REF: ODD_SECRET } })
}

/// How often anything was done by an administrator of the API.
async fn done(world: &Administered) -> usize {
    let log = world.site.audit().await;
    let kinds = ["registry_applied", "revoked", "subject_suspended", "registration_token_made"];
    let by = |kind| log.of_kind(kind).iter().filter(|event| event.fields.get("administrator") == Some(&world.alice)).count();
    kinds.into_iter().map(by).sum()
}

chancery_testkit::both_stores! {
    async fn rv_05_what_a_revoked_token_began_is_not_done(site: Site) {
        site.sign_in(BOB, PUBLIC_CLIENT).await;
        let world = Administered::new(site).await;
        let mut begun = Vec::new();
        for (path, scope, body) in changes(&world) {
            begun.push((path, held(&world, (path, scope, &body)).await));
        }
        for (_, path, scope, body) in routes().into_iter().filter(|(method, ..)| *method == Method::POST) {
            begun.push((path, held(&world, (path, scope, &body)).await));
        }

        world.site.revoke(Revocable::Subject, ALICE).await.expect("she is known");

        for (path, held) in begun {
            let answer = held.go_on().await;
            assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("error=\"invalid_token\""), "{path}: {answer}"); // RV-05
        }
        assert_eq!(done(&world).await, 0);
    }

    async fn rv_05_what_was_begun_is_decided_by_the_rules_of_then(site: Site) {
        site.sign_in(BOB, PUBLIC_CLIENT).await;
        let world = Administered::new(site).await;
        let mut begun = Vec::new();
        for (path, scope, body) in changes(&world) {
            begun.push((path, held(&world, (path, scope, &body)).await));
        }
        let others = held(&world, ("plan", APPLY, &configuration(&world, "planned"))).await;
        let closed = r#"@id("closed") forbid(principal, action == Chancery::Action::"call_tool",
            resource == Chancery::Resource::"administration")
            unless { context.target == "plan" };"#;
        world.site.apply(|file| file["policies"] = json!(closed)).await;
        for (path, held) in begun {
            let answer = held.go_on().await;
            assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("closed"), "{path}: {answer}");
        }
        let log = world.site.audit().await;
        let refused = log.of_kind("administration_refused");
        assert_eq!(refused.len(), changes(&world).len(), "{refused:?}");
        assert!(refused.iter().all(|event| event.fields["reason"] == "denied_by_policy"), "{refused:?}");
        let answer = others.go_on().await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("planned"), "{answer}");

        world.site.apply(|file| file["policies"] = json!("")).await;
        let good = held(&world, ("apply", APPLY, &configuration(&world, "applied in time"))).await.go_on().await;
        assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
        assert_eq!(done(&world).await, 1);

        let late = held(&world, ("apply", APPLY, &configuration(&world, "applied too late"))).await;
        world.site.apply(|file| _ = file.as_object_mut().expect("a file").remove("access")).await;
        let answer = late.go_on().await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert_eq!(done(&world).await, 1);
    }

    async fn pr_02_of_nobody_no_body_is_read(site: Site) {
        let world = Administered::new(site).await;
        for (method, path, scope, body) in routes().into_iter().filter(|(method, ..)| *method == Method::POST) {
            let answer = HeldBack::turned_away(world.request((method.clone(), path, &body), &[])).await;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
            let other = if scope == APPLY { REVOKE } else { APPLY };
            let answer = HeldBack::turned_away(world.request((method, path, &body), &[bearer(&world.token(other))])).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
        }
    }
}
