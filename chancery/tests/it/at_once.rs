//! Commands of one user at the same time: they share the logins, and none undoes what another has kept.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, OTHER_CLIENT, PUBLIC_CLIENT};
use chancery_testkit::{Folder, Site};

use crate::login::{ALL, at, begun, finished, logged_in};
use crate::process::{Ended, Running, chancery};

/// Longer than an access token lasts.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Another command renews the login twice: a token of before has come back too late by then, and would end it (OA-13).
fn renewed_by_another(site: &Site, folder: &Folder) {
    for _ in 0..2 {
        site.turn(AN_HOUR);
        at(site, folder, &["clients"]).with(0, &[PUBLIC_CLIENT]);
    }
}

/// Stops a process, and waits until none of its threads runs.
fn stopped(running: &Running) {
    running.signal("STOP");
    let is_stopped = |task: std::io::Result<std::fs::DirEntry>| {
        // One that is not there any more has ended.
        let Ok(stat) = task.and_then(|task| std::fs::read_to_string(task.path().join("stat"))) else { return true };
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    while !std::fs::read_dir(format!("/proc/{}/task", running.id())).expect("Linux tells").all(is_stopped) {
        std::thread::yield_now();
    }
}

chancery_testkit::both_stores! {
    async fn commands_at_once_renew_a_login_once(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        logged_in(&site, &folder, ALICE, &[]).await;
        site.turn(AN_HOUR);

        let commands: Vec<_> = (0..4).map(|_| chancery(&folder, &["clients", "--server", site.base()]).spawn().expect("it runs")).collect();
        for command in commands {
            Ended::from(command.wait_with_output().expect("it ends")).with(0, &[PUBLIC_CLIENT]);
        }

        site.audit().await.only("token_refreshed");
    }

    async fn a_login_that_waits_for_its_person_leaves_the_others_as_they_are(site: Site) {
        let (other, folder) = (Site::on_sqlite().await, Folder::new());
        for site in [&site, &other] {
            site.gives_administration(ALL).await;
        }
        logged_in(&site, &folder, ALICE, &[]).await;
        let waiting = begun(&other, &folder, &[]);
        renewed_by_another(&site, &folder);

        finished(&other, waiting, ALICE).await;

        at(&site, &folder, &["clients"]).with(0, &[PUBLIC_CLIENT]);
        at(&other, &folder, &["clients"]).with(0, &[PUBLIC_CLIENT]);
        assert_eq!(site.audit().await.of_kind("refresh_token_reused"), Vec::<&chancery_testkit::Logged>::new());
    }

    async fn a_tail_that_stood_still_takes_what_another_command_has_kept(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        logged_in(&site, &folder, ALICE, &[]).await;
        let mut tail = Running::start(&folder, &["audit", "tail", "--follow", "--server", site.base()], "registry_applied");
        stopped(&tail);
        renewed_by_another(&site, &folder);

        tail.signal("CONT");
        at(&site, &folder, &["revoke", "client", OTHER_CLIENT, "--reason", "leaked"]).with(0, &["is revoked"]);

        tail.says("reason=leaked");
        assert_eq!(site.audit().await.of_kind("refresh_token_reused"), Vec::<&chancery_testkit::Logged>::new());
        at(&site, &folder, &["logout"]).with(0, &["logged out"]);
        site.turn(AN_HOUR);
        assert_eq!(tail.wait().code(), Some(8));
        assert!(tail.err().contains("not logged in any more"), "{}", tail.err());
    }
}
