//! The command line far away from its server: it logs in by a browser, administers with what it got, and leaves.

use std::os::unix::fs::MetadataExt as _;

use chancery_testkit::cast::{ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT, Person, TENANT};
use chancery_testkit::{Folder, Revocable, Site, people};
use url::Url;

use crate::process::{Ended, Running, chancery, run};

pub const ALL: &str = "admin:read admin:apply admin:revoke admin:register";

/// A command at the site, by its address.
pub fn at(site: &Site, folder: &Folder, arguments: &[&str]) -> Ended {
    run(folder, &[arguments, &["--server", site.base()]].concat())
}

/// Begins a login, and gives the address that it prints.
pub fn begun(site: &Site, folder: &Folder, more: &[&str]) -> (Running, Url) {
    let command = chancery(folder, &[&["login", "--server", site.base(), "--tenant", TENANT, "--no-browser"], more].concat());
    let running = Running::of(command, "resource=");
    let said = running.said();
    let url = said.split_whitespace().find(|word| word.starts_with("http")).unwrap_or_else(|| panic!("no address: {said}"));
    (running, Url::parse(url).expect("an address"))
}

/// This person goes all the way in a browser, and back to the command line.
pub async fn logged_in(site: &Site, folder: &Folder, person: Person, more: &[&str]) {
    finished(site, begun(site, folder, more), person).await;
}

/// This person goes all the way with a login that was begun.
pub async fn finished(site: &Site, (mut running, url): (Running, Url), person: Person) {
    allowed(site, &url, person).await;
    running.says("You are logged in at tenant");
    assert!(running.wait().success());
}

/// This person allows it in their browser.
async fn allowed(site: &Site, url: &Url, person: Person) {
    let app = url.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.into_owned()).expect("a redirect URI");
    let browser = site.browser();
    let page = browser.get(url.as_str()).await;
    let back = people::go_on(&browser, page, person, true, &Url::parse(&app).expect("an address")).await;
    let words = browser.get(back.location().as_str()).await;
    assert!(words.has_status(200).text().contains("You are logged in"), "{words:?}");
}

