//! The file that `init` writes: every line that somebody may want to change says what it is for.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::exit::{Exit, Failure};

/// What stands in it.
pub struct Draft {
    pub tenant: String,
    pub base_url: String,
    pub listen: String,
    pub provider: String,
    pub title: &'static str,
    pub issuer: String,
    pub client_id: String,
    /// `env:NAME` or `file:PATH`.
    pub client_secret: String,
    pub scopes: String,
    /// These are what is asked for anyway.
    pub usual_scopes: bool,
    /// The claims that may name them.
    pub groups: String,
    /// Name and upstream of each MCP server.
    pub servers: Vec<(String, String)>,
}

impl Draft {
    pub fn redirect_uri(&self) -> String {
        format!("{}/t/{}/callback/{}", self.base_url, self.tenant, self.provider)
    }

    /// Where the provider says that it ended a session.
    pub fn back_channel_logout(&self) -> String {
        format!("{}/t/{}/backchannel-logout/{}", self.base_url, self.tenant, self.provider)
    }

    /// Where people come back to from signing out there.
    pub fn signed_out(&self) -> String {
        format!("{}/t/{}/signed-out", self.base_url, self.tenant)
    }

    /// Values are quoted as JSON strings, which YAML reads as what they are.
    pub fn text(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut text = format!(
            "# yaml-language-server: $schema=./chancery.schema.json   (chancery schema > chancery.schema.json)
server:
  listen: {listen}                  # TLS ends in front of it
  store: sqlite:./chancery-data/chancery.db  # or postgres://user@host/chancery
  keys: {{ file: ./chancery-data/chancery.key }}  # keep a copy of it apart from copies of the database
  socket: ./chancery-data/chancery.sock

tenant: {tenant}        # a part of the issuer, {base}/t/{tenant}: neither ever changes
base_url: {base_quoted}

identity_providers:
  - name: {provider}
    issuer: {issuer}    # {title}; registered there: {redirect}
    client_id: {client_id}
    client_secret: {secret}    # never the secret itself
    {comment}scopes: {scopes}
    # groups of people: {groups}

registration: {{ dynamic: open }}  # apps may register themselves; people are asked before any of them gets a token

",
            listen = self.listen,
            tenant = self.tenant,
            base = self.base_url,
            base_quoted = quoted(&self.base_url),
            provider = self.provider,
            issuer = quoted(&self.issuer),
            title = self.title,
            redirect = self.redirect_uri(),
            client_id = quoted(&self.client_id),
            secret = quoted(&self.client_secret),
            comment = if self.usual_scopes { "# " } else { "" },
            scopes = quoted(&self.scopes),
            groups = self.groups,
        );
        text.push_str(if self.servers.is_empty() { "# resources:\n#   - name: notes\n" } else { "resources:\n" });
        let comment = if self.servers.is_empty() { "# " } else { "" };
        let example = [("notes".to_owned(), "http://127.0.0.1:9001/mcp".to_owned())];
        let servers = if self.servers.is_empty() { &example[..] } else { &self.servers };
        for (name, upstream) in servers {
            if !self.servers.is_empty() {
                text.push_str(&format!("  - name: {name}  # clients are given {}/mcp/{name}\n", self.base_url));
            }
            let upstream = quoted(upstream);
            for line in [
                format!("    title: {name}"),
                format!("    upstream: {{ url: {upstream} }}"),
                format!(
                    "    scopes: {{ \"{name}:use\": Use {name} }}  # words for the consent page; add finer ones, and `tools` that need them"
                ),
                format!("    default_scope: \"{name}:use\""),
            ] {
                text.push_str(&format!("{comment}{line}\n"));
            }
        }
        text
    }
}

/// Writes it where there is none yet, unless told to write over it.
///
/// # Errors
/// [`Exit::File`].
pub fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    stands_already(path, force)?;
    let old = if force { Old::Replaced } else { Old::Kept };
    placed(path, text, (0o644, old)).map_err(|error| unwritable(path, &error))
}

/// Writes it where there is nothing yet.
///
/// # Errors
/// That there is something, or why it cannot be written.
pub fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    placed(path, text, (0o644, Old::Kept))
}

/// # Errors
/// [`Exit::File`] where there is a file already.
pub fn stands_already(path: &Path, force: bool) -> Result<(), Failure> {
    if force || std::fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    Err(Failure::new(Exit::File, format!("{} is there already", path.display()))
        .because("nothing is written over")
        .remedy("name another file with --config, or give --force; `chancery doctor` looks at the one that is there"))
}

