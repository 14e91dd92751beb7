//! What everybody sees: the newest snapshot, and clients that are not in it.

use chancery_core::{ClientId, Entropy, Timestamp};
use chancery_crypto::random::SystemRng;
use chancery_registry::Client;
use chancery_store::repo::objects::{self, ObjectKind};

use crate::world::{FILE, World};

#[tokio::test]
async fn a_node_that_hears_of_an_apply_reads_the_tenant_anew() {
    let world = World::new("reload").await;
    world.apply(FILE).await;
    let tenant = world.registry.tenant("acme").expect("the tenant").id;
    let mut row = world.rows().await.into_iter().find(|row| row.kind == ObjectKind::Resource).expect("the bank");
    row.body = row.body.replace("\"Bank\"", "\"From elsewhere\"");
    world.write(objects::replace(&row)).await;

    world.registry.reload(&tenant).await.expect("reloaded");
    assert_eq!(world.registry.tenant("acme").expect("the tenant").resources[0].title, "From elsewhere");

    row.body = "{}".to_owned();
    world.write(objects::replace(&row)).await;
    let error = world.registry.reload(&tenant).await.expect_err("not a resource").to_string();
    assert!(error.starts_with("the resource `bank` cannot be read from the store: missing field `url`"), "{error}");
    assert_eq!(world.registry.tenant("acme").expect("the tenant").resources[0].title, "From elsewhere");
}

#[tokio::test]
async fn a_resource_is_found_by_its_host_and_path() {
    let world = World::new("hosts").await;
    world.apply(FILE).await;
    let whose = |host: &str| world.registry.resource_at(host, "/mcp/bank").map(|(tenant, _)| tenant.name.to_string());
    for host in ["gw.example.com", "GW.Example.com", "gw.example.com:443", "", "chancery.internal:8080"] {
        assert_eq!(whose(host).as_deref(), Some("acme"), "{host}: nobody else has this path");
    }

    world.apply(&FILE.replace("tenant: acme", "tenant: other").replace("gw.example.com", "other.example.com")).await;
    assert_eq!(whose("gw.example.com").as_deref(), Some("acme"));
    assert_eq!(whose("Other.example.com:443").as_deref(), Some("other"));
    for host in ["", "chancery.internal:8080", "gw.example.com:8443"] {
        assert_eq!(whose(host), None, "{host}");
    }
}

#[tokio::test]
async fn a_client_is_read_once_until_it_is_forgotten() {
    let world = World::new("clients").await;
    let applied = world.apply(FILE).await;
    let tenant = world.registry.tenant("acme").expect("the tenant");
    let now = Timestamp::from_millis(1_764_000_000_000);
    let id = ClientId::mint(now, &mut Entropy::draw(&SystemRng));
    let registered = Client::dynamic(id.clone(), "An app".to_owned(), vec!["http://127.0.0.1/cb".to_owned()], now);
    world.write(registered.registration(&tenant.id)).await;

    let reads = || world.store.reads();
    let before = reads();
    let get = async |id: &ClientId| world.registry.client(&tenant, id).await.expect("an answer").map(|client| (*client).clone());
    assert!(get(&applied.clients[0].1).await.is_some());
    for other in ["", "desk", "cli_", "cli_0123456789abcdef", "https://app.example/client.json", &"x".repeat(4096)] {
        assert!(get(&ClientId::claimed(other)).await.is_none());
    }
    assert_eq!(reads(), before);
    assert_eq!(get(&id).await, Some(registered.clone()));
    assert_eq!(get(&id).await, Some(registered.clone()));
    assert_eq!(reads(), before + 1);

    world.registry.forget_client(&tenant.id, &id);
    assert_eq!(get(&id).await, Some(registered));
    assert_eq!(reads(), before + 2);
}
