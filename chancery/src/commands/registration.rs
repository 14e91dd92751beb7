//! `chancery registration`: who may register, decided by hand.

use std::path::Path;
use std::time::Duration;

use clap::Subcommand;

use super::server::ConfigArgs;
use crate::admin::message::{Answer, Judged, Registering, Registration, Task, WaitingClient};
use crate::exit::{Exit, Failure};
use crate::print;

#[derive(Subcommand)]
pub enum Command {
    /// Make an initial access token: who has it may register a client
    Token(TokenArgs),
    /// Show the clients that wait for approval, or were refused it
    List(Common),
    /// Let a waiting client in
    Approve(ApproveArgs),
    /// Keep a waiting client out
    Deny(ClientArgs),
}

#[derive(clap::Args)]
pub struct Common {
    #[command(flatten)]
    config: ConfigArgs,
    /// Whose; the configuration's tenant unless told. With --socket, no configuration is read then
    #[arg(long)]
    tenant: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct TokenArgs {
    #[command(flatten)]
    common: Common,
    /// What it is for: the audit log, and each client that it lets in, say so
    #[arg(long, default_value = "unnamed")]
    label: String,
    /// How many clients it may register
    #[arg(long, default_value_t = 1)]
    uses: u32,
    /// How long it is good, such as 1h or 7d
    #[arg(long, default_value = "1h", value_parser = lasting)]
    lasts: Duration,
}

#[derive(clap::Args)]
pub struct ClientArgs {
    #[command(flatten)]
    common: Common,
    /// The client's id (cli_…)
    id: String,
}

#[derive(clap::Args)]
pub struct ApproveArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// The digest that the list shows: the client is let in only if it still says just that. Left out, the client is shown, and let in as
    /// it was shown
    #[arg(long)]
    seen: Option<String>,
}

fn lasting(text: &str) -> Result<Duration, String> {
    chancery_registry::duration(text).ok_or_else(|| "write a number and its unit: 90s, 5m, 8h or 30d".to_owned())
}

pub async fn run(command: Command) -> Result<Exit, Failure> {
    let (common, what) = match command {
        Command::Token(TokenArgs { common, label, uses, lasts }) => {
            (common, Registering::MakeToken { label, uses, lasts: lasts.as_secs() })
        }
        Command::List(common) => (common, Registering::List),
        Command::Approve(ApproveArgs { client: ClientArgs { common, id }, seen }) => (common, Registering::Approve { id, seen }),
        Command::Deny(ClientArgs { common, id }) => (common, Registering::Deny { id }),
    };
    let (socket, tenant) = common.config.place(common.tenant.as_deref())?;
    let what = match what {
        Registering::Approve { id, seen: None } => as_shown(&common, (&socket, &tenant), id).await?,
        what => what,
    };
    let answer = common.config.answer(&socket, Task::Registration(Registration { tenant, what })).await?;
    if common.json { print::json(&answer) } else { told(&answer) }
}

/// Who approves without a digest approves what is printed here, and nothing that the client says after.
async fn as_shown(common: &Common, (socket, tenant): (&Path, &str), id: String) -> Result<Registering, Failure> {
    let list = Registration { tenant: tenant.to_owned(), what: Registering::List };
    let Answer::Waiting(waiting) = common.config.answer(socket, Task::Registration(list)).await? else {
        return Ok(Registering::Approve { id, seen: None });
    };
    let Some(found) = waiting.clients.iter().find(|client| client.id == id) else {
        return Ok(Registering::Approve { id, seen: None });
    };
    if !common.json {
        client(found)?;
    }
    Ok(Registering::Approve { id, seen: Some(found.digest.clone()) })
}

fn told(answer: &Answer) -> Result<Exit, Failure> {
    match answer {
        // Alone on its line, so that a script can take it.
        Answer::RegistrationToken(made) => print::line(&made.token.0.expose())?,
        Answer::Waiting(waiting) if waiting.clients.is_empty() => print::line(&format_args!("tenant {}: no client waits", waiting.tenant))?,
        Answer::Waiting(waiting) => waiting.clients.iter().try_for_each(client)?,
        Answer::Judged(Judged { tenant, id, standing }) => print::line(&format_args!("tenant {tenant}: client {id} is {standing}"))?,
        _ => {}
    }
    Ok(Exit::Done)
}

fn client(client: &WaitingClient) -> Result<(), Failure> {
    print::line(&format_args!("{}  {}  calls itself {:?}  (digest {})", client.id, client.standing, client.name, client.digest))?;
    let said = [("page", client.client_uri.as_deref()), ("software", client.software_id.as_deref())];
    let said = said.into_iter().filter_map(|(what, said)| Some((what, said?)));
    let addresses = client.redirect_uris.iter().map(|uri| ("returns to", &**uri));
    let contacts = client.contacts.iter().map(|contact| ("contact", &**contact));
    addresses.chain(said).chain(contacts).try_for_each(|(what, said)| print::line(&format_args!("    {what}: {said}")))
}
