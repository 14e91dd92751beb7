//! The tokens of this user's logins: one file, mode 0600, in the user's configuration folder. It is replaced whole or not at all.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::login::Login;
use crate::exit::{Exit, Failure};

/// By issuer. It has no `Debug`: it holds tokens.
pub struct Credentials {
    path: PathBuf,
    pub(super) logins: BTreeMap<String, Login>,
}

impl Credentials {
    /// `${XDG_CONFIG_HOME:-~/.config}/chancery/credentials.json`; empty where nobody has logged in.
    ///
    /// # Errors
    /// [`Exit::Storage`], where the file cannot be read, or others could.
    pub fn load() -> Result<Self, Failure> {
        Self::at(path_by(|name| std::env::var_os(name).map(PathBuf::from))?)
    }

    fn at(path: PathBuf) -> Result<Self, Failure> {
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self { path, logins: BTreeMap::new() }),
            Err(error) => return Err(unusable(&path, &error)),
        };
        let mode = std::fs::metadata(&path).map_err(|error| unusable(&path, &error))?.mode();
        if mode & 0o077 != 0 {
            let why = format!("others than you may read it (mode {:o})", mode & 0o777);
            return Err(unusable(&path, &why).remedy("run `chmod 600` on it; if others used this machine, log out and in again"));
        }
        let logins = serde_json::from_slice(&text).map_err(|error| unusable(&path, &error).remedy("delete it, and log in again"))?;
        Ok(Self { path, logins })
    }

    /// The login at a server's tenant; without a tenant, the only one at that server.
    ///
    /// # Errors
    /// [`Exit::Refused`], where there is none, or more than one.
    pub fn login(&self, server: &str, tenant: Option<&str>) -> Result<&Login, Failure> {
        let server = server.trim_end_matches('/');
        let of_tenant = |issuer: &str| match tenant {
            Some(tenant) => issuer == format!("{server}/t/{tenant}"),
            None => issuer.strip_prefix(server).is_some_and(|rest| rest.starts_with("/t/")),
        };
        let mut found = self.logins.iter().filter(|(issuer, _)| of_tenant(issuer)).map(|(_, login)| login);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Failure::new(Exit::Refused, format!("you are not logged in at {server}"))
                .remedy(format!("run `chancery login --server {server} --tenant {}`", tenant.unwrap_or("NAME")))),
            (Some(_), Some(_)) => Err(Failure::new(Exit::Refused, format!("you are logged in at several tenants of {server}"))
                .remedy("say which one with --tenant")),
        }
    }

    /// # Errors
    /// [`Exit::Storage`].
    pub fn keep(&mut self, login: Login) -> Result<(), Failure> {
        self.logins.insert(login.issuer.clone(), login);
        self.write().map_err(|error| unusable(&self.path, &error))
    }

    /// # Errors
    /// [`Exit::Storage`].
    pub fn forget(&mut self, issuer: &str) -> Result<(), Failure> {
        self.logins.remove(issuer);
        self.write().map_err(|error| unusable(&self.path, &error))
    }

    fn write(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.logins).map_err(std::io::Error::other)?;
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let new = self.path.with_extension(format!("new.{}", std::process::id()));
        let _ = std::fs::remove_file(&new); // of a process of this number that was killed at this very moment
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }
}

fn path_by(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, Failure> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let folder =
        variable("XDG_CONFIG_HOME").filter(absolute).or_else(|| variable("HOME").filter(absolute).map(|home| home.join(".config")));
    let folder = folder.ok_or_else(|| {
        Failure::new(Exit::Storage, "there is no place to keep a login")
            .because("neither XDG_CONFIG_HOME nor HOME names a folder")
            .remedy("set HOME")
    })?;
    Ok(folder.join("chancery").join("credentials.json"))
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Storage, format!("the logins in {} cannot be used", path.display())).because(why)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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

    #[test]
    fn logins_are_for_their_user_alone() {
        let folder = std::env::temp_dir().join(format!("chancery-credentials-{}", std::process::id()));
        let path = folder.join("chancery/credentials.json");
        let mut credentials = Credentials::at(path.clone()).expect("none yet");
        assert!(credentials.login("https://gw.example", None).is_err());
        credentials.keep(login("https://gw.example/t/acme")).expect("it is written");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));

        let mut credentials = Credentials::at(path.clone()).expect("it is ours");
        assert!(credentials.login("https://gw.example/", None).is_ok());
        assert!(credentials.login("https://gw.example", Some("other")).is_err());
        assert!(credentials.login("https://gw.example.evil", None).is_err() && credentials.login("https://gw", None).is_err());
        credentials.keep(login("https://gw.example/t/other")).expect("it is written");
        assert!(credentials.login("https://gw.example", None).is_err_and(|failure| failure.remedy.contains("--tenant")));
        credentials.forget("https://gw.example/t/other").expect("it is written");
        assert!(credentials.login("https://gw.example", Some("acme")).is_ok());

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("it is ours");
        assert!(Credentials::at(path).is_err_and(|failure| failure.remedy.contains("chmod 600")));
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }

    #[test]
    fn the_place_is_the_user_s_configuration_folder() {
        let place = |xdg: Option<&str>, home: Option<&str>| {
            path_by(|name| if name == "HOME" { home } else { xdg }.map(PathBuf::from)).map(|path| path.display().to_string()).ok()
        };
        assert_eq!(place(Some("/x"), Some("/home/a")).as_deref(), Some("/x/chancery/credentials.json"));
        assert_eq!(place(None, Some("/home/a")).as_deref(), Some("/home/a/.config/chancery/credentials.json"));
        assert_eq!(place(Some("relative"), Some("/home/a")).as_deref(), Some("/home/a/.config/chancery/credentials.json"));
        assert_eq!(place(None, None), None);
    }
}
