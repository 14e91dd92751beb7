//! `chancery import`: what an MCP server has, as a resource for the configuration, with scopes to begin from.
//!
//! 1. The resource without its tools is drafted and read back: what is wrong with the command line is said before anybody is asked.
//! 2. The server is asked.
//! 3. Where it wants a token, what it says of who issues one is told, and that is the end.
//! 4. The whole is drafted, read back, and written where there is nothing yet, or printed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery_core::{Secret, Slug};
use chancery_crypto::tls::Special;
use chancery_outbound::{Dialer, Reach, Settings, Upstreams};
use chancery_registry::config::{Problem, SecretRef, ServerConfig};
use http::StatusCode;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::exit::{Exit, Failure};
use crate::import::draft::{Draft, Upstream};
use crate::import::http::Http;
use crate::import::metadata::Inquiry;
use crate::import::stdio::Stdio;
use crate::import::talk::{self, Line};
use crate::import::trouble::Trouble;
use crate::import::{Offer, named};
use crate::init::file;
use crate::{files, logs, print};

/// For a connection, as the gateway has it.
const CONNECT: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct Args {
    /// The MCP server's address, as the gateway will reach it
    #[arg(value_name = "URL", conflicts_with = "stdio")]
    url: Option<String>,
    /// Run a program instead, which speaks MCP on its standard input and output
    #[arg(long, requires = "command", conflicts_with_all = ["header", "ca"])]
    stdio: bool,
    /// The program, by its whole path, and its arguments
    #[arg(last = true, value_name = "COMMAND", requires = "stdio")]
    command: Vec<String>,
    /// What the resource is called: a part of its address and of its scopes [default: a word of the server's host, or the name of the program or script]
    #[arg(long)]
    name: Option<Slug>,
    /// A header that the server wants, whose value lies elsewhere: env:VARIABLE or file:PATH
    #[arg(long, value_name = "NAME=REFERENCE", value_parser = pair::<SecretRef>)]
    header: Option<(String, SecretRef)>,
    /// A PEM file with the only authorities that may vouch for the server
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Go out as the server of this configuration does: by its proxy, with its authorities
    #[arg(long, value_name = "PATH", conflicts_with = "stdio")]
    config: Option<PathBuf>,
    /// A secret of the program's environment: env:VARIABLE or file:PATH
    #[arg(long, value_name = "NAME=REFERENCE", value_parser = pair::<SecretRef>, requires = "stdio")]
    env: Vec<(String, SecretRef)>,
    /// What of the program's environment is no secret
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair::<String>, requires = "stdio")]
    setting: Vec<(String, String)>,
    /// The file to write, where there is none yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How long it may take in all
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    logs::start(logs::Format::Text, Some("warn,chancery_outbound=info"));
    if let Some(path) = args.out.as_ref().filter(|path| std::fs::symlink_metadata(path).is_ok()) {
        return Err(there_already(path));
    }
    let draft = drafted(&args)?;
    let nothing = Offer::default();
    draft.check(&nothing, &draft.text(&nothing)).map_err(|problems| unusable(&problems))?;
    let (mut line, inquiry) = line(&draft, &args)?;

    let whom = draft.whom();
    let (time, begun) = (Duration::from_secs(args.timeout), Instant::now());
    let offer = match talk::read(&mut line, time, |what| tell(&format!("{whom}: {what}"))).await {
        Ok(offer) => offer,
        Err(trouble) => return Err(unread(trouble, whom, inquiry, begun + time).await),
    };

    let text = draft.text(&offer);
    draft.check(&offer, &text).map_err(|problems| {
        Failure::new(Exit::Failed, "the draft does not say what was meant, so it is not given out").because(listed(&problems))
    })?;
    if let Some(path) = &args.out {
        file::write_new(path, &text).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => there_already(path),
            _ => Failure::new(Exit::File, format!("{} cannot be written", path.display()))
                .because(error)
                .remedy("choose a folder that is yours"),
        })?;
    }
    told(&args, &draft, &offer, &text)
}

fn told(args: &Args, draft: &Draft, offer: &Offer, text: &str) -> Result<Exit, Failure> {
    if args.json {
        let tools = offer.tools.iter().map(|(name, tool)| {
            json!({ "name": name, "scope": draft.scope(tool, name), "says": tool.says.word(), "description": tool.description })
        });
        let whole = json!({
            "name": draft.name, "server": offer.title, "protocol_version": offer.version, "tools": tools.collect::<Vec<_>>(),
            "left_out": offer.unnamed, "resources": offer.resources, "prompts": offer.prompts, "file": args.out, "yaml": text,
        });
        return print::line(&crate::import::ascii(&whole.to_string())).map(|()| Exit::Done);
    }
    match &args.out {
        None => print::line(&text.trim_end())?,
        Some(path) => print::line(&format_args!("wrote {} tools to {}", offer.tools.len(), path.display()))?,
    }
    tell("check each line that says CHECK; then `chancery plan`");
    Ok(Exit::Done)
}

/// Why it could not be read; where it wants a token, with what its metadata says of who issues one.
async fn unread(trouble: Trouble, whom: &str, inquiry: Option<Inquiry>, until: Instant) -> Failure {
    let (Trouble::Closed(StatusCode::UNAUTHORIZED, _, named), Some(inquiry)) = (&trouble, inquiry) else { return trouble.failure(whom) };
    let words = timeout_at(until, inquiry.words(whom, named.as_deref())).await;
    let words = words.unwrap_or_else(|_| Some("its metadata did not come in time".to_owned()));
    let mut failure = trouble.failure(whom);
    failure.why.extend(words.map(|words| format!("\n{words}")));
    failure
}

