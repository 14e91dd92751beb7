//! Opening: settings, a look at the server, the schema, the pool.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};

use super::LIMIT;
use super::bind::told;
use super::tls::Connector;
use crate::url::{Server, Tls};
use crate::{StoreError, migrations};

/// How long to wait for a server that does not even refuse.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a server may be out of reach before what waits for it is told: what a statement may take, and as long again.
const SILENCE: Duration = Duration::from_secs(2 * LIMIT.as_secs());

/// Asked so often and so many times whether it lives, a server that only listened is given up after that time too.
const KEEPALIVE: Duration = Duration::from_secs(1);
const KEEPALIVES: u32 = 5;

/// `chancery`, in ASCII: whoever migrates holds the advisory lock of this number.
const MIGRATING: i64 = 0x6368_616e_6365_7279;

/// Nodes that start together wait for the one that migrates.
const MIGRATIONS_TAKE: Duration = Duration::from_secs(300);

pub(super) fn settings(server: &Server) -> Result<(Config, Connector), StoreError> {
    let mut config = server.config.clone();
    config.connect_timeout(*config.get_connect_timeout().unwrap_or(&CONNECT));
    if config.get_application_name().is_none() {
        config.application_name("chancery");
    }
    // The server's limits are worth nothing once it is out of reach: then the machine gives the connection up, also under a COMMIT.
    config.tcp_user_timeout(SILENCE).keepalives_idle(LIMIT).keepalives_interval(KEEPALIVE).keepalives_retries(KEEPALIVES);
    let limit = LIMIT.as_millis();
    let limits = format!("-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit} -c client_min_messages=warning");
    config.options(format!("{limits} {}", config.get_options().unwrap_or_default()));
    let connector = match &server.tls {
        Tls::Off => Connector::off(),
        Tls::Verified { roots } => Connector::verified(roots.as_deref())?,
    };
    Ok((config, connector))
}

/// Looks whether the server is one that keeps what it acknowledges, and brings the schema up to date.
pub(super) async fn prepare(server: &Server, config: &Config, connector: &Connector) -> Result<(), StoreError> {
    let what = server.to_string();
    let (mut client, connection) = config.connect(connector.clone()).await.map_err(|error| unreachable(&what, &error))?;
    let connection = tokio::spawn(connection);
    let prepared = async {
        keeps_what_it_acknowledges(&what, &client).await?;
        migrate(&what, &mut client).await
    };
    let outcome = prepared.await;
    drop(client); // and with it the lock
    let _ = connection.await;
    outcome
}

pub(super) fn pool(config: Config, connector: Connector, connections: usize) -> Pool {
    let manager = Manager::from_config(config, connector, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(connections)
        .wait_timeout(Some(LIMIT))
        .create_timeout(Some(CONNECT + LIMIT))
        .runtime(Runtime::Tokio1)
        .build()
        .expect("a pool with timeouts was given its runtime")
}

async fn keeps_what_it_acknowledges(what: &str, client: &Client) -> Result<(), StoreError> {
    let shown = client.query_one("SELECT current_setting('synchronous_commit'), current_setting('server_encoding')", &[]).await?;
    let (synchronous, encoding): (String, String) = (shown.try_get(0)?, shown.try_get(1)?);
    if synchronous == "off" {
        return Err(StoreError::opening(
            format!("{what} cannot be used"),
            "`synchronous_commit` is off, so a crash would lose tokens and audit events that were acknowledged",
            "Set it to `on` for Chancery's role: ALTER ROLE … SET synchronous_commit = on",
        ));
    }
    if encoding != "UTF8" {
        return Err(StoreError::opening(
            format!("{what} cannot be used"),
            format!("its encoding is {encoding}"),
            "Create the database with ENCODING 'UTF8'",
        ));
    }
    Ok(())
}

async fn migrate(what: &str, client: &mut Client) -> Result<(), StoreError> {
    let patience = MIGRATIONS_TAKE.as_millis();
    client.batch_execute(&format!("SET statement_timeout = {patience}; SET idle_in_transaction_session_timeout = 0")).await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATING]).await.map_err(|error| {
        StoreError::opening(
            format!("{what} cannot be brought up to date"),
            told(&error),
            "Another node has been migrating for minutes: see what it is doing, then start this one again",
        )
    })?;
    migrations::POSTGRES.runner().run_async(client).await.map(drop).map_err(|error| migrations::failed(what, &error))
}

fn unreachable(what: &str, error: &Error) -> StoreError {
    let remedy = match error.code() {
        Some(state) if *state == SqlState::INVALID_PASSWORD || *state == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "Correct the user or the password in the store's address"
        }
        Some(state) if *state == SqlState::INVALID_CATALOG_NAME => "Create the database, with Chancery's user as its owner",
        Some(_) => "See the server's log for more",
        None => {
            "Is PostgreSQL running there, and does the network let us through? For TLS, `sslrootcert=FILE` names the roots to trust and \
             `sslmode=disable` does without"
        }
    };
    StoreError::opening(format!("{what} cannot be reached"), told(error), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreUrl;
    use crate::url::Address;

    #[test]
    fn no_connection_waits_for_a_server_out_of_reach() {
        let url: StoreUrl = "postgres://chancery@db.example/chancery?sslmode=disable".parse().expect("an address");
        let Address::Postgres(server) = url.address() else { panic!("an address of PostgreSQL") };
        let (config, _) = settings(server).expect("settings");
        assert_eq!(config.get_tcp_user_timeout(), Some(&(LIMIT * 2)));
        let given_up = config.get_keepalives_idle() + KEEPALIVE * config.get_keepalives_retries().expect("a number");
        assert!(config.get_keepalives() && given_up <= LIMIT * 2);
    }
}
