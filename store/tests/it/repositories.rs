//! Every repository: what it writes, it reads; what may happen once, happens once.

use chancery_core::{Authentication, ClientId, KeyId, SessionId, SubjectId, SubjectKey, TenantId};
use chancery_crypto::digest::sha256;
use chancery_store::repo::{clients, codes, events, families, grants, keys, objects, sessions, sign_ins, subjects, tenants};
use chancery_store::{CommitError, Unit};

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, fresh, leaf};

const TOO_LATE: Result<(), CommitError> = Err(CommitError::GuardFailed(0));

every_driver!(
    a_tenant_has_one_name_and_a_version_that_nobody_jumps,
    an_object_is_replaced_removed_and_found_by_its_url,
    a_client_is_read_by_its_id_in_its_tenant,
    a_subject_keeps_its_id,
    a_session_ends_once,
    a_session_that_began_since_does_not_end_with_the_older_ones,
    a_sign_in_goes_each_step_once,
    a_code_is_read_with_its_grant,
    a_family_is_read_with_its_grant,
    a_burnt_code_is_not_redeemed,
    keys_are_read_oldest_first,
    events_are_read_in_their_order_and_can_be_erased,
    queries_are_counted,
);

async fn a_tenant_has_one_name_and_a_version_that_nobody_jumps(site: Site) {
    let name = |text: &str| text.parse().expect("a name");
    let tenant = |text| tenants::Tenant {
        id: fresh(TenantId::mint),
        name: name(text),
        base_url: "https://gw.example".to_owned(),
        version: 1,
        created_at: NOW,
    };
    let (acme, zeta) = (tenant("acme"), tenant("zeta"));
    site.write([tenants::insert(&zeta), tenants::insert(&acme)]).await;

    assert_eq!(site.commit([tenants::insert(&tenant("acme"))]).await.map(drop), TOO_LATE);
    site.write([tenants::advance(&acme.id, 1)]).await;
    assert_eq!(site.commit([tenants::advance(&acme.id, 1)]).await.map(drop), TOO_LATE);

    let acme = tenants::Tenant { version: 2, ..acme };
    assert_eq!(tenants::all(&site.store).await, Ok(vec![acme.clone(), zeta]));
    assert_eq!(tenants::by_id(&site.store, &acme.id).await, Ok(Some(acme.clone())));
    assert_eq!(tenants::by_name(&site.store, &acme.name).await, Ok(Some(acme)));
    assert_eq!(tenants::by_name(&site.store, &name("nobody")).await, Ok(None));
}

