//! The logins, held by one command at a time. Several run at once, for minutes or for days, and a refresh token that comes back after it was
//! used ends its login (OA-13). So whoever changes them takes the lock, reads them anew, changes one and puts the whole file into its place;
//! and a token is refreshed under the lock, so that none is refreshed by two.
//!
//! The lock is the kernel's, on a file of its own beside the other: it ends with the process that has it, however that ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::credentials::{Credentials, unusable};
use super::login::Login;
use crate::exit::Failure;

/// Longer than one who has them may wait for a server; behind several it may be too short.
const PATIENCE: Duration = Duration::from_secs(75);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Until it is dropped. It has no `Debug`: it holds tokens.
pub struct Held {
    path: PathBuf,
    credentials: Credentials,
    _lock: File,
}

impl Held {
    pub(super) async fn at(path: PathBuf) -> Result<Self, Failure> {
        Self::within(path, PATIENCE).await
    }

    async fn within(path: PathBuf, patience: Duration) -> Result<Self, Failure> {
        let lock = opened(&path).map_err(|error| unwritable(&path, &error))?;
        match timeout(patience, locked(&lock)).await {
            Ok(taken) => taken.map_err(|error| unwritable(&path, &error))?,
            Err(_) => {
                return Err(unusable(
                    &path,
                    &format!("others of your commands had them in turn, or one did, for {} seconds", patience.as_secs()),
                )
                .remedy("try again; if it stays so, look for a `chancery` that hangs or is stopped (`ps`), and end it"));
            }
        }
        Ok(Self { credentials: Credentials::at(&path)?, path, _lock: lock })
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// # Errors
    /// [`Exit::Storage`](crate::exit::Exit::Storage).
    pub fn keep(&mut self, login: Login) -> Result<(), Failure> {
        self.credentials.logins.insert(login.issuer.clone(), login);
        self.write().map_err(|error| unwritable(&self.path, &error))
    }

    /// # Errors
    /// As [`Held::keep`].
    pub fn forget(&mut self, issuer: &str) -> Result<(), Failure> {
        self.credentials.logins.remove(issuer);
        self.write().map_err(|error| unwritable(&self.path, &error))
    }

    fn write(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.credentials.logins).map_err(std::io::Error::other)?;
        let new = self.path.with_extension("new");
        let _ = std::fs::remove_file(&new); // of a command that was killed at this very moment
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }
}

/// It stays there: whoever took it away would let in another beside one who has it open.
fn opened(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path.with_extension("lock"))
}

async fn locked(lock: &File) -> std::io::Result<()> {
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => sleep(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    unusable(path, error)
        .remedy("see that the folder is yours and its disk neither full nor without locks, or name another by XDG_CONFIG_HOME")
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use chancery_testkit::Folder;

    use super::*;

    fn login(issuer: &str) -> Login {
        let text = |text: &str| text.to_owned();
        Login {
            issuer: text(issuer),
            admin: format!("{issuer}/admin"),
            token_endpoint: format!("{issuer}/token"),
            revocation_endpoint: format!("{issuer}/revoke"),
            scope: text("admin:read"),
            access_token: text("access"),
            refresh_token: None,
            ends_at: 0,
        }
    }

    #[tokio::test]
    async fn logins_are_for_their_user_alone() {
        let folder = Folder::new();
        let path = folder.path().join("chancery/credentials.json");
        assert!(Credentials::at(&path).expect("none yet").login("https://gw.example", None).is_err());
        let mut held = Held::at(path.clone()).await.expect("nobody has them");
        held.keep(login("https://gw.example/t/acme")).expect("it is written");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        assert_eq!(mode(&path.with_extension("lock")), 0o600, "others could lock us out");

        let credentials = Credentials::at(&path).expect("it is ours");
        assert!(credentials.login("https://gw.example/", None).is_ok());
        assert!(credentials.login("https://gw.example", Some("other")).is_err());
        assert!(credentials.login("https://gw.example.evil", None).is_err() && credentials.login("https://gw", None).is_err());
        held.keep(login("https://gw.example/t/other")).expect("it is written");
        let credentials = Credentials::at(&path).expect("it is ours");
        assert!(credentials.login("https://gw.example", None).is_err_and(|failure| failure.remedy.contains("--tenant")));
        held.forget("https://gw.example/t/other").expect("it is written");
        assert!(Credentials::at(&path).expect("it is ours").login("https://gw.example", Some("acme")).is_ok());

        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("it is ours");
        assert!(Credentials::at(&path).is_err_and(|failure| failure.remedy.contains("chmod 600")));
    }

    #[tokio::test]
    async fn they_are_held_by_one_at_a_time_who_sees_what_the_one_before_kept() {
        let folder = Folder::new();
        let path = folder.path().join("credentials.json");
        let mut first = Held::at(path.clone()).await.expect("nobody has them");
        let refused = Held::within(path.clone(), Duration::from_millis(1)).await;
        assert!(refused.is_err_and(|failure| failure.remedy.contains("and end it")), "two have them");

        let waiting = tokio::spawn(Held::at(path));
        first.keep(login("https://gw.example/t/acme")).expect("it is written");
        drop(first);
        let second = waiting.await.expect("no panic").expect("the first let go");

        assert!(second.credentials().login("https://gw.example", None).is_ok());
    }

    #[tokio::test]
    async fn what_a_killed_command_left_locks_nobody_out() {
        let folder = Folder::new();
        let path = folder.path().join("credentials.json");
        for left in ["lock", "new"] {
            std::fs::write(path.with_extension(left), "left behind").expect("the folder is ours");
        }

        let mut held = Held::within(path.clone(), Duration::from_secs(20)).await.expect("nobody has them");
        held.keep(login("https://gw.example/t/acme")).expect("it is written");

        assert!(Credentials::at(&path).expect("it is ours").login("https://gw.example", None).is_ok());
        assert!(!path.with_extension("new").exists(), "tokens are left beside");
    }
}
