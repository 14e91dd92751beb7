//! `chancery revoke`: end a person's, an agent's or a client's access, or one thing of it, at once and everywhere.

use super::server::ConfigArgs;
use crate::admin::message::{Answer, Revocable, Revoke, Task};
use crate::exit::{Exit, Failure};
use crate::print;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// What it is
    #[arg(value_enum)]
    kind: Revocable,
    /// Its id, as tokens and the audit log name it
    id: String,
    /// Why; the audit log keeps it
    #[arg(long, default_value = "revoked by an administrator")]
    reason: String,
    /// Whose it is; the configuration's tenant unless told. With --socket, no configuration is read then
    #[arg(long)]
    tenant: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let (socket, tenant) = args.config.place(args.tenant.as_deref())?;
    let asked = Revoke { tenant, kind: args.kind, id: args.id, reason: args.reason };
    let answer = args.config.answer(&socket, Task::Revoke(asked)).await?;
    if args.json {
        return print::json(&answer);
    }
    if let Answer::Revoked { tenant, kind, id, note } = answer {
        print::line(&format_args!("tenant {tenant}: {} {id} is revoked", kind.as_str()))?;
        if !note.is_empty() {
            print::line(&format_args!("  {note}"))?;
        }
    }
    Ok(Exit::Done)
}
