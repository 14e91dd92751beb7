//! `chancery login` and `chancery logout`: a token for a tenant's admin API, from the browser and back.

use crate::exit::{Exit, Failure};
use crate::print;
use crate::remote::{Credentials, log_in, log_out};

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
    Credentials::hold().await?.keep(login)?;
    print::line(&format_args!("You are logged in at tenant {}. Your groups give you: {scope}", args.tenant))?;
    Ok(Exit::Done)
}

/// Where the server cannot be told, the tokens are forgotten here all the same, and the failure says that they live on there.
pub async fn leave(args: Logout) -> Result<Exit, Failure> {
    let mut held = Credentials::hold().await?;
    let login = held.credentials().login(&args.server, args.tenant.as_deref())?.clone();
    let told = log_out(&login).await;
    held.forget(&login.issuer)?;
    told.map_err(|failure| {
        let why = format!("{}: {}", failure.what, failure.why);
        Failure::new(failure.exit, "you are logged out here, but the server was not told")
            .because(why)
            .remedy("have an administrator revoke the client `chancery-cli` for you, or wait until the login has ended")
    })?;
    print::line(&format_args!("You are logged out of {}", login.issuer))?;
    Ok(Exit::Done)
}
