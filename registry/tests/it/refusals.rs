//! What is not applied: what contradicts the stored, what the API owns, what was planned against another version.

use chancery_core::{AgentId, Entropy, Timestamp};
use chancery_crypto::random::SystemRng;
use chancery_registry::ApplyError;
use chancery_store::repo::objects::{self, Object, ObjectKind};

use crate::world::{FILE, World, applying};

#[tokio::test]
async fn what_the_api_made_is_neither_changed_nor_removed_by_a_file() {
    let world = World::new("api").await;
    world.apply(FILE).await;
    let tenant = world.registry.tenant("acme").expect("the tenant").id;
    let id = AgentId::mint(Timestamp::from_millis(1), &mut Entropy::draw(&SystemRng)).to_string();
    let body = r#"{"owner":"ops"}"#.to_owned();
    let helper = Object {
        tenant,
        kind: ObjectKind::Agent,
        name: "helper".to_owned(),
        id,
        owner: "api".to_owned(),
        body,
        secret: None,
        url: None,
        version: 1,
    };
    world.write(objects::insert(&helper)).await;

    assert!(world.plan(FILE).await.is_empty());
    let taken = FILE.replace("  - { name: reporter", "  - { name: helper, owner: finance }\n  - { name: reporter");
    assert_eq!(
        world.refused(&taken).await,
        [
            "chancery.yaml:7: agents[0].name: the agent `helper` was made through the admin API — choose another name, or remove it there first"
        ]
    );
}

#[tokio::test]
async fn of_two_applies_at_once_one_is_told_to_plan_again() {
    let world = World::new("conflict").await;
    let (one, other) = (world.plan(FILE).await, world.plan(FILE).await);
    world.registry.apply(&one, applying()).await.expect("applied");
    assert!(matches!(world.registry.apply(&other, applying()).await, Err(ApplyError::Conflict)));

    let renamed = |title: &str| FILE.replace("title: Bank", &format!("title: {title}"));
    let (one, other) = (world.plan(&renamed("One")).await, world.plan(&renamed("Other")).await);
    let (one, other) = tokio::join!(world.registry.apply(&one, applying()), world.registry.apply(&other, applying()));

    assert!(matches!((&one, &other), (Ok(_), Err(ApplyError::Conflict)) | (Err(ApplyError::Conflict), Ok(_))));
    let tenant = world.registry.tenant("acme").expect("the tenant");
    assert_eq!(tenant.version, 2);
    assert_eq!(tenant.resources[0].title, if one.is_ok() { "One" } else { "Other" });
    assert_eq!(world.plan(&renamed("Other")).await.version, 2);
}

#[tokio::test]
async fn a_file_that_contradicts_what_is_stored_is_refused_with_its_lines() {
    let world = World::new("refused").await;
    world.apply(FILE).await;

    assert_eq!(
        world.refused(&FILE.replace("https://gw.example.com", "https://other.example.com")).await,
        ["chancery.yaml:3: base_url: the first apply fixed the base URL of the tenant `acme` as https://gw.example.com — \
          write `https://gw.example.com`; or choose another tenant name, whose clients and grants begin anew"]
    );
    let other = FILE.replace("tenant: acme", "tenant: other");
    assert_eq!(
        world.refused(&other).await,
        [
            "chancery.yaml:12: resources[0].name: the URL https://gw.example.com/mcp/bank is that of the resource `bank` of the tenant `acme` already — \
          give this one a `url` of its own"
        ]
    );
    let unencrypted = FILE.replace("tenant: acme\nbase_url: https://gw.example.com", "tenant: other\nbase_url: http://localhost:8080");
    let unencrypted = unencrypted
        .replace("title: Bank", "url: http://localhost/mcp/bank\n  - { name: b2, url: https://localhost/mcp/bank }\n  - name: b3");
    assert_eq!(
        world.refused(&unencrypted).await,
        [
            "chancery.yaml:14: resources[1].url: the URL http://localhost/mcp/bank is that of the resource `bank` of the tenant `other` already — \
          give this one a `url` of its own"
        ]
    );
    let elsewhere = other
        .replace("title: Bank", "url: https://gw.example.com/other/bank")
        .replace("9001/mcp", "9001/mcp, audience: https://gw.example.com/mcp/bank");
    assert_eq!(
        world.refused(&elsewhere).await,
        ["chancery.yaml:14: resources[0].upstream.audience: tokens for this upstream would be good for the public resource `bank` too — \
          give `upstream` an `audience` that only the upstream has"]
    );
    let inward =
        other.replace("title: Bank", "url: http://localhost/upstream").replace("http://10.0.0.7:9001/mcp", "http://localhost/upstream");
    assert_eq!(
        world.refused(&inward).await,
        ["chancery.yaml:14: resources[0].upstream.url: tokens for this upstream would be good for the public resource `bank` too — \
          give `upstream` an `audience` that only the upstream has"]
    );
    let twins =
        FILE.replace("    title: Bank\n", "    title: Bank\n  - { name: shop, url: https://gw.example.com/mcp/bank }\n  - name: third\n");
    assert_eq!(
        world.refused(&twins).await,
        [
            "chancery.yaml:14: resources[1].url: the URL https://gw.example.com/mcp/bank is that of the resource `bank` of the tenant `acme` already — \
          give this one a `url` of its own"
        ]
    );
}
