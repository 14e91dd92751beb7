//! `chancery audit tail`: the newest events of a tenant's log, and with `--follow` each new one as it comes.

use chancery_core::EventId;

use super::event_line;
use super::server::{To, WayArgs, nobody};
use crate::admin::call::Call;
use crate::admin::message::{Answer, Question, Tail};
use crate::exit::{Exit, Failure};
use crate::ground::Footing;
use crate::{files, print};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    way: WayArgs,
    /// Whose log; the configuration's tenant unless told. With --socket or --server, no configuration is read then
    #[arg(long)]
    tenant: Option<String>,
    /// How many of the newest events
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    lines: u32,
    /// Only what came after this event
    #[arg(long, value_name = "EVENT")]
    after: Option<EventId>,
    /// Stay, and print each new event
    #[arg(short, long)]
    follow: bool,
    /// Print one JSON object an event
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let way = args.way.find(args.tenant.as_deref())?;
    let tail = Tail { tenant: way.tenant, after: args.after, limit: args.lines, follow: args.follow };
    let socket = match way.to {
        To::Server(mut remote) => {
            return remote.tail(&tail, |event| args.show(&Answer::Event { event: event.clone() })).await.map(|()| Exit::Done);
        }
        To::Socket(socket) => socket,
    };
    match Call::ask(&socket, &Question::Tail(tail.clone())).await? {
        Some(mut call) => {
            while let Some(answer) = call.next().await? {
                args.show(&answer)?;
            }
        }
        None if args.follow || args.way.config.socket.is_some() => return Err(nobody(&socket)),
        None => {
            let server = files::read(&args.way.config.config)?.config.server;
            let ground = Footing::of_server(&server).open().await?;
            let entries = ground.closing(ground.administration().tail(&tail)).await?;
            entries.iter().try_for_each(|entry| args.show(&Answer::event(entry)))?;
        }
    }
    Ok(Exit::Done)
}

impl Args {
    fn show(&self, answer: &Answer) -> Result<(), Failure> {
        match answer {
            Answer::Event { event } if self.json => print::json(event).map(|_| ()),
            Answer::Event { event } => print::line(&event_line::line(event)),
            _ => Ok(()),
        }
    }
}
