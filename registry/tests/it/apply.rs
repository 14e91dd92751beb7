//! What an apply changes, what it leaves, and what it tells.

use chancery_crypto::digest;
use chancery_registry::{ClientAuthentication, Origin, Registration};
use chancery_store::repo::objects::ObjectKind;
use chancery_store::{Topic, feed};

use crate::world::{DESK_SECRET, FILE, World, applying};

#[tokio::test]
async fn a_first_apply_makes_the_tenant_and_a_second_changes_nothing() {
    let world = World::new("first").await;

    let plan = world.plan(FILE).await;
    assert!(plan.is_new);
    assert_eq!(
        plan.to_string(),
        "tenant acme is new, at https://gw.example.com\n\
         + agent reporter\n+ client desk\n+ client laptop\n+ identity provider corp\n+ resource bank\n+ settings settings\n"
    );
    let applied = world.registry.apply(&plan, applying()).await.expect("applied");
    assert_eq!((applied.version, applied.changes.len()), (1, 6));

    let tenant = world.registry.tenant("acme").expect("the tenant");
    assert_eq!((tenant.id, tenant.issuer.as_str(), tenant.version), (plan.tenant, "https://gw.example.com/t/acme", 1));
    assert_eq!(tenant.registration, Registration::default(), "who leaves it out has not opened it");
    assert_eq!(tenant.lifetimes.access_token.as_secs(), 600);
    assert_eq!(tenant.providers[0].client_secret.expose(), "hunter2");
    let (found, bank) = world.registry.resource_at("gw.example.com", "/mcp/bank").expect("the bank");
    assert_eq!((found.id, bank.url.as_str()), (tenant.id, "https://gw.example.com/mcp/bank"));
    assert_eq!(bank.upstream.as_ref().map(|upstream| upstream.audience.as_str()), Some("http://10.0.0.7:9001/mcp"));

    let desk = applied.clients.iter().find(|(name, _)| name.as_str() == "desk").map(|(_, id)| &tenant.clients[id]).expect("the desk");
    assert_eq!((desk.agent, desk.origin), (Some(tenant.agents[0].id), Origin::File));
    assert_eq!(desk.authentication, ClientAuthentication::Secret { digest: digest::sha256(DESK_SECRET.as_bytes()) });

    let again = world.plan(FILE).await;
    assert!(again.is_empty());
    assert_eq!(again.to_string(), "tenant acme is as the file says, at version 1\n");
    assert_eq!(world.registry.apply(&again, applying()).await.expect("nothing to do").version, 1);
}

#[tokio::test]
async fn a_change_keeps_the_ids_and_shows_no_secret() {
    let world = World::new("change").await;
    let first = world.apply(FILE).await;
    let before = world.registry.tenant("acme").expect("the tenant");

    let changed =
        FILE.replace("env:CORP", "env:OTHER").replace("title: Bank", "title: The Bank").replace(", secret: env:DESK, agent: reporter", "");
    let plan = world.plan(&changed).await;
    assert_eq!(
        plan.to_string(),
        "tenant acme, from version 1\n\
         ~ client desk\n    agent: \"reporter\" → (nothing)\n    secret: (a secret) → (nothing)\n\
         ~ identity provider corp\n    secret: (a secret) → (another secret)\n\
         ~ resource bank\n    title: \"Bank\" → \"The Bank\"\n"
    );
    assert_eq!(plan.lines(), ["~ client desk: agent, secret", "~ identity provider corp: secret", "~ resource bank: title"]);
    let second = world.registry.apply(&plan, applying()).await.expect("applied");

    let after = world.registry.tenant("acme").expect("the tenant");
    assert_eq!((second.version, after.version), (2, 2));
    assert_eq!(second.clients, first.clients);
    assert_eq!(after.resources[0].id, before.resources[0].id);
    assert_eq!((after.resources[0].title.as_str(), after.providers[0].client_secret.expose().as_str()), ("The Bank", "hunter3"));
    assert_eq!(before.resources[0].title, "Bank"); // whoever holds a snapshot keeps it
}

#[tokio::test]
async fn what_a_file_no_longer_declares_goes_and_its_id_never_comes_back() {
    let world = World::new("prune").await;
    let first = world.apply(FILE).await;

    let without = FILE.replace("  - { name: laptop, redirect_uris: [ http://127.0.0.1/cb ] }\n", "");
    assert_eq!(world.apply(&without).await.changes, ["- client laptop"]);
    let laptop = first.clients.iter().find(|(name, _)| name.as_str() == "laptop").map(|(_, id)| id.clone()).expect("the laptop");
    let tenant = world.registry.tenant("acme").expect("the tenant");
    assert!(world.registry.client(&tenant, &laptop).await.expect("an answer").is_none());

    let back = world.apply(FILE).await;
    assert_eq!(back.changes, ["+ client laptop"]);
    assert!(back.clients.iter().all(|(_, id)| *id != laptop));
}

#[tokio::test]
async fn two_resources_may_change_places() {
    let world = World::new("swap").await;
    let with = |bank: &str, shop: &str| {
        FILE.replace("    title: Bank\n", &format!("    url: https://gw.example.com/{bank}\n"))
            .replace("lifetimes:", &format!("  - {{ name: shop, url: https://gw.example.com/{shop} }}\nlifetimes:"))
    };
    world.apply(&with("one", "two")).await;
    let before = world.registry.resource_at("gw.example.com", "/one").expect("the bank").1.id;
    assert_eq!(world.apply(&with("two", "one")).await.changes, ["~ resource bank: url", "~ resource shop: url"]);
    assert_eq!(world.registry.resource_at("gw.example.com", "/two").expect("the bank").1.id, before);
}

#[tokio::test]
async fn an_apply_leaves_an_event_and_tells_the_other_nodes() {
    let world = World::new("event").await;
    let mut feed = feed::Follower::start(&world.store).await.expect("a feed");
    world.apply(FILE).await;
    world.apply(&FILE.replace("title: Bank", "title: The Bank")).await;

    let tenant = world.registry.tenant("acme").expect("the tenant").id;
    let events = chancery_audit::tail(&world.store, &tenant, None, 10).await.expect("the log");
    assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["registry_applied", "registry_applied"]);
    let fields: Vec<_> = events[1].fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, [("version", "2"), ("changes", "~ resource bank: title"), ("administrator", "alice")]);

    let told = feed.next().await.expect("nothing is lost").entries;
    assert!(told.iter().all(|entry| (entry.tenant, entry.topic) == (tenant, Topic::Registry)));
    assert_eq!(told.last().map(|entry| entry.key.as_str()), Some("2"));
}

#[tokio::test]
async fn jw_08_no_secret_lies_in_the_store_as_it_is() {
    let world = World::new("sealed").await;
    world.apply(FILE).await;
    for row in world.rows().await {
        let secret = row.secret.clone().unwrap_or_default();
        assert!(!row.body.contains("hunter2") && !row.body.contains(DESK_SECRET));
        assert!(!secret.windows(7).any(|bytes| bytes == b"hunter2"));
        match (row.kind, row.name.as_str()) {
            (ObjectKind::IdentityProvider, _) => assert!(secret.len() > 60),
            (ObjectKind::Client, "desk") => assert_eq!(secret, digest::sha256(DESK_SECRET.as_bytes())),
            _ => assert_eq!(row.secret, None),
        }
    }

    let world = world.again().await;
    assert_eq!(world.registry.tenant("acme").expect("the tenant").providers[0].client_secret.expose(), "hunter2");
    assert!(world.plan(FILE).await.is_empty());
}
