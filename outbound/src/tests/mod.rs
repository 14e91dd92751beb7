//! The guard and the limits, against servers on loopback that misbehave.

mod documents;
mod fetching;
mod guard;
mod server;

use std::time::Duration;

use crate::{Dialer, Fetcher, Reach, Settings};

fn dialer(reach: Reach) -> Dialer {
    Dialer::new(&Settings { reach, extra_ca_files: Vec::new() }).unwrap()
}

fn fetcher() -> Fetcher {
    Fetcher::new(&dialer(Reach::LoopbackOnly))
}

const SECOND: Duration = Duration::from_secs(1);
