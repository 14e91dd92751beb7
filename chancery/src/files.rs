//! Reading what an operator wrote: `chancery.yaml` or a folder of such files, and the secrets they refer to, which are looked up where
//! the command runs and never stand in the file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chancery_core::Secret;
use chancery_registry::Config;
use chancery_registry::config::{STAND_IN, SecretRef, ServerConfig, Whose};
use chancery_store::StoreUrl;

use crate::admin::message::{Files, SentSecret};
use crate::exit::{Exit, Failure};

/// What a folder's files are called.
const KINDS: [&str; 3] = ["yaml", "yml", "cedar"];

/// A configuration that was read, and what another process needs to read what it says of the tenant the same way.
pub struct Read {
    pub config: Config,
    pub files: Files,
}

/// Reads a file, or every `.yaml` and `.cedar` file of a folder.
///
/// # Errors
/// [`Exit::File`], with every problem that was found.
pub fn read(path: &Path) -> Result<Read, Failure> {
    let (files, folder) = (texts(path)?, folder_of(path));
    let found = RefCell::new(BTreeMap::new());
    let look_up = |reference: &SecretRef, whose: Whose| {
        let secret = reference.read(folder)?;
        if whose == Whose::Tenant {
            found.borrow_mut().insert(reference.to_string(), SentSecret(secret.clone()));
        }
        Ok(secret)
    };
    let mut config = Config::read(&files, &look_up).map_err(|problems| broken(&problems))?;
    place(&mut config.server, folder);
    Ok(Read { config, files: Files { files, secrets: found.into_inner() } })
}

/// Reads just enough to find the server: which tenant, which socket. No secret is looked up, so nobody needs to hold them to ask.
///
/// # Errors
/// As [`read`].
pub fn read_without_secrets(path: &Path) -> Result<Config, Failure> {
    let look_up = |_: &SecretRef, _: Whose| Ok(Secret::new(STAND_IN.to_owned()));
    let mut config = Config::read(&texts(path)?, &look_up).map_err(|problems| broken(&problems))?;
    place(&mut config.server, folder_of(path));
    Ok(config)
}

/// Paths in the file start where the file is, wherever the command was started.
fn place(server: &mut ServerConfig, folder: &Path) {
    for path in [&mut server.key_file, &mut server.socket].into_iter().chain(&mut server.trust) {
        *path = folder.join(&*path);
    }
    if let Some(path) = server.store.path() {
        server.store = StoreUrl::sqlite(folder.join(path));
    }
}

fn folder_of(path: &Path) -> &Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) }
}

/// Reads what another process read: secrets are those it found. What its node's own block refers to stayed there, and that block is of no
/// use here.
///
/// # Errors
/// [`Exit::File`], as there.
pub fn read_sent(sent: &Files) -> Result<Config, Failure> {
    let look_up = |reference: &SecretRef, whose: Whose| {
        if whose == Whose::Node {
            return Ok(Secret::new(STAND_IN.to_owned()));
        }
        let secret = sent.secrets.get(&reference.to_string());
        secret.map(|sent| sent.0.clone()).ok_or_else(|| "was not sent along".to_owned())
    };
    Config::read(&sent.files, &look_up).map_err(|problems| broken(&problems))
}

pub(crate) fn broken(problems: &[chancery_registry::Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::new(Exit::File, "the configuration cannot be used").because(lines.join("\n"))
}

fn texts(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let paths = if path.is_dir() { of_folder(path)? } else { vec![path.to_owned()] };
    if paths.is_empty() {
        return Err(unreadable(path).because("the folder holds no .yaml file").remedy("write a chancery.yaml into it"));
    }
    paths.into_iter().map(|path| Ok((path.display().to_string(), text(&path)?))).collect()
}

fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder).because(error))?;
    let ours = |path: &PathBuf| path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(ours).collect();
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "make one with `chancery init`, or name another with --config",
            std::io::ErrorKind::InvalidData => "save the file as UTF-8 text",
            _ => "let this user read it",
        };
        unreadable(path).because(&error).remedy(remedy)
    })
}

fn unreadable(path: &Path) -> Failure {
    Failure::new(Exit::File, format!("the configuration {} cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use chancery_testkit::Folder;

    use super::*;

    #[test]
    fn only_the_tenants_own_secrets_leave_the_command() {
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("idp"), "s3cret").unwrap();
        std::fs::write(at("db"), "hunter2").unwrap();
        let file = "server: { store: 'postgres://me@db.example/chancery', store_password: file:db }\n\
             tenant: acme\nbase_url: https://gw.example.com\n\
             identity_providers: [ { name: corp, issuer: https://login.example.com, client_id: x, client_secret: file:idp } ]\n";
        std::fs::write(at("chancery.yaml"), file).unwrap();

        let read = read(&at("chancery.yaml")).unwrap_or_else(|failure| panic!("{failure}"));

        assert_eq!(read.files.secrets.keys().collect::<Vec<_>>(), ["file:idp"]);
        assert!(read_sent(&read.files).is_ok());
    }
}