/// What the command line says of the resource. Paths are made whole: the file may come to lie elsewhere.
fn drafted(args: &Args) -> Result<Draft, Failure> {
    let header = args.header.clone().map(|(name, value)| Ok::<_, Failure>((name, whole(&value)?))).transpose()?;
    let authority = args.ca.as_ref().map(|path| whole(&SecretRef::File(path.display().to_string()))).transpose()?;
    let env = args.env.iter().map(|(name, value)| Ok((name.clone(), whole(value)?))).collect::<Result<BTreeMap<_, _>, Failure>>()?;
    let upstream = match &args.url {
        Some(url) => Upstream::Address { url: url.clone(), header, authority },
        None if !args.stdio => return Err(nothing_named()),
        None => Upstream::Program { command: args.command.clone(), settings: args.setting.iter().cloned().collect(), env },
    };
    let name = args.name.as_ref().map_or_else(|| named(&upstream), ToString::to_string);
    Ok(Draft { name, upstream })
}

/// The way there, with what is secret; to an address, the way to its metadata, too.
fn line(draft: &Draft, args: &Args) -> Result<(Line, Option<Inquiry>), Failure> {
    match &draft.upstream {
        Upstream::Address { url, header, .. } => {
            let header = header.as_ref().map(|(name, reference)| Ok((name.as_str(), secret(reference)?))).transpose()?;
            let shows = header.as_ref().map(|(name, secret)| (*name, secret));
            let (out, inquiry) = way_out(args)?;
            let http = Http::at(out, url, shows);
            let http = http.map_err(|why| Failure::new(Exit::Usage, format!("{url} cannot be asked")).because(why))?;
            Ok((Line::Http(Box::new(http)), Some(inquiry)))
        }
        Upstream::Program { command, settings, env } => {
            let env = env.iter().map(|(name, reference)| Ok((name.clone(), secret(reference)?)));
            let stdio = Stdio::of(command, settings.clone(), env.collect::<Result<_, Failure>>()?);
            Ok((Line::Stdio(Box::new(stdio)), None))
        }
    }
}

/// The guarded client; the address is an operator's.
fn way_out(args: &Args) -> Result<(Upstreams, Inquiry), Failure> {
    let failed = |why: String| Failure::new(Exit::File, "no connection can be made").because(why);
    let config = args.config.as_deref().map(files::read).transpose()?.map(|read| read.config);
    let settings = config.as_ref().map_or_else(|| Settings::of(Reach::Anywhere), |config| settings(&config.server));
    let dialer = Dialer::new(&settings).map_err(|error| failed(error.to_string()))?;
    let to_it = match &args.ca {
        None => dialer.clone(),
        Some(path) => {
            let pem = std::fs::read_to_string(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
            let special = dialer.special(&Special { authority: Some(&pem), identity: None }, CONNECT);
            special.map_err(|why| failed(format!("{}: {why}", path.display())).remedy("give certificates in PEM form"))?
        }
    };
    Ok((Upstreams::new(&to_it), Inquiry::of(&to_it, &dialer, config.as_ref())))
}

fn settings(server: &ServerConfig) -> Settings {
    Settings { reach: Reach::Anywhere, extra_ca_files: server.trust.clone(), proxy: server.proxy.clone() }
}

fn secret(reference: &SecretRef) -> Result<Secret<String>, Failure> {
    let found = reference.read(Path::new(""));
    found.map_err(|why| Failure::new(Exit::File, format!("`{reference}` {why}")).remedy("put the secret there"))
}

fn whole(reference: &SecretRef) -> Result<SecretRef, Failure> {
    let SecretRef::File(path) = reference else { return Ok(reference.clone()) };
    let path = std::path::absolute(path).map_err(|error| Failure::new(Exit::File, format!("{path} is no file")).because(error))?;
    Ok(SecretRef::File(path.display().to_string()))
}

fn nothing_named() -> Failure {
    Failure::new(Exit::Usage, "no MCP server is named")
        .because("it is an address, or a program")
        .remedy("write `chancery import http://127.0.0.1:9001/mcp`, or `chancery import --stdio -- /usr/bin/my-mcp-server`")
}

fn there_already(path: &Path) -> Failure {
    Failure::new(Exit::File, format!("{} is there already", path.display()))
        .because("nothing is written over")
        .remedy("name another with --out")
}

fn unusable(problems: &[Problem]) -> Failure {
    Failure::new(Exit::Usage, "no resource can be made of this").because(listed(problems))
}

fn listed(problems: &[Problem]) -> String {
    let line = |problem: &Problem| format!("{}: {} — {}", problem.key, problem.what, problem.remedy);
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is done, for whoever watches; standard output has the result alone.
fn tell(what: &str) {
    // Nothing is left to be done where standard error is closed.
    let _ = writeln!(std::io::stderr(), "{what}");
}

fn pair<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or("write it like X-Api-Key=env:BANK_KEY")?;
    Ok((name.to_owned(), value.parse().map_err(|error: T::Err| error.to_string())?))
}
