//! `chancery suspend` and `chancery reinstate`: whether a person may sign in and be acted for.

use super::revoke::say;
use super::server::WayArgs;
use crate::admin::message::{Answer, Stand, Task};
use crate::exit::{Exit, Failure};
use crate::print;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    way: WayArgs,
    /// Id, username or email address
    person: String,
    /// Why; the audit log keeps it
    #[arg(long, default_value = "an administrator wanted it")]
    reason: String,
    /// Whose; the configuration's tenant unless told. With --socket or --server, no configuration is read then
    #[arg(long)]
    tenant: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, suspended: bool) -> Result<Exit, Failure> {
    let way = args.way.find(args.tenant.as_deref())?;
    let asked = Stand { tenant: way.tenant.clone(), subject: args.person, suspended, reason: args.reason };
    let answer = args.way.answer(way, Task::Stand(asked)).await?;
    if args.json {
        return print::json(&answer);
    }
    if let Answer::Revoked(revoked) = answer {
        say(&revoked, if suspended { "is suspended" } else { "is reinstated" })?;
    }
    Ok(Exit::Done)
}
