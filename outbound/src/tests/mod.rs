//! The guard and the limits, against servers on loopback that misbehave.

mod documents;
mod fetching;
mod guard;
mod proxy;
mod rebinding;
mod server;
mod shares;

use std::time::Duration;

use crate::{Dialer, Fetcher, Reach, Settings};

fn dialer(reach: Reach) -> Dialer {
    Dialer::new(&Settings { extra_ca_files: vec![server::AUTHORITY.into()], ..Settings::of(reach) }).unwrap()
}

fn fetcher() -> Fetcher {
    Fetcher::new(&dialer(Reach::LoopbackOnly))
}

const SECOND: Duration = Duration::from_secs(1);
