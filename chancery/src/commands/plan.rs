//! `chancery plan`: what applying a configuration would change.

use super::server::{ConfigArgs, Doer};
use crate::admin::message::{Answer, Question};
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
    let question = Question::Plan(read.files.clone());
    let answer = match args.config.ask(&read, &question).await? {
        Doer::Server(mut call) => call.only().await?,
        Doer::Here(ground) => ground.closing(ground.administration().plan(&read.files)).await?,
    };
    if args.json {
        return print::json(&answer);
    }
    if let Answer::Planned { text, .. } = answer {
        print::line(&text.trim_end())?;
    }
    Ok(Exit::Done)
}
