use chancery_core::Timestamp;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time;

use super::server::{ByHand, Server, ok};
use super::*;
use crate::{Documents, FetchTrouble, Purpose};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
const WHAT: Purpose = Purpose::ProviderJwks;
/// Seconds after which no failure is believed, however long it took to be learned.
const FORGOTTEN: u32 = 60;
const DOWN: &str = "HTTP/1.1 503 Down\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

fn documents() -> Documents {
    Documents::new(fetcher())
}

#[tokio::test]
async fn ci_11_many_who_wait_cause_one_fetch() {
    let (server, documents) = (Server::answering(ok("", "{}")).await, documents());
    let all = join_all((0..50).map(|_| documents.get(WHAT, &server.base, NOW))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn ci_11_a_copy_holds_as_long_as_its_provider_says_within_bounds() {
    for (header, holds) in [
        ("", 600),
        ("cache-control: max-age=300\r\n", 300),
        ("cache-control: no-store\r\n", 60),
        ("cache-control: max-age=999999\r\n", 86_400),
    ] {
        let (server, documents) = (Server::answering(ok(header, "{}")).await, documents());
        for (later, asked) in [(0, 1), (holds - 1, 1), (holds, 2)] {
            documents.get(WHAT, &server.base, NOW + later * SECOND).await.unwrap();
            assert_eq!(server.asked(), asked, "{header:?} after {later} s");
        }
    }
}

#[tokio::test]
async fn ci_11_addresses_that_are_not_admitted_push_no_copy_out() {
    let (server, documents) = (Server::answering(ok("", "{}")).await, Documents::holding(4, fetcher()));
    let (base, held) = (&server.base, &documents);
    let invent = async |flood: &str| {
        for number in 0..1_000 {
            let refused = held.get_if(WHAT, &format!("{base}/{flood}/{number}"), NOW, || Err::<(), _>(FetchTrouble::Crowded(0))).await;
            assert_eq!(refused.err().unwrap().trouble, FetchTrouble::Crowded(0));
        }
    };
    invent("before").await;
    documents.get(WHAT, base, NOW).await.unwrap();
    invent("after").await;
    documents.get(WHAT, base, NOW).await.unwrap();
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn ci_11_where_too_much_is_under_way_a_copy_that_was_good_serves_an_hour_longer() {
    const FEW: Purpose = Purpose::Telemetry;
    let (server, slow, documents) = (Server::answering(ok("", "{}")).await, Server::stalling_after("").await, documents());
    documents.get(FEW, &server.base, NOW).await.unwrap();
    let addresses: Vec<_> = (0..FEW.limits().in_all).map(|number| format!("{}/{number}", slow.base)).collect();
    let mut held = Box::pin(join_all(addresses.iter().map(|address| documents.get(FEW, address, NOW))));
    while slow.asked() < addresses.len() {
        assert!((&mut held).now_or_never().is_none());
        tokio::task::yield_now().await;
    }

    documents.get(FEW, &server.base, NOW + 600 * SECOND).await.unwrap();
    documents.get(FEW, &server.base, NOW + 4_199 * SECOND).await.unwrap();
    let refused = documents.get(FEW, &server.base, NOW + 4_200 * SECOND).await.err().unwrap();
    assert!(matches!(refused.trouble, FetchTrouble::Crowded(_)), "{refused}");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn ci_11_a_failed_fetch_leaves_the_copy_that_was_good() {
    let crowded = || Err::<(), _>(FetchTrouble::Crowded(0));
    for (answer, is_left) in [(DOWN, true), ("HTTP/1.1 404 Gone\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", false)] {
        let (server, documents) = (Server::answering_once(ok("", "{}"), answer).await, documents());
        documents.get(WHAT, &server.base, NOW).await.unwrap();
        for later in [600, 604] {
            documents.get(WHAT, &server.base, NOW + later * SECOND).await.expect_err("it failed, and that is believed briefly");
            assert_eq!(server.asked(), 2);
        }
        for (later, holds) in [(600 + FORGOTTEN, is_left), (4_199, is_left), (4_200, false)] {
            let had = documents.get_if(WHAT, &server.base, NOW + later * SECOND, crowded).await;
            assert_eq!(had.is_ok(), holds, "{answer:?} after {later} s");
        }
    }
}

#[tokio::test]
async fn at_01_an_unknown_key_causes_at_most_one_fetch_in_30_seconds() {
    let (server, documents) = (Server::answering(ok("", "{}")).await, documents());
    documents.get(WHAT, &server.base, NOW).await.unwrap();
    for (later, asked) in [(1, 1), (29, 1), (30, 2), (31, 2), (59, 2), (60, 3)] {
        documents.get_fresh(WHAT, &server.base, NOW + later * SECOND).await.unwrap();
        assert_eq!(server.asked(), asked, "after {later} s");
    }
}

#[tokio::test]
async fn at_01_an_unknown_key_takes_no_good_copy_from_others_while_none_can_be_fetched() {
    let (server, documents) = (Server::answering_once(ok("", "{}"), DOWN).await, documents());
    documents.get(WHAT, &server.base, NOW).await.unwrap();
    for (later, asked) in [(30, 2), (34, 2), (30 + FORGOTTEN, 3), (599, 4)] {
        let now = NOW + later * SECOND;
        documents.get_fresh(WHAT, &server.base, now).await.expect_err("there is none that is newer");
        documents.get(WHAT, &server.base, now).await.unwrap();
        assert_eq!(server.asked(), asked, "after {later} s");
    }
    documents.get(WHAT, &server.base, NOW + 600 * SECOND).await.expect_err("it is good no longer than its provider said");
}

#[tokio::test]
async fn a_failure_is_believed_briefly() {
    let (server, documents) = (Server::answering(DOWN).await, documents());
    for (later, asked) in [(0, 1), (4, 1), (FORGOTTEN, 2)] {
        let error = documents.get(WHAT, &server.base, NOW + later * SECOND).await.err().unwrap();
        assert!(matches!(error.trouble, FetchTrouble::Status(status) if status == 503), "{error}");
        assert_eq!(server.asked(), asked, "after {later} s");
    }
}

#[tokio::test]
async fn a_failure_names_the_address_without_its_query() {
    let (server, documents) = (Server::answering("HTTP/1.1 404 Gone\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await, documents());
    let error = documents.get(WHAT, &format!("{}?key=hush", server.base), NOW).await.err().unwrap();
    assert_eq!(error.address, server.base);
}

#[tokio::test]
async fn purposes_do_not_share_a_copy() {
    let (server, documents) = (Server::answering(ok("", "{}")).await, documents());
    documents.get(WHAT, &server.base, NOW).await.unwrap();
    assert!(documents.get(Purpose::ClientDocument, &server.base, NOW).await.is_err());
}

#[tokio::test]
async fn ci_11_a_failure_that_took_its_time_is_believed_from_when_it_was_learned() {
    let (server, documents) = (ByHand::start().await, documents());
    let (outcome, held) = tokio::join!(documents.get(WHAT, &server.base, NOW), async {
        let held = server.asked().await;
        time::pause(); // it never answers, and the whole time for a fetch is over at once
        held
    });
    assert!(matches!(outcome.err().unwrap().trouble, FetchTrouble::TooSlow(_)));

    for later in [5, 9] {
        let again = documents.get(WHAT, &server.base, NOW + later * SECOND).now_or_never();
        again.expect("nobody is asked").expect_err("it failed a moment ago");
    }
    drop(held);
}

#[tokio::test]
async fn ci_03_a_copy_of_no_use_that_took_its_time_is_believed_to_be_so_from_when_it_came() {
    const PATIENT: Purpose = Purpose::Administration; // which leaves time after four seconds
    let (server, documents) = (ByHand::start().await, documents());
    let (outcome, ()) = tokio::join!(documents.get(PATIENT, &server.base, NOW), async {
        let asked = server.asked().await;
        time::pause();
        time::advance(4 * SECOND).await;
        time::resume();
        asked.says(&ok("", "{}")).await;
    });

    documents.spoil(PATIENT, &server.base, &outcome.unwrap());

    let again = documents.get(PATIENT, &server.base, NOW + 8 * SECOND).now_or_never();
    again.expect("nobody is asked").unwrap();
}

#[tokio::test]
async fn ci_03_who_finds_an_older_copy_of_no_use_leaves_the_newer_one() {
    let (server, documents) = (Server::answering(ok("", "{}")).await, documents());
    let old = documents.get(WHAT, &server.base, NOW).await.unwrap();
    let new = documents.get(WHAT, &server.base, NOW + 600 * SECOND).await.unwrap();

    documents.spoil(WHAT, &server.base, &old);
    documents.get(WHAT, &server.base, NOW + 1_199 * SECOND).await.unwrap();
    assert_eq!(server.asked(), 2);

    documents.spoil(WHAT, &server.base, &new);
    documents.get(WHAT, &server.base, NOW + 1_199 * SECOND).await.unwrap();
    assert_eq!(server.asked(), 3);
}

#[tokio::test]
async fn ci_11_a_copy_that_was_pushed_out_while_it_was_fetched_takes_no_newer_ones_place() {
    let (server, others, documents) = (ByHand::start().await, Server::answering(ok("", "{}")).await, Documents::holding(4, fetcher()));
    let at = async |later: u32| documents.get(WHAT, &server.base, NOW + later * SECOND).await.unwrap();
    tokio::join!(at(0), async { server.asked().await.says(&ok("", "first")).await });

    let mut late = Box::pin(at(600));
    let asked = tokio::select! {
        asked = server.asked() => asked,
        _ = &mut late => panic!("nobody answered"),
    };
    for number in 0..200 {
        let other = format!("{}/{number}", others.base);
        for _ in 0..2 {
            documents.get(WHAT, &other, NOW + 600 * SECOND).await.unwrap();
        }
    }
    tokio::join!(at(601), async { server.asked().await.says(&ok("", "newer")).await });
    tokio::join!(late, async { asked.says(&ok("", "older")).await });

    assert_eq!(at(602).now_or_never().expect("there is a copy").body, "newer");
}
