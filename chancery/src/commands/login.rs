//! `chancery login` and `chancery logout`: a token for a tenant's admin API, from the browser and back.

use crate::exit::{Exit, Failure};
use crate::print;
use crate::remote::{self, Credentials, log_in, log_out};

#[derive(clap::Args)]
pub struct Login {
    /// The server's public address, as `base_url` of its file has it
    #[arg(long, value_name = "URL", env = "CHANCERY_SERVER")]
    server: String,
    /// Which tenant to administer
    #[arg(long)]
    tenant: String,
    /// Ask for these scopes alone, such as "admin:read"; all that your groups give you unless told
    #[arg(long)]
    scope: Option<String>,
    /// Only print the address, and open no browser
    #[arg(long)]
    no_browser: bool,
}

#[derive(clap::Args)]
pub struct Logout {
    /// The server's public address
    #[arg(long, value_name = "URL", env = "CHANCERY_SERVER")]
    server: String,
    /// Which tenant; the only one you are logged in at unless told
    #[arg(long)]
    tenant: Option<String>,
}

pub async fn run(args: Login) -> Result<Exit, Failure> {
    drop(Credentials::hold().await?); // what cannot be kept is not asked for; others may have them while a person signs in
    let login = log_in(&args.server, &args.tenant, args.scope.as_deref(), !args.no_browser).await?;
    let scope = login.scope.clone();
    if let Err(failure) = keep(login.clone()).await {
        return Err(given_back(&login, failure).await);
    }
    print::line(&format_args!("You are logged in at tenant {}. Your groups give you: {scope}", args.tenant))?;
    Ok(Exit::Done)
}

async fn keep(login: remote::Login) -> Result<(), Failure> {
    Credentials::hold().await?.keep(login)
}

/// Tokens that nobody has would be good for as long as the login.
async fn given_back(login: &remote::Login, failure: Failure) -> Failure {
    let Err(untold) = log_out(login).await else { return failure };
    let why =
        format!("{}\nand the server, which gave a login that is lost here, was not told: {}: {}", failure.why, untold.what, untold.why);
    let remedy = format!("{}\n{REVOKE}", failure.remedy);
    failure.because(why).remedy(remedy)
}

const REVOKE: &str = "have an administrator revoke the client `chancery-cli` for you, or wait until the login has ended";

/// Where the server cannot be told, the tokens are forgotten here all the same, and the failure says that they live on there.
pub async fn leave(args: Logout) -> Result<Exit, Failure> {
    let mut held = Credentials::hold().await?;
    let login = held.credentials().login(&args.server, args.tenant.as_deref())?.clone();
    let told = log_out(&login).await;
    held.forget(&login.issuer)?;
    told.map_err(|failure| {
        let why = format!("{}: {}", failure.what, failure.why);
        Failure::new(failure.exit, "you are logged out here, but the server was not told").because(why).remedy(REVOKE)
    })?;
    print::line(&format_args!("You are logged out of {}", login.issuer))?;
    Ok(Exit::Done)
}
