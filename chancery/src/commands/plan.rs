//! `chancery plan`: what applying a configuration would change.

use super::server::ConfigArgs;
use crate::admin::message::{Answer, Task};
use crate::exit::{Exit, Failure};
use crate::print;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let read = args.config.read()?;
    let answer = args.config.answer(args.config.socket(&read), Task::Plan(read.files.clone())).await?;
    if args.json {
        return print::json(&answer);
    }
    if let Answer::Planned { text, .. } = answer {
        print::line(&text.trim_end())?;
    }
    Ok(Exit::Done)
}
