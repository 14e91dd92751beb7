//! `chancery init`: from an identity provider's URL to a configuration that people can sign in by.
//!
//! 1. Its metadata says which it is; 2. what to register there is printed; 3. the file is written; 4. a sign-in is tried.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_core::Rng;
use chancery_crypto::random::SystemRng;
use chancery_federation::profiles::Profile;
use chancery_outbound::{Dialer, Reach, Settings, Upstreams};
use serde_json::{Value, json};

use super::server::DEFAULT_FILE;
use crate::doctor::Visitor;
use crate::exit::{Exit, Failure};
use crate::init::answers::{answer, ask_hidden, somebody_is_there};
use crate::init::file::{self, Draft};
use crate::init::sign_in::{Came, Check};
use crate::stop::Stop;
use crate::{files, logs, print};

#[derive(clap::Args)]
pub struct Args {
    /// The identity provider's issuer, such as https://idp.example/realms/corp
    #[arg(value_name = "ISSUER")]
    issuer: Option<String>,
    /// The file to write
    #[arg(long, value_name = "PATH", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// What this server calls the provider; a part of the redirect URI
    #[arg(long, default_value = "corp")]
    name: String,
    /// The tenant's name; a part of the issuer
    #[arg(long)]
    tenant: Option<String>,
    /// Where people and apps reach this server
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The address to listen on [default: that of the base URL, where it is on this computer, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The client id that the provider knows this server by
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Where its secret lies, env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE")]
    client_secret: Option<String>,
    /// An MCP server to put behind the gateway; may be given several times
    #[arg(long = "server", value_name = "NAME=URL", value_parser = server)]
    servers: Vec<(String, String)>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// Try no sign-in
    #[arg(long)]
    no_sign_in: bool,
    /// Print one JSON object for each step
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    logs::start(logs::Format::Text, Some("warn"));
    file::stands_already(&args.config, args.force)?;
    let dialer = Dialer::new(&Settings::of(Reach::Anywhere));
    let dialer = dialer.map_err(|error| Failure::new(Exit::Failed, "no connection can be made").because(error))?;
    let asked = answer(args.issuer.as_deref(), "The identity provider's URL (its issuer)", "ISSUER", None)?;
    let (issuer, metadata) = crate::init::metadata(&Visitor(Upstreams::new(&dialer)), &asked).await?;
    let profile = Profile::recognise(&issuer, Some(&metadata));
    let mut draft = draft(&args, profile, issuer, crate::init::scopes(profile, &metadata))?;
    to_register(&args, (profile, &metadata), &draft)?;
    client(&args, &mut draft)?;

    let text = draft.text();
    let secret = |_: &_, _| Ok(chancery_core::Secret::new("not-looked-up-yet".to_owned()));
    chancery_registry::Config::read(&[(args.config.display().to_string(), text.clone())], &secret)
        .map_err(|problems| files::broken(&problems))?;
    file::write(&args.config, &text, args.force)?;
    told(&args, &format!("wrote {}", args.config.display()), &json!({ "step": "written", "file": args.config }))?;
    if !args.no_sign_in {
        tried(&args, &dialer).await?;
    }
    next(&args, &draft)
}

fn draft(args: &Args, profile: &'static Profile, issuer: String, scopes: String) -> Result<Draft, Failure> {
    let tenant =
        answer(args.tenant.as_deref(), "A short name for your organisation (part of the issuer's address)", "--tenant", Some("main"))?;
    let base =
        answer(args.base_url.as_deref(), "Where will people and apps reach this server", "--base-url", Some("http://127.0.0.1:8080"))?;
    let base_url = base.trim_end_matches('/').to_owned();
    let local = base_url.strip_prefix("http://").map(|host| host.replace("localhost", "127.0.0.1")).and_then(|host| host.parse().ok());
    let listen = args.listen.or(local).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    Ok(Draft {
        tenant,
        base_url,
        listen: listen.to_string(),
        provider: args.name.clone(),
        title: &profile.title,
        issuer,
        client_id: String::new(),
        client_secret: String::new(),
        usual_scopes: scopes == profile.scopes.to_string(),
        scopes,
        groups: profile.groups.join(" or "),
        servers: args.servers.clone(),
    })
}

/// What to do at the provider, before its client id can be asked for.
fn to_register(args: &Args, (profile, metadata): (&'static Profile, &Value), draft: &Draft) -> Result<(), Failure> {
    let redirect_uri = draft.redirect_uri();
    let told_at = profile.tells_of_logouts(metadata).then(|| draft.back_channel_logout());
    let signed_out = profile.signs_people_out(metadata).then(|| draft.signed_out());
    if args.json {
        let step = json!({
            "step": "register", "provider": profile.title, "profile": profile.name, "issuer": draft.issuer, "redirect_uri": redirect_uri,
            "backchannel_logout_uri": told_at, "post_logout_redirect_uri": signed_out, "scopes": draft.scopes,
            "groups_claims": profile.groups, "todo": profile.register,
        });
        return print::json(&step).map(drop);
    }
    print::line(&format_args!("This is {} ({}). Register this server there:\n", profile.title, draft.issuer))?;
    profile.register.iter().try_for_each(|step| print::line(&format_args!("  - {step}")))?;
    print::line(&format_args!("\n  redirect URI   {redirect_uri}"))?;
    for (what, address) in [("after sign-out ", &signed_out), ("back-channel   ", &told_at)] {
        if let Some(address) = address {
            let why = if what.starts_with("after") { "post-logout redirect URI" } else { "where it says that it ended a session" };
            print::line(&format_args!("  {what}{address}  ({why})"))?;
        }
    }
    print::line(&format_args!("  scopes         {}\n  groups claim   {}\n", draft.scopes, draft.groups))
}

/// Who we are there. A secret that is pasted goes into a file of its own.
fn client(args: &Args, draft: &mut Draft) -> Result<(), Failure> {
    draft.client_id = answer(args.client_id.as_deref(), "The client id that it gave", "--client-id", None)?;
    let usual = format!("env:{}_CLIENT_SECRET", args.name.to_uppercase().replace('-', "_"));
    draft.client_secret = match &args.client_secret {
        Some(reference) => reference.clone(),
        None if !somebody_is_there() => usual,
        None => {
            let path = format!("chancery-data/{}.secret", args.name);
            let pasted =
                ask_hidden(&format!("The client secret, not shown (kept in {path}, for you alone; leave it empty to set {usual} later)"))?;
            if pasted.is_empty() {
                usual
            } else {
                file::stands_already(&args.config, args.force)?; // of an `init` meanwhile, whose secret this would be written over
                file::keep_secret(&args.config.parent().unwrap_or(Path::new("")).join(&path), &pasted)?;
                format!("file:{path}")
            }
        }
    };
    Ok(())
}

async fn tried(args: &Args, dialer: &Dialer) -> Result<(), Failure> {
    let read = files::read(&args.config).map_err(|failure| {
        failure.remedy("put the client's secret there, then try it with `chancery doctor` and `chancery serve`; or give --no-sign-in")
    })?;
    let stop = Stop::new().on_signals()?;
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let check = Check { read: &read, dialer, rng: &*rng, stop: &stop };
    let tell = |what: &str| match what.strip_prefix("http") {
        Some(_) => told(args, &format!("To see that signing in works, open\n\n  {what}\n"), &json!({ "step": "sign_in", "open": what })),
        None => told(args, what, &json!({ "step": "refused", "why": what })),
    };
    let Came { person, subject, can_be_asked } = check.run(tell).await?;
    let who = person.label().unwrap_or(&subject).to_owned();
    let groups = if person.groups.is_empty() { "no groups came along".to_owned() } else { format!("groups: {}", person.groups.join(", ")) };
    let step = json!({ "step": "signed_in", "person": who, "groups": person.groups, "refresh_token": can_be_asked });
    told(args, &format!("{who} signed in ({groups})"), &step)?;
    if can_be_asked || args.json {
        return Ok(());
    }
    print::line(
        &"the provider gave no refresh token, so it cannot be asked again about people whose agents go on without them: they must sign in \
          every 12 hours (`lifetimes.unvouched`), unless it gives one (docs/identity-providers.md)",
    )
    .map(drop)
}

fn next(args: &Args, draft: &Draft) -> Result<Exit, Failure> {
    let servers: Vec<_> = draft.servers.iter().map(|(name, _)| format!("{}/mcp/{name}", draft.base_url)).collect();
    let serve = format!("chancery serve --config {}", args.config.display());
    if args.json {
        return print::json(&json!({ "step": "next", "run": serve, "servers": servers }));
    }
    print::line(&format_args!("\nNext:  {serve}"))?;
    match servers.as_slice() {
        [] => print::line(&"       then add your MCP servers under `resources`, and give clients {base_url}/mcp/{name}"),
        servers => print::line(&format_args!("       then give an MCP client {}", servers.join(" or "))),
    }
    .map(|()| Exit::Done)
}

fn told(args: &Args, words: &str, step: &serde_json::Value) -> Result<(), Failure> {
    if args.json { print::json(step).map(drop) } else { print::line(&words) }
}

fn server(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write it like notes=http://127.0.0.1:9001/mcp")?;
    Ok((name.to_owned(), url.to_owned()))
}