chancery_testkit::both_stores! {
    async fn a_person_logs_in_administers_and_leaves(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        at(&site, &folder, &["clients"]).with(8, &["not logged in", "chancery login --server"]);
        logged_in(&site, &folder, ALICE, &[]).await;

        let kept = std::fs::metadata(folder.path().join("config/chancery/credentials.json")).expect("it is kept");
        assert_eq!(kept.mode() & 0o777, 0o600);
        at(&site, &folder, &["clients"]).with(0, &[PUBLIC_CLIENT, "confidential"]);
        at(&site, &folder, &["subjects"]).with(0, &[ALICE, "active"]);
        at(&site, &folder, &["grants", "--subject", ALICE]).with(0, &["chancery-cli", "admin:read"]);
        let tokens = site.sign_in(BOB, OTHER_CLIENT).await;
        at(&site, &folder, &["revoke", "client", OTHER_CLIENT, "--dry-run"]).with(0, &["would be revoked", "1 grant would end"]);
        at(&site, &folder, &["revoke", "client", OTHER_CLIENT, "--reason", "leaked"]).with(0, &["is revoked", "1 grant ended"]);
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        at(&site, &folder, &["suspend", BOB]).with(0, &["is suspended"]);
        at(&site, &folder, &["reinstate", BOB]).with(0, &["is reinstated"]);
        at(&site, &folder, &["revoke", "grant", "grt_1"]).with(8, &["has no grant \"grt_1\""]);
        at(&site, &folder, &["audit", "tail", "-n", "50"]).with(0, &["revoked", "reason=leaked", "subject_suspended", "administrator=usr_"]);

        at(&site, &folder, &["logout"]).with(0, &["logged out"]);
        at(&site, &folder, &["clients"]).with(8, &["not logged in"]);
        site.audit().await.only("token_revoked").says("client", "chancery-cli").says("outcome", "grant_ended");
    }

    async fn a_login_that_cannot_be_kept_is_given_back(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        let (mut running, url) = begun(&site, &folder, &[]);
        std::fs::create_dir(folder.path().join("config/chancery/credentials.new")).expect("it is in the way of what is written");

        allowed(&site, &url, ALICE).await;

        assert_eq!(running.wait().code(), Some(5));
        assert!(running.err().contains("cannot be used") && !running.err().contains("was not told"), "{}", running.err());
        site.audit().await.only("token_revoked").says("client", "chancery-cli").says("outcome", "grant_ended");
    }

    async fn a_file_is_planned_and_applied_from_afar(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        logged_in(&site, &folder, ALICE, &[]).await;
        let file = site.file();
        crate::process::write(&folder, "chancery.yaml", &file.replace("The bank", "The other bank"));

        at(&site, &folder, &["plan"]).with(0, &["The other bank"]);
        at(&site, &folder, &["apply"]).with(0, &["resource bank"]);

        let url = format!("{}/.well-known/oauth-protected-resource/mcp/{BANK}", site.base());
        assert!(site.program().get(&url).await.text().contains("The other bank"));
        crate::process::write(&folder, "chancery.yaml", &file.replace(&format!("\"{TENANT}\""), "\"another\""));
        at(&site, &folder, &["plan"]).with(8, &["not logged in"]);
    }

    async fn registration_is_governed_from_afar(site: Site) {
        site.gives_administration(ALL).await;
        site.apply(|file| file["registration"]["dynamic"] = serde_json::json!("approval")).await;
        let folder = Folder::new();
        logged_in(&site, &folder, ALICE, &[]).await;
        let metadata = serde_json::json!({ "redirect_uris": ["http://127.0.0.1/cb"], "client_name": "Sketchbook" });
        site.register(&metadata).await.has_status(201);
        let listed = at(&site, &folder, &["registration", "list"]);
        listed.with(0, &["Sketchbook", "pending"]);
        let id = listed.out.split_whitespace().next().expect("an id");
        let seen = listed.out.split_once(" seen ").and_then(|(_, rest)| rest.split_whitespace().next()).expect("a digest");

        at(&site, &folder, &["registration", "approve", id, "--seen", seen]).with(0, &[id, "is active"]);
        at(&site, &folder, &["registration", "deny", id]).with(8, &["nothing was changed"]);
        at(&site, &folder, &["registration", "token", "--label", "partners"]).with(0, &[]);
        let tokens = at(&site, &folder, &["registration", "tokens"]);
        tokens.with(0, &["partners", "1 uses left"]);
        let token = tokens.out.split_whitespace().next().expect("an id");
        at(&site, &folder, &["registration", "end-token", token]).with(0, &["is ended"]);
        let log = site.audit().await;
        let judged = log.only("client_judged").says("outcome", "active");
        assert!(judged.field("administrator").is_some_and(|name| name.starts_with("usr_")));
    }

    async fn who_was_given_less_is_told_what_and_whom_to_ask(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        logged_in(&site, &folder, BOB, &["--scope", "admin:read"]).await;

        at(&site, &folder, &["clients"]).with(0, &[PUBLIC_CLIENT]);
        let refused = at(&site, &folder, &["revoke", "client", OTHER_CLIENT]);

        refused.with(8, &["this takes admin:revoke", "your groups give you admin:read", "`access` rules"]);
    }

    async fn a_login_is_renewed_by_itself_until_it_has_ended(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        logged_in(&site, &folder, ALICE, &[]).await;

        site.turn(std::time::Duration::from_secs(3600));
        at(&site, &folder, &["clients"]).with(0, &[PUBLIC_CLIENT]);
        at(&site, &folder, &["clients"]).with(0, &[PUBLIC_CLIENT]);

        site.revoke(Revocable::Subject, ALICE).await.expect("she is known");
        at(&site, &folder, &["clients"]).with(8, &["your login has ended", "chancery login"]);
    }

    async fn a_login_that_leads_nowhere_says_so(site: Site) {
        let folder = Folder::new();
        let login = |tenant: &str| run(&folder, &["login", "--server", site.base(), "--tenant", tenant, "--no-browser"]);
        login("nobody").with(8, &["there is no tenant \"nobody\""]);
        login(TENANT).with(8, &["gives its admin API to nobody", "`access` rule"]);
        run(&folder, &["login", "--server", "http://gw.example", "--tenant", "x", "--no-browser"]).with(2, &["https"]);
        run(&folder, &["login", "--server", "http://127.0.0.1:1", "--tenant", "x", "--no-browser"]).with(7, &["cannot be asked"]);
    }

    async fn another_page_neither_ends_a_login_nor_answers_it(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        let (mut running, url) = begun(&site, &folder, &[]);
        let app = url.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.into_owned()).expect("a redirect URI");
        for forged in ["", "?code=x", "?code=x&state=x", "?error=access_denied"] {
            site.browser().get(&format!("{app}{forged}")).await.has_status(404);
        }
        assert!(!running.said().contains("logged in at"), "{}", running.said());
        running.kill();
    }
}
