//! Everything that a stranger can have us write, ten thousand times over from one source: answers to pages, ways back from the identity
//! provider, changes of a registration. Each leaves a number of rows that does not depend on how often it was tried (DR-05), and who
//! comes from elsewhere is served meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chancery_store::Value as Column;
use chancery_testkit::cast::{ALICE, BANK, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::{Answer, App, Browser, Form, Site, request};
use futures_util::future::join_all;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::consent_page::Shown;

const STRANGER: &str = "192.0.2.66";
const HONEST: &str = "198.51.100.7";
/// What one source may do in the file of these tests, and how often it is tried.
const MAY: usize = 100;
const TRIED: usize = 10_000;
/// At once.
const ABREAST: usize = 50;

/// A site where one source may do little.
async fn besieged() -> Site {
    let site = Site::on_sqlite().await;
    site.apply(|file| {
        file["registration"]["per_source"] = json!({ "most": MAY, "per": "1h" });
        file["sign_ins"] = json!({ "per_source": { "most": MAY, "per": "1h" } });
    })
    .await;
    site
}

/// How many rows each table has.
async fn rows(site: &Site) -> BTreeMap<String, i64> {
    let all = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let names = site.store().query(all, Vec::<Column>::new()).await.expect("the store answers");
    let mut counts = BTreeMap::new();
    for mut name in names {
        let name = name.text().expect("a name");
        let sql: &'static str = format!("SELECT count(*) FROM \"{name}\"").leak(); // the store's statements are the program's own
        let count = site.store().query(sql, Vec::<Column>::new()).await.expect("the store answers");
        counts.insert(name, count.into_iter().next().map_or(Ok(0), |mut row| row.int()).expect("a number"));
    }
    counts
}

/// No table has grown by more than that.
async fn grew_by_at_most(site: &Site, before: &BTreeMap<String, i64>, most: usize) {
    site.summarise().await;
    for (table, count) in rows(site).await {
        let grown = count - before.get(&table).copied().unwrap_or_default();
        assert!(grown <= i64::try_from(most).expect("a number"), "{table} grew by {grown}");
    }
}

/// Somebody from elsewhere registers an app, lets it in and calls a tool, within seconds.
async fn an_honest_one_is_served(site: &Site) {
    let metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook" });
    let told = site.program().coming_from(HONEST).post_json(&site.endpoint("register"), &metadata).await.has_status(201).json();
    let id = told["client_id"].as_str().expect("an id").to_owned();
    let asked = site.ask_as(App { id, secret: None, redirect_uri: "http://127.0.0.1/callback".to_owned() });
    let browser = site.browser().coming_from(HONEST);
    let served = async { asked.approved_in(&browser, ALICE).await.redeem().await.granted().call(BANK, "account_balance").await.answered() };
    tokio::time::timeout(Duration::from_secs(30), served).await.expect("it is served");
}

/// How often each status was answered.
async fn tried(asks: impl Iterator<Item = impl Future<Output = Answer> + Send + 'static>) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    let mut asks = asks.peekable();
    while asks.peek().is_some() {
        let abreast: Vec<_> = asks.by_ref().take(ABREAST).map(tokio::spawn).collect();
        for answer in join_all(abreast).await {
            *statuses.entry(answer.expect("an answer").status.as_u16()).or_default() += 1;
        }
    }
    statuses
}

/// Pages that the stranger's browser was shown.
async fn pages(site: &Site, browser: &Browser, many: usize) -> Vec<Form> {
    let mut pages = Vec::new();
    for _ in 0..many {
        pages.push(Shown::of(&site.ask(PUBLIC_CLIENT), browser).await.form);
    }
    pages
}

fn pressing(site: &Site, browser: &Browser, form: Form, decision: &str) -> impl Future<Output = Answer> + Send + use<> {
    let (browser, form, page) = (browser.clone(), form.press("decision", decision), site.endpoint("authorize"));
    async move { browser.submit(form, &page.parse().expect("an address")).await }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dr_05_ten_thousand_answered_pages_of_one_source_leave_a_hundred_rows() {
    let site = besieged().await;
    let stranger = site.browser().coming_from(STRANGER);
    let pages = pages(&site, &stranger, 5 * MAY).await;
    let before = rows(&site).await;

    let answers = pages.iter().cycle().take(TRIED).enumerate();
    let asks = answers.map(|(number, form)| pressing(&site, &stranger, form.clone(), if number % 2 == 0 { "approve" } else { "deny" }));
    let statuses = tried(asks).await;

    // A few more come in as the hour goes by.
    assert!(statuses.get(&303).is_some_and(|taken| (MAY..MAY + 5).contains(taken)), "{statuses:?}");
    assert!(statuses.get(&429).is_some_and(|held| *held > TRIED / 2), "{statuses:?}");
    grew_by_at_most(&site, &before, MAY + 10).await;
    an_honest_one_is_served(&site).await;

    let held = pressing(&site, &stranger, pages.last().expect("one").clone(), "approve").await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    let wait = held.header(header::RETRY_AFTER).and_then(|wait| wait.parse::<u64>().ok());
    assert!(wait.is_some_and(|wait| (1..=3600).contains(&wait)), "{held:?}");
    assert!(held.text().contains("from your network"), "{held:?}");

    // What was begun and came to nothing is gone with the next cleaning.
    site.turn(Duration::from_secs(3600));
    site.reap().await;
    let after = rows(&site).await;
    assert_eq!((after["sign_ins"], after["consumed"]), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dr_05_ten_thousand_ways_back_of_one_source_leave_no_row_of_their_own() {
    let site = besieged().await;
    let stranger = site.browser().coming_from(STRANGER);
    let mut states = Vec::new();
    for form in pages(&site, &stranger, MAY).await {
        let to_provider = pressing(&site, &stranger, form, "approve").await.has_status(303).location();
        states.push(to_provider.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned());
    }
    let before = rows(&site).await;

    // What nobody proves anything by: the person's no, another issuer's answer, a code of nobody's, and states that never were.
    let endings = ["error=access_denied", "iss=https://evil.example&code=x", "code=of-nobody-s"];
    let asks = (0..TRIED).map(|number| {
        let state = states.get(number).cloned().unwrap_or_else(|| format!("never-{number}"));
        let address = format!("{}?state={state}&{}", site.endpoint(&format!("callback/{IDENTITY_PROVIDER}")), endings[number % 3]);
        let stranger = stranger.clone();
        async move { stranger.get(&address).await }
    });
    let statuses = tried(asks).await;

    assert!(statuses.keys().all(|status| matches!(status, 400 | 502)), "{statuses:?}");
    grew_by_at_most(&site, &before, 10).await;
    let log = site.audit().await;
    assert!(log.of_kind("sign_in_refused").is_empty(), "{log:?}");
    assert!(log.counted("answer without issuer") + log.counted("refused by the provider") >= 30, "{log:?}");
    an_honest_one_is_served(&site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dr_05_ten_thousand_changes_of_one_source_leave_a_hundred_rows() {
    let site = besieged().await;
    let stranger = site.program().coming_from(STRANGER);
    let metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook" });
    let told = stranger.post_json(&site.endpoint("register"), &metadata).await.has_status(201).json();
    let before = rows(&site).await;

    // A change that is refused rotates no token, so it can be tried for ever; a good one leaves an event.
    let bad = put(&told, json!({ "redirect_uris": ["javascript:alert(1)"] }));
    let asks = (0..TRIED).map(|_| {
        let (stranger, bad) = (stranger.clone(), bad.clone());
        async move { stranger.send(bad).await }
    });
    let statuses = tried(asks).await;

    assert!(statuses.get(&400).is_some_and(|refused| (MAY..MAY + 5).contains(refused)), "{statuses:?}");
    assert_eq!(statuses.values().sum::<usize>() - statuses[&400], statuses[&429]);
    grew_by_at_most(&site, &before, 10).await;
    assert!(site.audit().await.of_kind("registration_refused").is_empty());

    let mut told = told;
    let elsewhere = site.program().coming_from("203.0.113.9");
    for _ in 0..MAY {
        told = elsewhere.send(put(&told, json!({}))).await.has_status(200).json();
    }
    elsewhere.send(put(&told, json!({}))).await.refused(429, "temporarily_unavailable");
    grew_by_at_most(&site, &before, MAY + 10).await;
    an_honest_one_is_served(&site).await;
}

/// A change of this registration to what it was, but for these members.
fn put(told: &Value, more: Value) -> http::Request<Bytes> {
    let mut metadata =
        json!({ "client_id": told["client_id"], "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook" });
    metadata.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let text = |member: &str| told[member].as_str().expect("text");
    let put = request(Method::PUT, text("registration_client_uri")).header(header::CONTENT_TYPE, "application/json");
    let put = put.header(header::AUTHORIZATION, format!("Bearer {}", text("registration_access_token")));
    put.body(Bytes::from(metadata.to_string())).expect("a request")
}

chancery_testkit::both_stores! {
    async fn dr_05_so_many_sign_ins_are_under_way_and_no_more(site: Site) {
        site.apply(|file| file["sign_ins"]["under_way"] = json!(3)).await;
        for source in 1..=3 {
            let browser = site.browser().coming_from(&format!("203.0.113.{source}"));
            Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await.press("approve").await.has_status(303);
        }

        let one_more = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await.press("approve").await;

        assert_eq!(one_more.has_status(303).sent("error").as_deref(), Some("temporarily_unavailable"));
        site.turn(Duration::from_secs(601));
        site.reap().await;
        site.sign_in(ALICE, PUBLIC_CLIENT).await;
    }

    async fn dr_05_who_is_signed_in_is_not_held_up_by_strangers_behind_the_same_address(site: Site) {
        site.apply(|file| file["sign_ins"] = json!({ "per_source": { "most": 2, "per": "1h" } })).await;
        let alice = site.browser().coming_from(STRANGER);
        site.ask(PUBLIC_CLIENT).approved_in(&alice, ALICE).await;
        let stranger = site.browser().coming_from(STRANGER);
        Shown::of(&site.ask(PUBLIC_CLIENT), &stranger).await.press("deny").await.has_status(303);
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &stranger).await;
        page.press("deny").await.has_status(429);

        Shown::of(&site.ask(PUBLIC_CLIENT), &alice).await.press("approve").await.has_status(303);

        // The button of the apps page counts as well; and a page that was held can be sent again.
        let apps = stranger.get(&site.endpoint("apps")).await;
        stranger.submit(Form::with(&apps, "page"), &apps.url).await.has_status(429);
        site.turn(Duration::from_secs(1800));
        site.apply(|file| file["lifetimes"]["consent_page"] = json!("1h")).await;
        page.press("deny").await.has_status(303);
    }

    async fn dr_05_a_client_that_made_itself_is_refused_by_name_so_often(site: Site) {
        let metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook" });
        let told = site.register(&metadata).await.has_status(201).json();
        let app = App { id: told["client_id"].as_str().expect("an id").to_owned(), secret: None, redirect_uri: "http://127.0.0.1/callback".to_owned() };
        let tokens = site.ask_as(app.clone()).scope("bank:read").approved_by(ALICE).await.redeem().await.granted();
        let refresh = tokens.refresh.clone().expect("a refresh token");
        for _ in 0..150 {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", &*refresh), ("scope", "bank:transfer")];
            site.post_token(&app, &fields).await.refused(400, "invalid_scope");
        }
        site.summarise().await;
        let log = site.audit().await;
        assert_eq!(log.of_kind("token_refused").len(), 100);
        assert_eq!(log.counted("invalid_scope"), 50);
    }
}
