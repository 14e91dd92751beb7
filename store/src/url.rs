//! Where the store is: `sqlite:PATH`, or `postgres://USER@HOST:PORT/DATABASE` with what tokio-postgres and we take after `?`.
//!
//! TLS is not a matter of luck: to this machine (loopback, a Unix socket) it is off unless asked for, to any other it is on and the
//! server's certificate and name are verified unless `sslmode=disable` says in so many words that the network is trusted.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chancery_core::Secret;
use tokio_postgres::config::{Host, SslMode};

use crate::StoreError;

/// A store's address. Printing it shows no password.
#[derive(Clone)]
pub struct StoreUrl(Address);

#[derive(Clone)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(Box<Server>),
}

/// A PostgreSQL server and how to speak to it.
#[derive(Clone)]
pub(crate) struct Server {
    pub config: tokio_postgres::Config,
    pub tls: Tls,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Tls {
    Off,
    /// Certificate and name are verified, against these roots or the machine's.
    Verified {
        roots: Option<PathBuf>,
    },
}

impl StoreUrl {
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Address::Sqlite(path.into()))
    }

    /// The same with this password, so that none needs to stand in the address. Without effect on SQLite.
    pub fn with_password(mut self, password: &Secret<String>) -> Self {
        if let Address::Postgres(server) = &mut self.0 {
            server.config.password(password.expose());
        }
        self
    }

    pub(crate) fn address(&self) -> &Address {
        &self.0
    }

    /// The database file of a SQLite store.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        }
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(wrong("`sqlite:` names no file")) } else { Ok(Self::sqlite(path)) };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Server::parse(text).map(|server| Self(Address::Postgres(Box::new(server))));
        }
        Err(wrong("it begins with neither `sqlite:` nor `postgres://`"))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Address::Postgres(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Server {
    fn parse(text: &str) -> Result<Self, StoreError> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (ours, theirs): (Vec<&str>, Vec<&str>) = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .partition(|pair| pair.starts_with("sslmode=") || pair.starts_with("sslrootcert="));
        let setting = |name: &str| ours.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));

        let mut config =
            tokio_postgres::Config::from_str(&format!("{base}?{}", theirs.join("&"))).map_err(|error| wrong(reason(&error)))?;
        let roots = setting("sslrootcert").map(PathBuf::from);
        let tls = match setting("sslmode") {
            None if roots.is_none() && config.get_hosts().iter().all(is_this_machine) => Tls::Off,
            Some("disable") => Tls::Off,
            None | Some("require" | "verify-full") => Tls::Verified { roots },
            Some(_) => {
                return Err(wrong("`sslmode` is `verify-full` (the default to other machines, `require` means the same) or `disable`"));
            }
        };
        config.ssl_mode(if tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
        Ok(Self { config, tls })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        write!(f, "postgres://{}", config.get_user().map(|user| format!("{user}@")).unwrap_or_default())?;
        for (at, host) in config.get_hosts().iter().enumerate() {
            let host = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(folder) => folder.display().to_string(),
            };
            let port = config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5432);
            write!(f, "{}{host}:{port}", if at == 0 { "" } else { "," })?;
        }
        write!(f, "/{}", config.get_dbname().or(config.get_user()).unwrap_or_default())
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    }
}

/// What is wrong with an address, which is never repeated: there may be a password in it.
fn wrong(why: impl ToString) -> StoreError {
    let remedy = "Write `sqlite:PATH` or `postgres://USER@HOST:PORT/DATABASE`";
    StoreError::opening("the store's address cannot be used", why, remedy)
}

/// tokio-postgres says "invalid connection string" and keeps the rest for the source.
fn reason(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls_of(url: &str) -> Tls {
        match url.parse::<StoreUrl>().expect("an address").0 {
            Address::Postgres(server) => server.tls,
            Address::Sqlite(_) => panic!("not a server"),
        }
    }

    #[test]
    fn tls_is_verified_to_every_other_machine_unless_switched_off_in_words() {
        let verified = |roots: Option<&str>| Tls::Verified { roots: roots.map(PathBuf::from) };
        assert_eq!(tls_of("postgres://u@db.example/x"), verified(None));
        assert_eq!(tls_of("postgres://u@db.example/x?sslmode=disable"), Tls::Off);
        assert_eq!(tls_of("postgres://u@10.0.0.1,127.0.0.1/x"), verified(None));
        assert_eq!(tls_of("postgres://u@127.0.0.1/x"), Tls::Off);
        assert_eq!(tls_of("postgres:///x?host=/run/postgresql&user=u"), Tls::Off);
        assert_eq!(tls_of("postgres://u@127.0.0.1/x?sslmode=require"), verified(None));
        assert_eq!(tls_of("postgres://u@localhost/x?sslrootcert=/ca.pem"), verified(Some("/ca.pem")));
        for unsure in ["allow", "prefer", "verify-ca", ""] {
            assert!(format!("postgres://u@db.example/x?sslmode={unsure}").parse::<StoreUrl>().is_err(), "{unsure}");
        }
    }

    #[test]
    fn no_text_about_an_address_shows_its_password() {
        let url: StoreUrl = "postgres://u:hunter2@db.example:6432/x?connect_timeout=3".parse().expect("an address");
        assert_eq!(format!("{url} {url:?}"), "postgres://u@db.example:6432/x postgres://u@db.example:6432/x");
        for broken in
            ["postgres://u:hunter2@db:port/x", "postgres://u:hunter2@db/x?no=1", "mysql://u:hunter2@db/x", "postgres://u:hunter2@[/x"]
        {
            let error = broken.parse::<StoreUrl>().expect_err("not an address");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
