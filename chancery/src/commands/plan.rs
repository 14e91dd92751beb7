//! `chancery plan`: what applying a configuration would change.

pub use super::server::TaskArgs as Args;
use crate::admin::message::{Answer, Task};
use crate::exit::{Exit, Failure};
use crate::print;

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let answer = args.answer(Task::Plan).await?;
    if args.json {
        return print::json(&answer);
    }
    if let Answer::Planned(planned) = answer {
        print::line(&planned.text.trim_end())?;
    }
    Ok(Exit::Done)
}
