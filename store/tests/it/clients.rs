//! Clients that registered themselves, judged and changing at once.

use chancery_core::ClientId;
use chancery_store::CommitError;
use chancery_store::repo::clients::{self, Client, Standing};

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, fresh};

every_driver!(
    dr_08_only_what_was_seen_is_approved,
    dr_08_a_change_undoes_no_judgement,
    dr_05_who_was_denied_counts_for_nothing_and_stands_behind_who_waits
);

const OVERTAKEN: Result<(), CommitError> = Err(CommitError::GuardFailed(0));

fn waiting(site: &Site) -> Client {
    Client {
        tenant: site.tenant,
        id: fresh(ClientId::mint),
        body: "seen".to_owned(),
        standing: Standing::Pending,
        created_at: NOW,
        used_at: None,
        keep_until: NOW + MINUTE,
    }
}

async fn standing(site: &Site, id: &ClientId) -> Standing {
    clients::by_id(&site.store, &site.tenant, id).await.expect("a read").expect("the client").standing
}

async fn dr_08_only_what_was_seen_is_approved(site: Site) {
    let client = waiting(&site);
    let (tenant, id, pending) = (&site.tenant, &client.id, Standing::Pending);
    site.write([clients::insert(&client)]).await;
    site.write([clients::replace(tenant, id, ("seen", pending), ("other", pending))]).await;

    assert_eq!(site.commit([clients::approve(tenant, id, ("seen", pending), ("seen by us", NOW))]).await.map(drop), OVERTAKEN);
    assert_eq!(standing(&site, id).await, Standing::Pending);
    site.write([clients::approve(tenant, id, ("other", pending), ("other, by us", NOW))]).await;
    assert_eq!(standing(&site, id).await, Standing::Active);
    assert_eq!(clients::by_id(&site.store, tenant, id).await.expect("a read").expect("the client").body, "other, by us");
}

async fn dr_08_a_change_undoes_no_judgement(site: Site) {
    let client = waiting(&site);
    let (tenant, id, pending) = (&site.tenant, &client.id, Standing::Pending);
    site.write([clients::insert(&client)]).await;
    site.write([clients::deny(tenant, id, pending, NOW)]).await;

    let change = clients::replace(tenant, id, ("seen", pending), ("other", pending));
    assert_eq!(site.commit([change]).await.map(drop), OVERTAKEN);
    assert_eq!(standing(&site, id).await, Standing::Denied);
}

async fn dr_05_who_was_denied_counts_for_nothing_and_stands_behind_who_waits(site: Site) {
    let (denied, waits) = (waiting(&site), Client { created_at: NOW + MINUTE, ..waiting(&site) });
    let tenant = &site.tenant;
    site.write([clients::insert(&denied), clients::insert(&waits)]).await;
    assert_eq!(clients::waiting(&site.store, tenant, 1).await.expect("a read")[0].id, denied.id);
    site.write([clients::deny(tenant, &denied.id, Standing::Pending, NOW + MINUTE)]).await;

    let listed = clients::waiting(&site.store, tenant, 9).await.expect("a read");
    assert_eq!(listed.iter().map(|client| &client.id).collect::<Vec<_>>(), [&waits.id, &denied.id]);
    assert_eq!(clients::never_used(&site.store, tenant, 9).await, Ok(1));
}
