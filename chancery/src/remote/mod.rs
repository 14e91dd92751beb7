//! Administering over HTTP: the commands' side of the admin API, with a token that `chancery login` got in a browser.
//!
//! 1. [`discovery`] finds the tenant's issuer and its admin API, and believes nothing that does not name itself.
//! 2. [`login`] is a native app as RFC 8252 has it: the system's browser, a loopback redirect on any port, PKCE.
//! 3. [`credentials`] keeps the tokens, for this user alone; [`held`] changes them, one command at a time. They are renewed when they are
//!    about to end.
//! 4. [`api`] asks, and says what is in the way in words that tell what to do.

mod api;
mod credentials;
mod discovery;
mod following;
mod held;
mod login;
mod tokens;

pub use api::Remote;
pub use credentials::Credentials;
pub use held::Held;
pub use login::{Login, log_in};
pub use tokens::log_out;

use chancery_outbound::{Dialer, FetchError, Fetcher, Reach, Settings};

use crate::exit::{Exit, Failure};

/// The way out of a command: to addresses that its operator wrote.
///
/// # Errors
/// [`Exit::File`], where the machine's certificate authorities or its proxy cannot be used.
fn fetcher() -> Result<Fetcher, Failure> {
    let dialer = Dialer::new(&Settings::of(Reach::Anywhere))
        .map_err(|error| Failure::new(Exit::File, "no connection can be made").because(error))?;
    Ok(Fetcher::new(&dialer))
}

fn unreachable(error: &FetchError) -> Failure {
    Failure::new(Exit::Server, "the server cannot be asked").because(error).remedy("check the address after --server, and your way to it")
}
