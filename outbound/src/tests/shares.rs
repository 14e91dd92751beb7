//! How many fetches there are at once, at one host and in all.

use futures_util::FutureExt;

use crate::shares::Shares;
use crate::{FetchTrouble, Purpose};

const WHAT: Purpose = Purpose::ClientDocument;

#[tokio::test]
async fn a_slow_host_keeps_nobody_waiting_but_those_who_ask_for_it() {
    let (shares, limits) = (Shares::default(), WHAT.limits());
    let take = |host: &'static str| shares.take(WHAT, &limits, host);

    let mut held = Vec::new();
    for _ in 0..limits.at_host {
        held.push(take("slow.example").await.ok().unwrap());
    }
    assert!(take("slow.example").now_or_never().is_none(), "the next one waits");
    assert!(take("other.example").now_or_never().is_some());
    held.pop();
    assert!(take("slow.example").now_or_never().is_some());
}

#[tokio::test]
async fn no_number_of_hosts_takes_every_socket() {
    let (shares, limits) = (Shares::default(), WHAT.limits());
    let mut held = Vec::new();
    for host in 0..limits.in_all {
        held.push(shares.take(WHAT, &limits, &host.to_string()).await.ok().unwrap());
    }
    let refused = shares.take(WHAT, &limits, "one more").await.err();
    assert_eq!(refused, Some(FetchTrouble::Crowded(limits.in_all)));
    let keys = Purpose::ProviderJwks;
    assert!(shares.take(keys, &keys.limits(), "idp.example").await.is_ok(), "what operators wrote has places of its own");
    held.pop();
    assert!(shares.take(WHAT, &limits, "one more").await.is_ok());
}
