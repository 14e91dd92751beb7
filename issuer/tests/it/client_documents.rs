//! Clients that are known by the address of a document (draft-ietf-oauth-client-id-metadata-document). Documents lie on a web server on
//! loopback, which the tenant lists as private: otherwise nobody would go there.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK};
use chancery_testkit::web::{Reply, Web};
use chancery_testkit::{App, Form, Site};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::consent_page::Shown;

const PATH: &str = "/oauth/client.json";
/// After so long no failure is believed, however long it took to be learned.
const FORGOTTEN: Duration = Duration::from_secs(60);
const REDIRECT: &str = "http://127.0.0.1:47011/callback";

/// What nobody outside is told more of.
const NO: &str = "cannot be had from inside the network";

/// Believes documents from anywhere, this computer's web server included.
async fn believing(site: &Site) -> Web {
    let web = Web::start().await;
    site.apply(|file| file["registration"]["documents"] = json!({ "private": [host(&web)] })).await;
    web
}

/// With its port.
fn host(web: &Web) -> String {
    web.at("").replace("https://", "")
}

fn document(web: &Web, change: impl FnOnce(&mut Value)) -> Value {
    let mut document = json!({
        "client_id": web.at(PATH),
        "client_name": "Sketchbook",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    change(&mut document);
    document
}

fn put(web: &Web, change: impl FnOnce(&mut Value)) {
    web.put(PATH, Reply::json(&document(web, change)));
}

fn app(web: &Web) -> App {
    App { id: web.at(PATH), secret: None, redirect_uri: REDIRECT.to_owned() }
}

/// What both endpoints say of a client that cannot be had: a page, and `invalid_client`.
async fn refused(site: &Site, app: &App, words: &str) {
    let page = site.ask_as(app.clone()).open(&site.browser()).await;
    page.refused_on_page("OA-01");
    assert!(page.text().contains(words), "{words}: {}", page.text());
    let answer = site.post_token(app, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
    answer.refused(401, "invalid_client");
}

chancery_testkit::both_stores! {
    async fn ci_01_a_client_is_known_by_its_document_and_gets_tokens(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        assert_eq!(site.metadata().await["client_id_metadata_document_supported"], true);

        let tokens = site.ask_as(app(&web)).approved_by(ALICE).await.redeem().await.granted();
        assert_eq!(tokens.claims()["client_id"], json!(web.at(PATH)));
        assert!(tokens.claims().get("act").is_none());
        tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
        assert_eq!(web.asked(PATH), 1, "fetched once for all of it");
    }

    async fn ci_01_where_no_document_is_believed_nobody_is_known_by_one(site: Site) {
        let web = Web::start().await;
        put(&web, |_| ());
        assert!(site.metadata().await.get("client_id_metadata_document_supported").is_none());
        site.ask_as(app(&web)).open(&site.browser()).await.refused_on_page("OA-01");
        assert_eq!(web.asked_in_all(), 0);
    }

    async fn ci_01_an_id_that_is_no_plain_address_is_not_asked(site: Site) {
        let web = believing(&site).await;
        for (path, words) in [("", "without a path"), ("/a#b", "fragment"), ("/a/../b", "plainest form")] {
            refused(&site, &App { id: web.at(path), ..app(&web) }, words).await;
        }
        let plain = App { id: web.at(PATH).replace("https:", "http:"), ..app(&web) };
        site.ask_as(plain).open(&site.browser()).await.refused_on_page("OA-01");
        assert_eq!(web.asked_in_all(), 0);
    }

    async fn ci_02_a_document_is_about_its_own_address(site: Site) {
        let web = believing(&site).await;
        put(&web, |document| document["client_id"] = json!(web.at("/other.json")));
        refused(&site, &app(&web), NO).await;

        site.turn(FORGOTTEN);
        put(&web, |_| ());
        site.ask_as(app(&web)).open(&site.browser()).await.has_status(200); // what was wrong was not kept
    }

    async fn ci_03_a_document_is_small_and_quick_and_no_redirect(site: Site) {
        let web = believing(&site).await;
        let json = [("content-type", "application/json")];
        let body = document(&web, |_| ()).to_string();
        for reply in [
            Reply::new(404, &json, body.clone()),
            Reply::new(302, &[("location", "https://localhost/")], ""),
            Reply::new(200, &[("content-type", "text/html")], body.clone()),
            Reply::new(200, &[], body.clone()),
            Reply::new(200, &json, "<html>"),
            Reply::new(200, &json, document(&web, |document| document["x"] = json!("x".repeat(5_000))).to_string()),
            Reply::new(200, &[json[0], ("content-encoding", "gzip")], body.clone()),
        ] {
            web.put(PATH, reply);
            refused(&site, &app(&web), NO).await; // CI-04: the same words for all that lies inside
            site.turn(FORGOTTEN);
        }
        web.put(PATH, Reply::json(&document(&web, |_| ())));
        site.ask_as(app(&web)).open(&site.browser()).await.has_status(200);
    }

    async fn ci_04_of_a_private_host_one_port_is_asked(site: Site) {
        let (web, other) = (believing(&site).await, Web::start().await);
        put(&other, |_| ());
        refused(&site, &app(&other), "cannot be reached from here").await;
        site.apply(|file| file["registration"]["documents"] = json!({ "private": ["localhost"] })).await; // which is port 443
        refused(&site, &app(&web), "cannot be reached from here").await;
        assert_eq!((web.asked_in_all(), other.asked_in_all()), (0, 0));
    }

    async fn ci_04_a_document_lies_where_everybody_can_reach_it(site: Site) {
        let web = Web::start().await;
        put(&web, |_| ());
        site.apply(|file| file["registration"]["documents"] = json!({})).await;
        refused(&site, &app(&web), "cannot be reached from here").await;
        for host in ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1"] {
            let id = web.at(PATH).replace("localhost", host);
            refused(&site, &App { id, ..app(&web) }, "cannot be reached from here").await; // the same words for all
        }
        assert_eq!(web.asked_in_all(), 0);
    }

    async fn ci_05_a_document_with_a_secret_in_it_is_refused(site: Site) {
        let web = believing(&site).await;
        for (member, value, words) in [
            ("client_secret", json!("hunter2"), "client secret"),
            ("token_endpoint_auth_method", json!("client_secret_basic"), "has no secret"),
            ("jwks", json!({ "keys": [{ "kty": "EC", "d": "x" }] }), "private or shared key"),
        ] {
            put(&web, |document| document[member] = value);
            refused(&site, &app(&web), words).await;
            site.turn(FORGOTTEN);
        }
    }

    async fn ci_06_only_a_listed_redirect_uri_is_redirected_to(site: Site) {
        let web = believing(&site).await;
        put(&web, |document| document["redirect_uris"] = json!(["https://app.example/cb", "http://127.0.0.1/callback"]));
        for other in ["https://app.example/cb/", "https://evil.example/cb", "http://localhost:47011/callback"] {
            site.ask_as(app(&web)).with("redirect_uri", other).open(&site.browser()).await.refused_on_page("OA-02");
        }
        site.ask_as(app(&web)).open(&site.browser()).await.has_status(200);
    }

    async fn ci_09_the_consent_page_names_the_documents_host_and_warns_of_a_program_on_this_computer(site: Site) {
        let web = believing(&site).await;
        put(&web, |document| {
            document["client_uri"] = json!("javascript:alert(1)");
        });
        let page = site.ask_as(app(&web)).open(&site.browser()).await.has_status(200).text();
        assert!(page.contains("Any program can claim to be this app") && page.contains("localhost"), "{page}");
        assert!(!page.contains("javascript:"), "{page}");
    }

    async fn dr_10_nothing_of_an_apps_own_is_loaded_by_a_persons_browser(site: Site) {
        let web = believing(&site).await;
        let own = |document: &mut Value| {
            for member in ["logo_uri", "policy_uri", "tos_uri", "client_uri"] {
                document[member] = json!(format!("https://{}.example/x", member.replace('_', "-")));
            }
        };
        put(&web, own);
        let mut metadata = json!({ "client_name": "Sketchbook", "redirect_uris": ["http://127.0.0.1/callback"] });
        own(&mut metadata);
        let registered = site.register(&metadata).await.has_status(201).json();
        let registered = App { id: registered["client_id"].as_str().expect("an id").to_owned(), ..app(&web) };

        for app in [app(&web), registered] {
            let answer = site.ask_as(app).open(&site.browser()).await;
            let page = answer.has_status(200).text();
            assert!(!page.contains("-uri.example"), "{page}");
            let policy = answer.header("content-security-policy").expect("a policy");
            assert!(policy.contains("default-src 'none'") && !policy.contains("img-src http"), "{policy}");
        }
        assert_eq!(web.asked_in_all(), web.asked(PATH), "the document, and nothing that it names");
    }

    async fn ci_10_places_are_allowed_and_blocked(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        for rules in [
            json!({ "private": [host(&web)], "block": ["localhost"] }),
            json!({ "private": [host(&web)], "allow": ["app.example"] }),
            json!({ "private": [host(&web)], "allow": [web.at("/other.json")] }),
        ] {
            site.apply(|file| file["registration"]["documents"] = rules).await;
            refused(&site, &app(&web), "administrators of this server").await;
        }
        assert_eq!(web.asked_in_all(), 0);
        site.apply(|file| file["registration"]["documents"] = json!({ "private": [host(&web)], "allow": [web.at(PATH)] })).await;
        site.ask_as(app(&web)).open(&site.browser()).await.has_status(200);
    }

    async fn ci_10_a_place_that_is_blocked_while_its_document_is_fetched_is_blocked(site: Site) {
        let web = believing(&site).await;
        let brief = || Reply::new(200, &[("content-type", "application/json"), ("cache-control", "no-store")], document(&web, |_| ()).to_string());
        web.put(PATH, brief());
        let tokens = site.ask_as(app(&web)).approved_by(ALICE).await.redeem().await.granted();
        site.turn(Duration::from_secs(3600));
        let tokens = tokens.refresh().await.granted();
        let (fetched, block) = (web.asked(PATH), json!({ "private": [host(&web)], "block": ["localhost"] }));
        site.turn(Duration::from_secs(3600));
        let rules = site.clone();
        web.put(PATH, brief().once(move || rules.apply_meanwhile(|file| file["registration"]["documents"] = block.clone())));

        let refusal = tokens.refresh().await;

        assert_eq!(web.asked(PATH), fetched + 1);
        assert!(refusal.refused(401, "invalid_client").text().contains("administrators of this server"), "{:?}", refusal.answer);
        assert_eq!(site.audit().await.of_kind("token_refreshed").len(), 1);
    }

    async fn ci_10_a_pinned_document_is_not_fetched(site: Site) {
        let web = Web::start().await;
        let pinned = document(&web, |_| ()).to_string();
        site.apply(|file| file["registration"]["documents"] = json!({ "allow": [], "pinned": { web.at(PATH): pinned } })).await;
        site.ask_as(app(&web)).approved_by(ALICE).await.redeem().await.granted().call(BANK, "account_balance").await.answered();
        refused(&site, &App { id: web.at("/other.json"), ..app(&web) }, "administrators of this server").await;
        assert_eq!(web.asked_in_all(), 0);
    }

    async fn ci_10_a_client_of_a_document_stays_in_quarantine(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        site.apply(|file| file["registration"]["quarantine"] = json!("bank:read")).await;
        let tokens = site.ask_as(app(&web)).scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted();
        assert_eq!(tokens.claims()["scope"], "bank:read");
    }

    async fn ci_11_a_first_use_by_many_is_one_fetch_and_a_copy_holds_within_bounds(site: Site) {
        let web = believing(&site).await;
        let told = |control: &str| {
            let headers = [("content-type", "application/json"), ("cache-control", control)];
            web.put(PATH, Reply::new(200, &headers, document(&web, |_| ()).to_string()).after(Duration::from_millis(50)));
        };
        told("no-store");
        let pages = join_all((0..20).map(|_| async { site.ask_as(app(&web)).open(&site.browser()).await })).await;
        for page in pages {
            page.has_status(200);
        }
        assert_eq!(web.asked(PATH), 1);

        for (later, asked, control) in [(50, 1, "no-store"), (15, 2, "max-age=9999999"), (86_000, 2, "no-store"), (500, 3, "no-store")] {
            site.turn(Duration::from_secs(later));
            told(control);
            site.ask_as(app(&web)).open(&site.browser()).await.has_status(200);
            assert_eq!(web.asked(PATH), asked, "after {later} s more");
        }
    }

    async fn ci_08_what_a_document_says_anew_holds_when_its_copy_ends(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        let tokens = site.ask_as(app(&web)).approved_by(ALICE).await.redeem().await.granted();

        put(&web, |document| {
            document["redirect_uris"] = json!(["https://evil.example/cb"]);
            document["client_name"] = json!("Your bank");
        });
        site.ask_as(app(&web)).with("redirect_uri", "https://evil.example/cb").open(&site.browser()).await.refused_on_page("OA-02");

        site.turn(Duration::from_secs(3_600));
        site.ask_as(app(&web)).open(&site.browser()).await.refused_on_page("OA-02");
        let moved = site.ask_as(App { redirect_uri: "https://evil.example/cb".to_owned(), ..app(&web) }).open(&site.browser()).await;
        assert!(moved.has_status(200).text().contains("evil.example"), "whoever moved it needs a new yes");
        tokens.refresh().await.granted();
    }

    async fn ci_08_a_document_that_moves_its_redirect_between_the_page_and_the_answer_gets_nothing(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        for decision in ["approve", "deny"] {
            let page = Shown::of(&site.ask_as(app(&web)), &site.browser()).await;
            put(&web, |document| document["redirect_uris"] = json!(["https://evil.example/cb"]));
            site.turn(Duration::from_secs(599)); // it says nothing of how long it holds: ten minutes
            let held = page.press(decision).await;
            assert_eq!(held.status, 303, "what was read a moment ago still holds: {held:?}");
            put(&web, |_| ());
            site.turn(Duration::from_secs(1));

            let late = Shown::of(&site.ask_as(app(&web)), &site.browser()).await;
            put(&web, |document| document["redirect_uris"] = json!(["https://evil.example/cb"]));
            site.apply(|file| file["lifetimes"]["consent_page"] = json!("30m")).await;
            site.turn(Duration::from_secs(600));
            late.press(decision).await.refused_on_page("SB-04");
            put(&web, |_| ());
            site.turn(Duration::from_secs(600));
        }
        assert!(site.audit().await.of_kind("consent_given").is_empty());
    }

    async fn ci_08_a_document_that_moves_its_redirect_while_the_person_signs_in_gets_no_code(site: Site) {
        let web = believing(&site).await;
        let short = [("content-type", "application/json"), ("cache-control", "no-store")];
        web.put(PATH, Reply::new(200, &short, document(&web, |_| ()).to_string()));
        let browser = site.browser();
        let approved = Shown::of(&site.ask_as(app(&web)), &browser).await.press("approve").await;
        let who = browser.follow(approved, |_| false).await;
        let named = browser.submit(Form::with(&who, "person").press("person", ALICE), &who.url).await;
        let resume = browser.follow(named, |url| url.path().ends_with("/resume")).await.location();

        put(&web, |document| document["redirect_uris"] = json!(["https://evil.example/cb"]));
        site.turn(Duration::from_secs(60));

        browser.get(resume.as_str()).await.refused_on_page("SB-04");
        assert!(site.audit().await.of_kind("consent_given").is_empty());
    }

    async fn ci_11_who_is_known_is_served_while_others_use_up_all_fetches(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        let from = |address: &str| site.browser().coming_from(address);
        let (honest, stranger) = (from("198.51.100.7"), from("192.0.2.66"));
        let page = Shown::of(&site.ask_as(app(&web)), &honest).await;
        let beside = Shown::of(&site.ask_as(app(&web)), &stranger).await;
        site.turn(Duration::from_secs(599));
        site.apply(|file| file["lifetimes"]["consent_page"] = json!("1h")).await;
        site.turn(Duration::from_secs(1)); // its copy is over
        for number in 0..40 {
            let app = App { id: web.at(&format!("/{number}.json")), ..app(&web) };
            site.ask_as(app).open(&stranger).await;
        }
        assert!(web.asked_in_all() <= 31, "{}", web.asked_in_all());

        // Where the stranger comes from nothing more is fetched: the copy that was good is good for an hour longer.
        beside.press("approve").await.has_status(303);
        assert_eq!(web.asked(PATH), 1);
        // From elsewhere the fetch is that source's own, in an answer as in a request.
        page.press("approve").await.has_status(303);
        assert_eq!(web.asked(PATH), 2);

        site.turn(Duration::from_secs(600 + 3_599));
        for number in 40..80 {
            let app = App { id: web.at(&format!("/{number}.json")), ..app(&web) };
            site.ask_as(app).open(&stranger).await;
        }
        site.ask_as(app(&web)).open(&stranger).await.has_status(200);
        site.turn(Duration::from_secs(1));
        site.ask_as(app(&web)).open(&stranger).await.has_status(503);
        assert_eq!(web.asked(PATH), 2);
    }

    async fn a_stranger_does_not_make_us_fetch_at_will(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        site.ask_as(app(&web)).open(&site.browser()).await.has_status(200);

        let mut turned_away = 0;
        for number in 0..100 {
            let app = App { id: web.at(&format!("/{number}.json")), ..app(&web) };
            let answer = site.post_token(&app, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
            match answer.status.as_u16() {
                401 => {
                    answer.refused(401, "invalid_client");
                }
                _ => {
                    answer.refused(503, "temporarily_unavailable");
                    turned_away += 1;
                }
            }
        }
        assert!(web.asked_in_all() <= 30, "{}", web.asked_in_all());
        assert!(turned_away >= 70, "{turned_away}");

        site.ask_as(app(&web)).open(&site.browser()).await.has_status(200); // what is known costs nothing
        site.turn(Duration::from_secs(60));
        let new = App { id: web.at("/new.json"), ..app(&web) };
        web.put("/new.json", Reply::json(&document(&web, |document| document["client_id"] = json!(new.id))));
        site.ask_as(new).open(&site.browser()).await.has_status(200);
    }

    async fn an_honest_client_is_served_while_documents_are_slow_large_and_circular(site: Site) {
        let web = believing(&site).await;
        put(&web, |_| ());
        let json = [("content-type", "application/json")];
        web.put("/large.json", Reply::new(200, &json, vec![b' '; 1_000_000]));
        web.put("/ring.json", Reply::new(302, &[("location", &web.at("/ring.json"))], ""));

        let attack = |path: &str| {
            let (site, app) = (site.clone(), App { id: web.at(path), ..app(&web) });
            tokio::spawn(async move { site.post_token(&app, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await })
        };
        // Whoever waited for the slow one would never be done before it; whoever does not may only now and then need as long.
        let mut was_first = false;
        for turn in 0..4 {
            let path = format!("/slow-{turn}.json");
            web.put(&path, Reply::new(200, &json, "{").stalling());
            let slow = attack(&path);
            for path in ["/large.json", "/ring.json"] {
                attack(path).await.expect("an answer").refused(401, "invalid_client");
            }
            let tokens = site.ask_as(app(&web)).approved_by(ALICE).await.redeem().await.granted();
            tokens.call(BANK, "account_balance").await.answered();
            assert_eq!(web.asked("/ring.json"), 1, "the ring was not followed");
            was_first = !slow.is_finished();
            let given_up = tokio::time::timeout(Duration::from_secs(30), slow).await.expect("a slow one is given up after five seconds");
            given_up.expect("an answer").refused(401, "invalid_client");
            if was_first {
                break;
            }
        }
        assert!(was_first, "the honest one waited for the slow one");
        for path in ["/slow-0.json", "/large.json", "/ring.json"] {
            site.ask_as(App { id: web.at(path), ..app(&web) }).open(&site.browser()).await.refused_on_page("OA-01");
        }
        assert_eq!(web.asked("/ring.json"), 1, "what failed is believed to have failed");
    }
}
