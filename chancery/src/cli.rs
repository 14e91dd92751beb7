//! The command line: what there is to ask for, and how it ends.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::admin::message::Listed;
use crate::commands::{apply, audit, demo, doctor, import, init, list, login, plan, registration, revoke, schema, serve, stand};
use crate::exit::{EXIT_CODES, Exit, Failure};

/// Agent-grade OAuth in front of the identity provider you already run.
#[derive(Parser)]
#[command(name = "chancery", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Begin: recognise the identity provider, say what to register there, write the configuration, try a sign-in
    Init(init::Args),
    /// Read what an MCP server has, and draft a resource of it with scopes to begin from
    Import(import::Args),
    /// Run a server from a configuration file
    Serve(serve::Args),
    /// Show the whole journey on this machine, with nothing to set up, and stay up to be tried
    Demo(demo::Args),
    /// Say what applying a configuration would change
    Plan(plan::Args),
    /// Make a configuration the one in force
    Apply(apply::Args),
    /// End a person's, an agent's or a client's access, or one thing of it, at once and everywhere
    Revoke(revoke::Args),
    /// Look at all that a configuration speaks of, and say what is wrong and how to mend it
    Doctor(doctor::Args),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Decide by hand who may register a client
    #[command(subcommand)]
    Registration(registration::Command),
    /// Suspend a person: all that is theirs ends, and nothing begins until they are reinstated
    Suspend(stand::Args),
    /// Let a suspended person sign in again
    Reinstate(stand::Args),
    /// List the clients
    Clients(list::Args),
    /// List what people allowed
    Grants(list::Args),
    /// List the people who ever signed in
    Subjects(list::Args),
    /// Get a token for a server's admin API, in the browser
    Login(login::Login),
    /// Give it back
    Logout(login::Logout),
    /// Read the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Print the newest events, and with --follow each new one as it comes
    Tail(audit::Args),
}

/// Runs one command line to its end.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(help_or_error) => help_or_error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say(&Failure::new(Exit::Failed, "the process could not start its threads").because(error)),
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Init(args) => init::run(args).await,
            Command::Import(args) => import::run(args).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Plan(args) => plan::run(args).await,
            Command::Apply(args) => apply::run(args).await,
            Command::Revoke(args) => revoke::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Schema => schema::run(),
            Command::Registration(command) => registration::run(command).await,
            Command::Suspend(args) => stand::run(args, true).await,
            Command::Reinstate(args) => stand::run(args, false).await,
            Command::Clients(args) => list::run(args, Listed::Clients).await,
            Command::Grants(args) => list::run(args, Listed::Grants).await,
            Command::Subjects(args) => list::run(args, Listed::Subjects).await,
            Command::Login(args) => login::run(args).await,
            Command::Logout(args) => login::leave(args).await,
            Command::Audit(AuditCommand::Tail(args)) => audit::run(args).await,
        }
    });
    // Threads that still wait for a disk or a peer have nothing left to tell.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => say(&failure),
    }
}

fn say(failure: &Failure) -> ExitCode {
    // Nothing is left to be done where standard error is closed too.
    let _ = writeln!(std::io::stderr(), "chancery: {failure}");
    failure.exit.into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
