//! The tokens of this user's logins: one file, mode 0600, in the user's configuration folder. Whoever changes it has it [`Held`].

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::held::Held;
use super::login::Login;
use crate::exit::{Exit, Failure};

/// By issuer. It has no `Debug`: it holds tokens.
pub struct Credentials {
    pub(super) logins: BTreeMap<String, Login>,
}

impl Credentials {
    /// `${XDG_CONFIG_HOME:-~/.config}/chancery/credentials.json`; empty where nobody has logged in.
    ///
    /// # Errors
    /// [`Exit::Storage`], where the file cannot be read, or others could.
    pub fn load() -> Result<Self, Failure> {
        Self::at(&place()?)
    }

    /// For this command alone, as they are by then.
    ///
    /// # Errors
    /// As [`Credentials::load`], and where another command does not let go of them.
    pub async fn hold() -> Result<Held, Failure> {
        Held::at(place()?).await
    }

    pub(super) fn at(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self { logins: BTreeMap::new() }),
            Err(error) => return Err(unusable(path, &error)),
        };
        let mode = std::fs::metadata(path).map_err(|error| unusable(path, &error))?.mode();
        if mode & 0o077 != 0 {
            let why = format!("others than you may read it (mode {:o})", mode & 0o777);
            return Err(unusable(path, &why).remedy("run `chmod 600` on it; if others used this machine, log out and in again"));
        }
        let logins = serde_json::from_slice(&text).map_err(|error| unusable(path, &error).remedy("delete it, and log in again"))?;
        Ok(Self { logins })
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
}

fn place() -> Result<PathBuf, Failure> {
    path_by(|name| std::env::var_os(name).map(PathBuf::from))
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

pub(super) fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Storage, format!("the logins in {} cannot be used", path.display())).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

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
