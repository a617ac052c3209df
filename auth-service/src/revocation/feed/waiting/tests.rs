use futures_util::FutureExt as _;
use shared_claims::revocation::{RevocationFact, RevocationKind};

use super::*;
use crate::storage::revocations::LogPage;
use crate::storage::revocations::SequencedFact;

const NOW: i64 = 0;

fn reading(last_seq: i64) -> LogReading {
    let fact =
        |seq: i64| RevocationFact { kind: RevocationKind::Sid, id: format!("s{seq}"), at: None, exp: 100 };
    let facts = (1..=last_seq).map(|seq| SequencedFact { seq, fact: fact(seq) }).collect();
    LogReading::Newest { epoch: "e".to_owned(), page: LogPage { facts, last_seq } }
}

fn at(seq: i64) -> Cursor {
    Cursor { epoch: Some("e".to_owned()), seq }
}

/// The waiting requests of a feed whose reader has read this many facts.
fn requests(last_seq: i64) -> WaitingRequests {
    let requests = WaitingRequests::default();
    requests.read_succeeded(requests.start_read(NOW), reading(last_seq), NOW);
    requests
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn a_request_is_not_answered_by_a_read_that_began_before_it() {
    let requests = requests(1);
    let read = requests.start_read(NOW);
    let (asking, holding) = (at(1), at(1));
    let mut asked = Box::pin(requests.wait(&asking, None));
    let mut held = Box::pin(requests.wait(&holding, Some(later())));
    assert!(asked.as_mut().now_or_never().is_none() && held.as_mut().now_or_never().is_none());
    requests.read_succeeded(read, reading(2), NOW);
    assert!(asked.as_mut().now_or_never().is_none() && held.as_mut().now_or_never().is_none());
    requests.read_succeeded(requests.start_read(NOW), reading(2), NOW);
    assert_eq!((asked.now_or_never(), held.now_or_never()), (Some(Ok(())), Some(Ok(()))));
}

#[tokio::test]
async fn a_read_that_fails_is_reported_only_to_the_requests_that_wait_for_it() {
    let requests = requests(1);
    let (asking, holding) = (at(1), at(1));
    let mut asked = Box::pin(requests.wait(&asking, None));
    let mut held = Box::pin(requests.wait(&holding, Some(later())));
    assert!(asked.as_mut().now_or_never().is_none() && held.as_mut().now_or_never().is_none());
    requests.read_failed(requests.start_read(NOW));
    assert_eq!(asked.now_or_never(), Some(Err(ReadFailed)));
    assert!(held.as_mut().now_or_never().is_none());
    // A read that is dropped, for example by a panic, has failed too.
    let mut asked = Box::pin(requests.wait(&asking, None));
    assert!(asked.as_mut().now_or_never().is_none());
    drop(requests.start_read(NOW));
    assert_eq!(asked.now_or_never(), Some(Err(ReadFailed)));
    requests.read_succeeded(requests.start_read(NOW), reading(2), NOW);
    assert_eq!(held.now_or_never(), Some(Ok(())));
}

#[tokio::test]
async fn a_request_that_is_held_to_the_end_needs_a_read_that_started_after_it() {
    let requests = requests(1);
    let cursor = at(1);
    let mut held = Box::pin(requests.wait(&cursor, Some(Instant::now() + Duration::from_millis(1))));
    let unread = tokio::time::timeout(Duration::from_millis(20), held.as_mut()).await;
    assert!(unread.is_err(), "there was no read");
    requests.read_succeeded(requests.start_read(NOW), reading(1), NOW);
    assert_eq!(held.now_or_never(), Some(Ok(())));

    let mut held = Box::pin(requests.wait(&cursor, Some(Instant::now() + Duration::from_millis(1))));
    assert!(held.as_mut().now_or_never().is_none());
    requests.read_succeeded(requests.start_read(NOW), reading(1), NOW);
    assert_eq!(held.await, Ok(()), "nothing was new");
}

#[tokio::test]
async fn a_request_whose_client_is_gone_leaves_nothing_behind() {
    let requests = requests(1);
    let cursor = at(1);
    for until in [None, Some(later())] {
        let mut waiting = Box::pin(requests.wait(&cursor, until));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(requests.next_read().is_some());
        drop(waiting);
        assert!(requests.next_read().is_none(), "no request waits");
    }
}

#[tokio::test]
async fn a_stop_answers_all_requests_and_the_end_of_the_reader_fails_all() {
    let requests = requests(1);
    let cursor = at(1);
    let mut known = Box::pin(requests.wait(&cursor, Some(later())));
    assert!(known.as_mut().now_or_never().is_none());
    requests.read_succeeded(requests.start_read(NOW), reading(1), NOW);
    let mut unknown = Box::pin(requests.wait(&cursor, Some(later())));
    assert!(unknown.as_mut().now_or_never().is_none());
    requests.stop_holding();
    assert_eq!(known.now_or_never(), Some(Ok(())));
    assert!(unknown.as_mut().now_or_never().is_none(), "no read since it came in");
    requests.read_succeeded(requests.start_read(NOW), reading(1), NOW);
    assert_eq!(unknown.now_or_never(), Some(Ok(())));
    let mut last = Box::pin(requests.wait(&cursor, Some(later())));
    assert!(last.as_mut().now_or_never().is_none());
    requests.close();
    assert_eq!(last.now_or_never(), Some(Err(ReadFailed)));
    assert_eq!(requests.wait(&cursor, Some(later())).await, Err(ReadFailed));
}

#[tokio::test]
async fn with_many_followers_several_facts_are_sent_in_one_response() {
    let requests = requests(0);
    let cursors: Vec<_> = (0..10_000).map(|_| at(0)).collect();
    let mut first: Vec<_> =
        cursors.iter().map(|cursor| Box::pin(requests.wait(cursor, Some(later())))).collect();
    assert!(first.iter_mut().all(|held| held.as_mut().now_or_never().is_none()));
    requests.read_succeeded(requests.start_read(NOW), reading(1), NOW);
    // Tokio makes a task yield after 128 operations.
    let answered = |held| tokio::task::unconstrained(held).now_or_never() == Some(Ok(()));
    assert!(first.into_iter().all(answered));

    let cursor = at(1);
    let mut again = Box::pin(requests.wait(&cursor, Some(later())));
    assert!(again.as_mut().now_or_never().is_none());
    requests.announce(2);
    let next = requests.next_read().unwrap();
    assert!(next > Instant::now() + Duration::from_millis(10), "a read now would answer no request");
    requests.read_succeeded(requests.start_read(NOW), reading(2), NOW);
    assert!(again.as_mut().now_or_never().is_none());
    tokio::time::sleep_until(next).await;
    requests.read_succeeded(requests.start_read(NOW), reading(2), NOW);
    assert_eq!(again.now_or_never(), Some(Ok(())));
}
