use chancery_audit::Draft;
use chancery_core::{Entropy, GrantId};
use chancery_crypto::random::SystemRng;
use chancery_store::Unit;

use super::*;
use crate::site::{NOW, Site, new_tenant};
use crate::{LONGEST_TOKEN_LIFE, end_of, end_of_grant};

fn end(tenant: TenantId, key: &str, at: Timestamp) -> End {
    End { tenant, kind: EndedKind::Subject, key: key.to_owned(), at, until: forgotten_at(at) }
}

fn at(ended: &Ended, tenant: TenantId, key: &str) -> Option<Timestamp> {
    ended.set.tenants.read().unwrap().get(&tenant)?.at(EndedKind::Subject, key)
}

#[test]
fn to_hear_of_an_end_twice_or_late_changes_nothing() {
    let (ended, tenant) = (Ended::default(), new_tenant());
    let later = NOW + std::time::Duration::from_secs(1);
    ended.apply(end(tenant, "usr_1", later));
    let epoch = ended.epoch();

    ended.apply(end(tenant, "usr_1", later));
    ended.apply(end(tenant, "usr_1", NOW));
    assert_eq!((ended.epoch(), at(&ended, tenant, "usr_1")), (epoch, Some(later)));

    ended.apply(end(tenant, "usr_1", later + std::time::Duration::from_millis(1)));
    ended.apply(end(tenant, "usr_2", NOW));
    assert_eq!(ended.epoch(), epoch + 2);
}

#[test]
fn an_end_is_forgotten_when_no_token_can_be_left_of_it() {
    let (ended, tenant) = (Ended::default(), new_tenant());
    ended.apply(end(tenant, "usr_1", NOW));
    let epoch = ended.epoch();
    ended.prune(NOW + LONGEST_TOKEN_LIFE);
    assert_eq!(at(&ended, tenant, "usr_1"), Some(NOW));
    ended.prune(forgotten_at(NOW));
    assert_eq!((at(&ended, tenant, "usr_1"), ended.epoch()), (None, epoch));
}

#[tokio::test]
async fn an_end_is_heard_of_by_a_node_that_runs_and_loaded_by_one_that_starts() {
    let site = Site::new().await;
    let grant = GrantId::mint(NOW, &mut Entropy::draw(&SystemRng));
    let mut follower = feed::Follower::start(&site.store).await.expect("a feed");
    let (write, change) = end_of(&site.tenant, EndedKind::Subject, "usr_1", NOW);
    let Draft { writes, changes, .. } = end_of_grant(&site.tenant, &grant, "replayed", NOW).writing(write).telling(change);
    let _receipt = site.store.commit(Unit { changes, ..Unit::new(site.tenant, writes) }).await.expect("a commit");

    let (running, started) = (Ended::default(), Ended::load(&site.store, FeedConfig::default(), NOW).await.expect("a load"));
    running.heard(&follower.next().await.expect("nothing was lost").entries);
    for node in [&running, &started] {
        assert_eq!(at(node, site.tenant, "usr_1"), Some(NOW));
        let tenants = node.set.tenants.read().unwrap();
        assert_eq!(tenants[&site.tenant].at(EndedKind::Grant, &grant.to_string()), Some(NOW));
    }
    let late = Ended::load(&site.store, FeedConfig::default(), forgotten_at(NOW)).await.expect("a load");
    assert_eq!(at(&late, site.tenant, "usr_1"), None);
}
