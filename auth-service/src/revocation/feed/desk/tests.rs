use futures_util::FutureExt as _;
use shared_claims::revocation::{RevocationFact, RevocationKind};

use super::*;
use crate::storage::revocations::LogPage;
use crate::storage::revocations::SequencedFact;

const NOW: i64 = 0;

fn log(last_seq: i64) -> Reading {
    let fact =
        |seq: i64| RevocationFact { kind: RevocationKind::Sid, id: format!("s{seq}"), at: None, exp: 100 };
    let facts = (1..=last_seq).map(|seq| SequencedFact { seq, fact: fact(seq) }).collect();
    Reading::Anew { epoch: "e".to_owned(), page: LogPage { facts, last_seq } }
}

fn at(seq: i64) -> Cursor {
    Cursor { epoch: Some("e".to_owned()), seq }
}

/// A desk whose reader has found so many facts.
fn desk(last_seq: i64) -> Desk {
    let desk = Desk::default();
    desk.take(desk.begin(NOW), log(last_seq), NOW);
    desk
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn a_request_is_not_answered_by_a_read_that_began_before_it() {
    let desk = desk(1);
    let begun = desk.begin(NOW);
    let (asking, holding) = (at(1), at(1));
    let mut asked = Box::pin(desk.read(&asking, None));
    let mut held = Box::pin(desk.read(&holding, Some(later())));
    assert!(asked.as_mut().now_or_never().is_none() && held.as_mut().now_or_never().is_none());
    desk.take(begun, log(2), NOW);
    assert!(asked.as_mut().now_or_never().is_none() && held.as_mut().now_or_never().is_none());
    desk.take(desk.begin(NOW), log(2), NOW);
    assert_eq!((asked.now_or_never(), held.now_or_never()), (Some(Ok(())), Some(Ok(()))));
}

#[tokio::test]
async fn a_read_that_fails_is_told_to_those_who_asked_for_it_alone() {
    let desk = desk(1);
    let (asking, holding) = (at(1), at(1));
    let mut asked = Box::pin(desk.read(&asking, None));
    let mut held = Box::pin(desk.read(&holding, Some(later())));
    assert!(asked.as_mut().now_or_never().is_none() && held.as_mut().now_or_never().is_none());
    desk.fail(desk.begin(NOW));
    assert_eq!(asked.now_or_never(), Some(Err(Unread)));
    assert!(held.as_mut().now_or_never().is_none());
    // A read that is dropped, as by a panic, has failed as well.
    let mut asked = Box::pin(desk.read(&asking, None));
    assert!(asked.as_mut().now_or_never().is_none());
    drop(desk.begin(NOW));
    assert_eq!(asked.now_or_never(), Some(Err(Unread)));
    desk.take(desk.begin(NOW), log(2), NOW);
    assert_eq!(held.now_or_never(), Some(Ok(())));
}

#[tokio::test]
async fn whoever_is_held_to_the_end_needs_a_read_since_it_came() {
    let desk = desk(1);
    let cursor = at(1);
    let mut held = Box::pin(desk.read(&cursor, Some(Instant::now() + Duration::from_millis(1))));
    let unread = tokio::time::timeout(Duration::from_millis(20), held.as_mut()).await;
    assert!(unread.is_err(), "there was none");
    desk.take(desk.begin(NOW), log(1), NOW);
    assert_eq!(held.now_or_never(), Some(Ok(())));

    let mut held = Box::pin(desk.read(&cursor, Some(Instant::now() + Duration::from_millis(1))));
    assert!(held.as_mut().now_or_never().is_none());
    desk.take(desk.begin(NOW), log(1), NOW);
    assert_eq!(held.await, Ok(()), "nothing was new");
}

#[tokio::test]
async fn a_request_that_hangs_up_leaves_nothing_behind() {
    let desk = desk(1);
    let cursor = at(1);
    for until in [None, Some(later())] {
        let mut waiting = Box::pin(desk.read(&cursor, until));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(desk.next_read().is_some());
        drop(waiting);
        assert!(desk.next_read().is_none(), "nobody waits");
    }
}

#[tokio::test]
async fn a_stop_answers_all_and_the_end_of_the_reader_refuses_all() {
    let desk = desk(1);
    let cursor = at(1);
    let mut known = Box::pin(desk.read(&cursor, Some(later())));
    assert!(known.as_mut().now_or_never().is_none());
    desk.take(desk.begin(NOW), log(1), NOW);
    let mut unknown = Box::pin(desk.read(&cursor, Some(later())));
    assert!(unknown.as_mut().now_or_never().is_none());
    desk.stop_holding();
    assert_eq!(known.now_or_never(), Some(Ok(())));
    assert!(unknown.as_mut().now_or_never().is_none(), "no read since it came");
    desk.take(desk.begin(NOW), log(1), NOW);
    assert_eq!(unknown.now_or_never(), Some(Ok(())));
    let mut last = Box::pin(desk.read(&cursor, Some(later())));
    assert!(last.as_mut().now_or_never().is_none());
    desk.end();
    assert_eq!(last.now_or_never(), Some(Err(Unread)));
    assert_eq!(desk.read(&cursor, Some(later())).await, Err(Unread));
}

#[tokio::test]
async fn where_many_wait_news_are_gathered() {
    let desk = desk(0);
    let cursors: Vec<_> = (0..1_000).map(|_| at(0)).collect();
    let mut first: Vec<_> = cursors.iter().map(|cursor| Box::pin(desk.read(cursor, Some(later())))).collect();
    assert!(first.iter_mut().all(|held| held.as_mut().now_or_never().is_none()));
    desk.take(desk.begin(NOW), log(1), NOW);
    // Tokio has a task yield after 128 of them.
    let answered = |held| tokio::task::unconstrained(held).now_or_never() == Some(Ok(()));
    assert!(first.into_iter().all(answered));

    let cursor = at(1);
    let mut again = Box::pin(desk.read(&cursor, Some(later())));
    assert!(again.as_mut().now_or_never().is_none());
    desk.announce(2);
    let next = desk.next_read().unwrap();
    assert!(next > Instant::now() + Duration::from_millis(10), "a read now would be of use to nobody");
    desk.take(desk.begin(NOW), log(2), NOW);
    assert!(again.as_mut().now_or_never().is_none());
    tokio::time::sleep_until(next).await;
    desk.take(desk.begin(NOW), log(2), NOW);
    assert_eq!(again.now_or_never(), Some(Ok(())));
}
