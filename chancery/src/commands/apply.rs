//! `chancery apply`: make a configuration the one in force.

pub use super::server::TaskArgs as Args;
use crate::admin::message::{Answer, Applied, Task};
use crate::exit::{Exit, Failure};
use crate::print;

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let answer = args.answer(Task::Apply).await?;
    if args.json {
        return print::json(&answer);
    }
    if let Answer::Applied(Applied { tenant, version, changes, clients }) = answer {
        match changes.len() {
            0 => print::line(&format_args!("tenant {tenant} is at version {version}: nothing to change")),
            many => print::line(&format_args!("tenant {tenant} is now at version {version}: {many} changed")),
        }?;
        print::lines(&changes)?;
        for (name, id) in clients {
            print::line(&format_args!("  client {name}: client_id {id}"))?;
        }
    }
    Ok(Exit::Done)
}