/// Keeps a secret in a file of its own, for this user alone.
///
/// # Errors
/// [`Exit::File`].
pub fn keep_secret(path: &Path, secret: &str) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = made.and_then(|()| placed(path, secret, (0o600, Old::Replaced)));
    written.map_err(|error| unwritable(path, &error))
}

/// What becomes of a file that is there already.
enum Old {
    Kept,
    Replaced,
}

/// Puts a whole file into its place at once. It is written beside it, as a file that was not there before, so no link is followed and
/// nothing is ever cut short; a link in its place is replaced, and what it leads to stays as it is.
fn placed(path: &Path, text: &str, (mode, old): (u32, Old)) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let _ = std::fs::remove_file(&beside); // of a process of this number that was killed at this very moment
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| match old {
        Old::Kept => std::fs::hard_link(&beside, path), // fails where there is one
        Old::Replaced => std::fs::rename(&beside, path),
    });
    let _ = std::fs::remove_file(&beside); // unless it was renamed away
    written
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::File, format!("{} cannot be written", path.display())).because(error).remedy("choose a folder that is yours")
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use chancery_core::Secret;
    use chancery_registry::Config;

    use super::*;

    fn draft(servers: &[(&str, &str)]) -> Draft {
        Draft {
            tenant: "acme".to_owned(),
            base_url: "http://127.0.0.1:8080".to_owned(),
            listen: "127.0.0.1:8080".to_owned(),
            provider: "corp".to_owned(),
            title: "Keycloak",
            issuer: "https://idp.example/realms/corp".to_owned(),
            client_id: "chancery: \"1\" # x".to_owned(),
            client_secret: "env:CORP_CLIENT_SECRET".to_owned(),
            scopes: "openid profile email".to_owned(),
            usual_scopes: false,
            groups: "groups".to_owned(),
            servers: servers.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect(),
        }
    }

    #[test]
    fn a_secret_is_for_this_user_alone_in_a_file_that_others_could_read_too() {
        let folder = chancery_testkit::Folder::new();
        let path = folder.path().join("data/corp.secret");
        for old in [None, Some(0o644)] {
            if let Some(mode) = old {
                std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
            }
            keep_secret(&path, "what was pasted").expect("the folder is ours");
            assert_eq!(std::fs::metadata(&path).expect("it was written").permissions().mode() & 0o777, 0o600, "it was {old:?}");
            assert_eq!(std::fs::read_to_string(&path).expect("we may read it"), "what was pasted");
        }
    }

    #[test]
    fn a_link_that_somebody_put_there_is_not_followed() {
        let folder = chancery_testkit::Folder::new();
        let (theirs, secret, config) =
            (folder.path().join("theirs"), folder.path().join("corp.secret"), folder.path().join("chancery.yaml"));
        std::fs::write(&theirs, "theirs").expect("the folder is ours");
        for path in [&secret, &config] {
            std::os::unix::fs::symlink(&theirs, path).expect("the folder is ours");
        }

        keep_secret(&secret, "what was pasted").expect("the folder is ours");
        assert!(write(&config, "tenant: acme", false).is_err(), "something is there");
        write(&config, "tenant: acme", true).expect("it was told to");

        assert_eq!(std::fs::read_to_string(&theirs).expect("it is there"), "theirs");
        assert_eq!(std::fs::read_to_string(&secret).expect("it is there"), "what was pasted");
        assert_eq!(std::fs::read_to_string(&config).expect("it is there"), "tenant: acme");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3, "nothing is left beside them");
    }

    #[test]
    fn what_a_killed_process_of_this_number_left_is_in_nobody_s_way() {
        let folder = chancery_testkit::Folder::new();
        let left = folder.path().join(format!(".chancery.yaml.{}.new", std::process::id()));
        std::fs::write(&left, "ten").expect("the folder is ours");

        let config = folder.path().join("chancery.yaml");
        write_new(&config, "tenant: acme").expect("there is none yet");

        assert_eq!(std::fs::read_to_string(&config).expect("it is there"), "tenant: acme");
        assert!(!left.exists());
    }

    #[test]
    fn what_is_written_is_what_the_reader_reads() {
        for servers in [&[][..], &[("notes", "http://127.0.0.1:9001/mcp"), ("bank", "http://10.0.0.7/mcp")]] {
            let text = draft(servers).text();
            let config = Config::read(&[("chancery.yaml".to_owned(), text.clone())], &|_, _| Ok(Secret::new("s".to_owned())));
            let config = config.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
            assert_eq!(config.resources().len(), servers.len());
            assert_eq!(config.providers()[0].redirect_uri, draft(servers).redirect_uri());
        }
    }
}
