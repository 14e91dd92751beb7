//! `chancery registration`: who may register, decided by hand.

use std::time::Duration;

use clap::Subcommand;

use super::server::WayArgs;
use crate::admin::message::{
    Answer, Approve, Deny, EndToken, Judged, MakeToken, Registering, Registration, RegistrationTokenItem, Task, WaitingClient,
};
use crate::exit::{Exit, Failure};
use crate::print;

#[derive(Subcommand)]
pub enum Command {
    /// Make an initial access token: who has it may register a client
    Token(TokenArgs),
    /// Show the initial access tokens that are still good
    Tokens(Common),
    /// End an initial access token; what it let in stays
    EndToken(EndTokenArgs),
    /// Show the clients that wait for approval, or were refused it
    List(Common),
    /// Show one of them, by the id that it was told when it registered
    Show(ClientArgs),
    /// Let a waiting client in, as you read it
    Approve(ApproveArgs),
    /// Keep a waiting client out
    Deny(ClientArgs),
}

#[derive(clap::Args)]
pub struct Common {
    #[command(flatten)]
    way: WayArgs,
    /// Whose; the configuration's tenant unless told. With --socket or --server, no configuration is read then
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
pub struct EndTokenArgs {
    #[command(flatten)]
    common: Common,
    /// As `chancery registration tokens` shows it
    id: String,
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
    /// What `chancery registration list` or `show` says after `seen`: the client is let in only if it still says of itself just what you read there
    #[arg(long, value_name = "DIGEST")]
    seen: String,
}

fn lasting(text: &str) -> Result<Duration, String> {
    chancery_registry::duration(text).ok_or_else(|| "write a number and its unit: 90s, 5m, 8h or 30d".to_owned())
}

pub async fn run(command: Command) -> Result<Exit, Failure> {
    let (common, what) = match command {
        Command::Token(TokenArgs { common, label, uses, lasts }) => {
            (common, Registering::MakeToken(MakeToken { label, uses, lasts: lasts.as_secs() }))
        }
        Command::Tokens(common) => (common, Registering::Tokens),
        Command::EndToken(EndTokenArgs { common, id }) => (common, Registering::EndToken(EndToken { id })),
        Command::List(common) => (common, Registering::List),
        Command::Show(ClientArgs { common, id }) => (common, Registering::Show(id)),
        Command::Approve(ApproveArgs { client: ClientArgs { common, id }, seen }) => {
            (common, Registering::Approve(Approve { id, seen })) // DR-08
        }
        Command::Deny(ClientArgs { common, id }) => (common, Registering::Deny(Deny { id })),
    };
    let way = common.way.find(common.tenant.as_deref())?;
    let task = Task::Registration(Registration { tenant: way.tenant.clone(), what });
    let answer = common.way.answer(way, task).await?;
    if common.json { print::json(&answer) } else { told(&answer) }
}

fn told(answer: &Answer) -> Result<Exit, Failure> {
    match answer {
        // Alone on its line, so that a script can take it.
        Answer::RegistrationToken(made) => print::line(&made.token.0.expose())?,
        Answer::RegistrationTokens(good) if good.tokens.is_empty() => {
            print::line(&format_args!("tenant {}: no initial access token is good", good.tenant))?;
        }
        Answer::RegistrationTokens(good) => good.tokens.iter().try_for_each(token)?,
        Answer::RegistrationTokenEnded(ended) => print::line(&format_args!(
            "tenant {}: initial access token {} ({:?}) is ended, {} of its uses left",
            ended.tenant, ended.id, ended.label, ended.uses_left
        ))?,
        Answer::Waiting(waiting) if waiting.clients.is_empty() => print::line(&format_args!("tenant {}: no client waits", waiting.tenant))?,
        Answer::Waiting(waiting) => waiting.clients.iter().try_for_each(client)?,
        Answer::Judged(Judged { tenant, id, standing }) => print::line(&format_args!("tenant {tenant}: client {id} is {standing}"))?,
        _ => {}
    }
    Ok(Exit::Done)
}

fn token(token: &RegistrationTokenItem) -> Result<(), Failure> {
    let RegistrationTokenItem { id, label, uses_left, .. } = token;
    print::line(&format_args!("{id}  {label:?}  {uses_left} uses left"))
}

fn client(client: &WaitingClient) -> Result<(), Failure> {
    print::line(&format_args!("{}  {}  calls itself {:?}  seen {}", client.id, client.standing, client.name, client.digest))?;
    let said = [("page", client.client_uri.as_deref()), ("software", client.software_id.as_deref())];
    let said = said.into_iter().filter_map(|(what, said)| Some((what, said?)));
    let addresses = client.redirect_uris.iter().map(|uri| ("returns to", &**uri));
    let contacts = client.contacts.iter().map(|contact| ("contact", &**contact));
    addresses.chain(said).chain(contacts).try_for_each(|(what, said)| print::line(&format_args!("    {what}: {said}")))
}
