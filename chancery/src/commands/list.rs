//! `chancery clients`, `grants` and `subjects`: what there is, a page at a time.

use super::server::WayArgs;
use crate::admin::message::{Answer, ClientItem, GrantItem, List, Listed, SubjectItem, Task};
use crate::exit::{Exit, Failure};
use crate::print;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    way: WayArgs,
    /// Whose; the configuration's tenant unless told. With --socket or --server, no configuration is read then
    #[arg(long)]
    tenant: Option<String>,
    /// Of this person alone: id, username or email address
    #[arg(long)]
    subject: Option<String>,
    /// Of this client alone: id or name
    #[arg(long)]
    client: Option<String>,
    /// From behind this id on
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// How many at most
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, what: Listed) -> Result<Exit, Failure> {
    let way = args.way.find(args.tenant.as_deref())?;
    let Args { subject, client, after, limit, json, way: by, .. } = args;
    let asked = List { tenant: way.tenant.clone(), what, subject, client, after, limit };
    let answer = by.answer(way, Task::List(asked)).await?;
    if json {
        return print::json(&answer);
    }
    let next = match answer {
        Answer::Clients(page) => page.clients.iter().try_for_each(client_line).map(|()| page.next),
        Answer::Grants(page) => page.grants.iter().try_for_each(grant_line).map(|()| page.next),
        Answer::Subjects(page) => page.subjects.iter().try_for_each(subject_line).map(|()| page.next),
        _ => Ok(None),
    }?;
    if let Some(next) = next {
        print::line(&format_args!("more: --after {next}"))?;
    }
    Ok(Exit::Done)
}

fn client_line(client: &ClientItem) -> Result<(), Failure> {
    let ClientItem { id, name, origin, public, agent, .. } = client;
    let kind = if *public { "public" } else { "confidential" };
    let agent = agent.as_ref().map_or_else(String::new, |agent| format!("  acts as {agent}"));
    print::line(&format_args!("{id}  {name:?}  {origin}, {kind}{agent}"))
}

fn grant_line(grant: &GrantItem) -> Result<(), Failure> {
    let GrantItem { id, subject, client, resources, ended_at, end_reason, .. } = grant;
    let allowed: Vec<_> = resources.iter().map(|allowed| format!("{} [{}]", allowed.resource, allowed.scope)).collect();
    let ended = ended_at.map_or_else(String::new, |_| format!("  ended: {:?}", end_reason.as_deref().unwrap_or_default()));
    print::line(&format_args!("{id}  {subject} to {client}  {}{ended}", allowed.join(", ")))
}

fn subject_line(subject: &SubjectItem) -> Result<(), Failure> {
    let SubjectItem { id, provider, status, username, groups, .. } = subject;
    let name = username.as_deref().unwrap_or("?");
    print::line(&format_args!("{id}  {name:?} at {provider}  {status}  groups {groups:?}"))
}