async fn an_object_is_replaced_removed_and_found_by_its_url(site: Site) {
    let object = |name: &str, url: Option<&str>| objects::Object {
        tenant: site.tenant,
        kind: objects::ObjectKind::Resource,
        name: name.to_owned(),
        id: format!("res_{name}"),
        owner: "file".to_owned(),
        body: "{}".to_owned(),
        secret: Some(vec![1, 2, 3]),
        url: url.map(str::to_owned),
        version: 1,
    };
    let bank = object("bank", Some("https://gw.example/mcp/bank"));
    site.write([objects::insert(&bank), objects::insert(&object("plain", None)), objects::insert(&object("other", None))]).await;

    let same_url = objects::Object { tenant: fresh(TenantId::mint), ..bank.clone() };
    assert_eq!(site.commit([objects::insert(&same_url)]).await.map(drop), TOO_LATE);
    let same_id = objects::Object { name: "bank2".to_owned(), url: None, ..bank.clone() };
    assert_eq!(site.commit([objects::insert(&same_id)]).await.map(drop), TOO_LATE);

    let bank = objects::Object { body: r#"{"title":"Bank"}"#.to_owned(), secret: None, version: 2, ..bank };
    site.write([objects::replace(&bank), objects::remove(&site.tenant, objects::ObjectKind::Resource, "other")]).await;
    assert_eq!(objects::of_tenant(&site.store, &site.tenant).await, Ok(vec![bank, object("plain", None)]));
}

async fn a_client_is_read_by_its_id_in_its_tenant(site: Site) {
    let client = clients::Client {
        tenant: site.tenant,
        id: fresh(ClientId::mint),
        body: "{}".to_owned(),
        standing: clients::Standing::Pending,
        created_at: NOW,
        used_at: None,
        keep_until: NOW + MINUTE,
    };
    site.write([clients::insert(&client)]).await;

    site.write([clients::used(&site.tenant, &client.id, NOW + MINUTE, NOW + MINUTE * 5)]).await;
    site.write([clients::used(&site.tenant, &client.id, NOW + MINUTE * 2, NOW + MINUTE * 6)]).await;

    let used = clients::Client { used_at: Some(NOW + MINUTE), keep_until: NOW + MINUTE * 6, ..client.clone() };
    assert_eq!(clients::by_id(&site.store, &site.tenant, &client.id).await, Ok(Some(used)));
    assert_eq!(clients::by_id(&site.store, &fresh(TenantId::mint), &client.id).await, Ok(None));
    site.write([clients::remove(&site.tenant, &client.id)]).await;
    assert_eq!(clients::by_id(&site.store, &site.tenant, &client.id).await, Ok(None));
}

async fn a_subject_keeps_its_id(site: Site) {
    let provider = "corp".parse().expect("a name");
    let alice = |id| subjects::Subject {
        tenant: site.tenant,
        id,
        provider: "corp".parse().expect("a name"),
        key: SubjectKey::stored("https://idp.example alice"),
        status: subjects::Standing::Active,
        claims: r#"{"groups":["treasury"]}"#.to_owned(),
        seen_at: NOW,
    };
    let first = alice(fresh(SubjectId::mint));
    site.write([subjects::insert(&first)]).await;

    assert_eq!(site.commit([subjects::insert(&alice(fresh(SubjectId::mint)))]).await.map(drop), TOO_LATE);
    site.write([subjects::seen(&site.tenant, &first.id, "{}", NOW + MINUTE)]).await;

    let seen = subjects::Subject { claims: "{}".to_owned(), seen_at: NOW + MINUTE, ..first.clone() };
    assert_eq!(subjects::by_key(&site.store, &site.tenant, &provider, &first.key).await, Ok(Some(seen.clone())));
    assert_eq!(subjects::by_id(&site.store, &site.tenant, &first.id).await, Ok(Some(seen.clone())));

    for (write, at) in [
        (subjects::seen(&site.tenant, &first.id, "{}", NOW), MINUTE),
        (subjects::told(&site.tenant, &first.id, "{}", NOW), MINUTE),
        (subjects::told(&site.tenant, &first.id, "{}", NOW + 2 * MINUTE), 2 * MINUTE),
    ] {
        site.write([write]).await;
        let seen = subjects::Subject { seen_at: NOW + at, ..seen.clone() };
        assert_eq!(subjects::by_id(&site.store, &site.tenant, &first.id).await, Ok(Some(seen)), "no earlier word makes it earlier");
    }

    let suspended = subjects::Subject {
        id: fresh(SubjectId::mint),
        key: SubjectKey::stored("https://idp.example bob"),
        status: subjects::Standing::Suspended,
        ..first
    };
    site.write([subjects::insert(&suspended)]).await;
    assert_eq!(site.commit([subjects::seen(&site.tenant, &suspended.id, "{}", NOW)]).await.map(drop), TOO_LATE);
}

async fn a_session_ends_once(site: Site) {
    let session = sessions::Session {
        tenant: site.tenant,
        hash: sha256(b"cookie"),
        id: fresh(SessionId::mint),
        subject: fresh(SubjectId::mint),
        provider: "corp".parse().expect("a name"),
        authentication: Authentication {
            auth_time: Some(NOW),
            acr: Some("urn:mfa".to_owned()),
            amr: vec!["pwd".to_owned(), "otp".to_owned()],
        },
        their_id: Some("theirs".to_owned()),
        id_token: Some(vec![7; 90]),
        created_at: NOW,
        used_at: NOW,
        expires_at: NOW + MINUTE,
        ended_at: None,
    };
    site.write([sessions::insert(&session), sessions::alive(&site.tenant, &session.hash, NOW)]).await;
    assert_eq!(sessions::by_hash(&site.store, &site.tenant, &session.hash).await, Ok(Some(session.clone())));
    assert_eq!(site.commit([sessions::alive(&site.tenant, &session.hash, session.expires_at)]).await.map(drop), TOO_LATE);

    let theirs = async |provider: &str, id| sessions::by_theirs(&site.store, &site.tenant, &provider.parse().expect("a name"), id).await;
    assert_eq!(theirs("corp", "theirs").await, Ok(vec![session.clone()]));
    assert_eq!((theirs("other", "theirs").await, theirs("corp", "another").await), (Ok(vec![]), Ok(vec![])));

    site.write([sessions::end(&site.tenant, &session.hash, NOW)]).await;
    assert_eq!(theirs("corp", "theirs").await, Ok(vec![]));
    site.write([sessions::end(&site.tenant, &session.hash, NOW + MINUTE)]).await;

    let ended = sessions::by_hash(&site.store, &site.tenant, &session.hash).await.expect("a read").expect("the session");
    assert_eq!(ended.ended_at, Some(NOW));
    assert!(session.is_alive(NOW) && !session.is_alive(session.expires_at) && !ended.is_alive(NOW));
    assert_eq!(site.commit([sessions::alive(&site.tenant, &session.hash, NOW)]).await.map(drop), TOO_LATE);
}

async fn a_session_that_began_since_does_not_end_with_the_older_ones(site: Site) {
    let (alice, bob) = (fresh(SubjectId::mint), fresh(SubjectId::mint));
    let session = |subject, created_at| sessions::Session {
        tenant: site.tenant,
        hash: sha256(fresh(SessionId::mint).to_string().as_bytes()),
        id: fresh(SessionId::mint),
        subject,
        provider: "corp".parse().expect("a name"),
        authentication: Authentication { auth_time: None, acr: None, amr: vec![] },
        their_id: None,
        id_token: None,
        created_at,
        used_at: created_at,
        expires_at: created_at + MINUTE,
        ended_at: None,
    };
    let (old, since, another_s) = (session(alice, NOW), session(alice, NOW + MINUTE), session(bob, NOW));
    site.write([&old, &since, &another_s].map(sessions::insert)).await;

    let end = sessions::end_of_subject_up_to(&site.tenant, &alice, NOW, NOW + MINUTE);
    assert!(sessions::is_end(&end));
    let receipt = site.commit([end]).await.expect("it commits");

    assert_eq!(receipt.changed(), [1]);
    let lives = async |of: &sessions::Session| {
        let found = sessions::by_hash(&site.store, &site.tenant, &of.hash).await.expect("a read").expect("the session");
        found.ended_at.is_none()
    };
    assert_eq!([lives(&old).await, lives(&since).await, lives(&another_s).await], [false, true, true]);
}

async fn a_sign_in_goes_each_step_once(site: Site) {
    let sign_in = sign_ins::SignIn {
        tenant: site.tenant,
        state: sha256(b"state"),
        provider: "corp".parse().expect("a name"),
        browser: sha256(b"browser"),
        sealed: vec![9; 80],
        request: "sealed-request".to_owned(),
        created_at: NOW,
        expires_at: NOW + MINUTE,
        claimed_at: None,
        result: None,
        resume: None,
        resumed_at: None,
    };
    let (tenant, state, key) = (&site.tenant, &sign_in.state, sha256(b"resume"));
    let claim = || sign_ins::claim(tenant, state, NOW);
    let finish = || sign_ins::finish(tenant, state, r#"{"subject":"usr_1"}"#, &key, NOW);
    let resume = || sign_ins::resume(tenant, state, NOW);
    site.write([sign_ins::insert(&sign_in)]).await;

    for too_early in [finish(), resume(), sign_ins::claim(tenant, state, sign_in.expires_at)] {
        assert_eq!(site.commit([too_early]).await.map(drop), TOO_LATE);
    }
    for step in [claim(), finish(), resume()] {
        site.write([step.clone()]).await;
        assert_eq!(site.commit([step]).await.map(drop), TOO_LATE);
    }

    let gone = sign_ins::SignIn {
        claimed_at: Some(NOW),
        result: Some(r#"{"subject":"usr_1"}"#.to_owned()),
        resume: Some(key),
        resumed_at: Some(NOW),
        ..sign_in.clone()
    };
    assert_eq!(sign_ins::by_state(&site.store, tenant, state).await, Ok(Some(gone.clone())));
    assert_eq!(sign_ins::by_resume(&site.store, tenant, &key).await, Ok(Some(gone)));
}

async fn a_code_is_read_with_its_grant(site: Site) {
    let grant = grants::Grant {
        parent: Some(site.grant().id),
        agent: Some("agt_00000000000000000000000000000001".parse().expect("an id")),
        authentication: Some(Authentication { auth_time: Some(NOW), acr: None, amr: vec![] }),
        session: Some(fresh(SessionId::mint)),
        ..site.grant()
    };
    let code = codes::Code { nonce: Some("n-0S6".to_owned()), jkt: Some("a-thumbprint".to_owned()), ..site.code(&grant, "secret") };
    site.write([grants::insert(&grant), codes::insert(&code)]).await;

    let before = site.store.reads();
    let found = codes::with_grant(&site.store, &site.tenant, &code.hash).await;

    assert_eq!(found, Ok(Some(codes::Redeemable { code, grant, checked: None, person: None })));
    assert_eq!(site.store.reads() - before, 1);
    assert_eq!(codes::with_grant(&site.store, &site.tenant, &sha256(b"another")).await, Ok(None));
}

async fn a_family_is_read_with_its_grant(site: Site) {
    let grant = site.grant();
    let family = site.family(&grant);
    site.write([grants::insert(&grant), families::insert(&family)]).await;

    let before = site.store.reads();
    let found = families::with_grant(&site.store, &site.tenant, &family.id).await;

    let alone = |family: families::Family| families::Refreshable { family, grant: grant.clone(), checked: None, person: None };
    assert_eq!(found, Ok(Some(alone(family.clone()))));
    assert_eq!(site.store.reads() - before, 1);

    site.write([families::advance(&site.tenant, &family.id, 1, None, NOW + MINUTE)]).await;
    let moved = families::Family { generation: 2, rotated_at: NOW + MINUTE, used_at: NOW + MINUTE, ..family.clone() };
    assert_eq!(families::with_grant(&site.store, &site.tenant, &family.id).await, Ok(Some(alone(moved))));
    for too_late in
        [families::advance(&site.tenant, &family.id, 2, None, family.expires_at), families::retry(&site.tenant, &family.id, 1, NOW)]
    {
        assert_eq!(site.commit([too_late]).await.map(drop), TOO_LATE);
    }
}

async fn a_burnt_code_is_not_redeemed(site: Site) {
    let grant = site.grant();
    let code = site.code(&grant, "secret");
    site.write([grants::insert(&grant), codes::insert(&code)]).await;

    assert_eq!(site.commit([codes::redeem(&site.tenant, &code.hash, None, code.expires_at)]).await.map(drop), TOO_LATE);
    site.write([codes::burn(&site.tenant, &code.hash, NOW)]).await;

    assert_eq!(site.commit([codes::redeem(&site.tenant, &code.hash, None, NOW)]).await.map(drop), TOO_LATE);
    assert_eq!(site.commit([codes::burn(&site.tenant, &code.hash, NOW)]).await.map(drop), TOO_LATE);
}

async fn keys_are_read_oldest_first(site: Site) {
    let key = |purpose, public: Option<&str>| keys::Key {
        tenant: site.tenant,
        id: fresh(KeyId::mint),
        purpose,
        algorithm: "ES256".to_owned(),
        sealed: vec![4; 60],
        public: public.map(str::to_owned),
        created_at: NOW,
        active_at: NOW,
        retired_at: None,
    };
    let mut made =
        vec![key(keys::KeyPurpose::Sign, Some("{}")), key(keys::KeyPurpose::Page, None), key(keys::KeyPurpose::RefreshToken, None)];
    made.sort_by_key(|key| key.id.to_string());
    site.write(made.iter().map(keys::insert).collect::<Vec<_>>()).await;

    site.write([keys::retire(&site.tenant, &made[0].id, NOW + MINUTE)]).await;
    assert_eq!(site.commit([keys::retire(&site.tenant, &made[0].id, NOW)]).await.map(drop), TOO_LATE);

    made[0].retired_at = Some(NOW + MINUTE);
    assert_eq!(keys::of_tenant(&site.store, &site.tenant).await, Ok(made.clone()));
    assert_eq!(keys::all(&site.store).await, Ok(made));
    assert_eq!(keys::of_tenant(&site.store, &fresh(TenantId::mint)).await, Ok(vec![]));
}

async fn events_are_read_in_their_order_and_can_be_erased(site: Site) {
    let mut leaves = vec![leaf(), leaf(), leaf(), leaf()];
    let _ = site.store.commit(Unit { leaves: leaves.clone(), ..Unit::new(site.tenant, vec![]) }).await.expect("the Unit commits");
    leaves.sort_by_key(|leaf| leaf.id.to_string());
    let ids = |rows: Vec<events::EventRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();

    let all = events::after(&site.store, &site.tenant, None, 100).await.expect("events");
    assert_eq!(ids(all), leaves.iter().map(|leaf| leaf.id).collect::<Vec<_>>());
    let page = events::after(&site.store, &site.tenant, Some(leaves[0].id), 2).await.expect("events");
    assert_eq!(ids(page), [leaves[1].id, leaves[2].id]);
    assert_eq!(ids(events::newest(&site.store, &site.tenant, 2).await.expect("events")), [leaves[2].id, leaves[3].id]);

    site.write([events::erase(&site.tenant, &leaves[3].id)]).await;
    let erased = events::newest(&site.store, &site.tenant, 1).await.expect("events").remove(0);
    assert_eq!((erased.kind.as_str(), erased.leaf, erased.values), ("signed_in", leaves[3].leaf.clone(), None));
}

async fn queries_are_counted(site: Site) {
    let _ = tenants::all(&site.store).await.expect("a read");
    let before = site.store.reads();

    let _ = tenants::all(&site.store.clone()).await.expect("a read");
    site.write([grants::insert(&site.grant())]).await;

    assert_eq!(site.store.reads() - before, 1);
}
