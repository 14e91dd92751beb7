//! `chancery doctor`: looks at all that a configuration speaks of, or at one server as a client would find it.

use chancery_core::SystemClock;
use chancery_outbound::{Dialer, Reach, Settings, Upstreams};

use super::server::ConfigArgs;
use crate::doctor::{Doctor, Report, Visitor, file, ground};
use crate::exit::{Exit, Failure};

#[derive(clap::Args)]
pub struct Args {
    /// Look at this MCP server alone, as a client that knows nothing but its URL; no configuration is read
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object for each thing that was looked at
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let mut report = Report::new(args.json);
    if let Some(url) = &args.url {
        let doctor = doctor(&Settings::of(Reach::Anywhere))?;
        report.going(url);
        doctor.stranger(url).await.into_iter().for_each(|finding| report.tell(finding));
        return Ok(report.end());
    }
    let Some(known) = file::look(&args.config.config, &mut report) else { return Ok(report.end()) };
    let server = &known.config().server;
    let socket = args.config.socket.as_deref().unwrap_or(&server.socket);
    ground::look(&known, socket, &mut report).await;
    let way_out = Settings { reach: Reach::Anywhere, extra_ca_files: server.trust.clone(), proxy: server.proxy.clone() };
    doctor(&way_out)?.visit(known.config(), &mut report).await;
    Ok(report.end())
}

fn doctor(way_out: &Settings) -> Result<Doctor<'static>, Failure> {
    let dialer = Dialer::new(way_out).map_err(|error| {
        let remedy = "name PEM files with the certificates of your authorities in `server.trust`";
        Failure::new(Exit::File, "no connection can be made").because(error).remedy(remedy)
    })?;
    Ok(Doctor { visitor: Visitor(Upstreams::new(&dialer)), clock: &SystemClock })
}
