//! `chancery revoke`: end a person's, an agent's or a client's access, or one thing of it, at once and everywhere.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::server::WayArgs;
use crate::admin::message::{Answer, Revocable, Revoke, Revoked, Task};
use crate::exit::{Exit, Failure};
use crate::print;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    way: WayArgs,
    /// What it is
    #[arg(value_parser = kinds())]
    kind: Revocable,
    /// Its id, as tokens and the audit log name it; or, of a person, an agent or a client, a name that only one has
    id: String,
    /// Why; the audit log keeps it
    #[arg(long, default_value = "revoked by an administrator")]
    reason: String,
    /// Whose it is; the configuration's tenant unless told. With --socket or --server, no configuration is read then
    #[arg(long)]
    tenant: Option<String>,
    /// Say what would end, and end nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn kinds() -> impl TypedValueParser<Value = Revocable> {
    let values = Revocable::ALL.iter().map(|kind| PossibleValue::new(kind.as_str()).help(kind.words().trim()));
    PossibleValuesParser::new(values).map(|word| {
        let known = Revocable::ALL.iter().copied().find(|kind| kind.as_str() == word);
        known.unwrap_or(Revocable::Subject) // clap lets nothing else through
    })
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let way = args.way.find(args.tenant.as_deref())?;
    let asked = Revoke { tenant: way.tenant.clone(), kind: args.kind, id: args.id, reason: args.reason, dry_run: args.dry_run };
    let answer = args.way.answer(way, Task::Revoke(asked)).await?;
    if args.json {
        return print::json(&answer);
    }
    if let Answer::Revoked(revoked) = answer {
        say(&revoked, if revoked.dry_run { "would be revoked" } else { "is revoked" })?;
    }
    Ok(Exit::Done)
}

/// What happened to whom, what ended with it, and what to know.
pub fn say(revoked: &Revoked, happened: &str) -> Result<(), Failure> {
    let Revoked { tenant, kind, id, ended, note, dry_run } = revoked;
    print::line(&format_args!("tenant {tenant}: {} {id} {happened}", kind.as_str()))?;
    for (what, count) in ended {
        let what = if *count == 1 { what.trim_end_matches('s') } else { what };
        print::line(&format_args!("  {count} {what} {}", if *dry_run { "would end" } else { "ended" }))?;
    }
    if note.is_empty() { Ok(()) } else { print::line(&format_args!("  {note}")) }
}
