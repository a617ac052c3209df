//! The requests that wait for a read of the log, and the result of the last read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::page::{LazyPage, PageCache};
use super::pause::FollowerCount;
use super::recent::{Anchor, Cursor, CursorPlace, LogRange, LogReading, RecentFacts};

/// The interval at which the log is read while a request waits for news. It finds the facts that other replicas commit.
const READ_EVERY: Duration = Duration::from_millis(25);

/// How long a request waits for the reader: for the read in progress, and then for its own. Both have time limits of their
/// own, so this limit is reached only if the reader does not get to run.
const READER_LIMIT: Duration = Duration::from_secs(6);

/// The error when the read that a request waited for failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadFailed;

type ReadResult = Result<(), ReadFailed>;
type ResultSender = oneshot::Sender<ReadResult>;

/// The state that requests and the reader share.
#[derive(Debug, Default)]
pub(super) struct WaitingRequests {
    inner: Mutex<Inner>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    recent: Option<RecentFacts>,
    /// The number of the next request.
    next_number: u64,
    /// The last successful read started after all requests with lower numbers had come in.
    read_covers: u64,
    /// The requests that the next read answers, by their numbers.
    for_next_read: HashMap<u64, ResultSender>,
    /// The requests that are answered when there is news, by their numbers.
    held: HashMap<u64, HeldRequest>,
    /// Whether this replica has committed a fact that was not read yet.
    announced: bool,
    /// Whether there is news for at least one held request.
    has_news: bool,
    /// Whether the last read failed.
    is_failing: bool,
    stage: Stage,
    /// When the last read started.
    started: Option<Instant>,
    /// When the last successful read started.
    read_at: Option<Instant>,
    /// Until this moment no held request is answered, so that several facts are sent in one response.
    paused_until: Option<Instant>,
    pages: PageCache,
    followers: FollowerCount,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// Requests are not held any more.
    Stopping,
    /// The reader has stopped.
    Ended,
}

#[derive(Debug)]
struct HeldRequest {
    epoch: Arc<str>,
    after: i64,
    sender: ResultSender,
}

/// A read that has started, with the requests that it answers.
pub(super) struct StartedRead {
    pub(super) anchor: Option<Anchor>,
    covers: u64,
    requests: HashMap<u64, ResultSender>,
}

/// What the last successful read has for a cursor.
#[derive(Debug)]
pub(super) enum FoundPage {
    /// The cursor cannot be used: 410.
    CursorGone,
    /// The page has to be read from the log.
    InLog(LogRange),
    InMemory(Arc<LazyPage>),
}

impl WaitingRequests {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a read that started after this call. If `held_until` is given and there is nothing after the cursor, it
    /// waits until there is something, or until that moment.
    pub(super) async fn wait(&self, cursor: &Cursor, held_until: Option<Instant>) -> ReadResult {
        let mut request = self.register(cursor, held_until.is_some());
        if request.is_held
            && let Some(until) = held_until
        {
            if let Ok(result) = tokio::time::timeout_at(until, &mut request.receiver).await {
                return result.unwrap_or(Err(ReadFailed));
            }
            let mut inner = self.lock();
            if request.number < inner.read_covers {
                return Ok(());
            }
            // No read that started after the request came in has succeeded, so the request needs one.
            if let Some(held) = inner.held.remove(&request.number) {
                inner.for_next_read.insert(request.number, held.sender);
                self.wake.notify_one();
            }
        }
        match tokio::time::timeout(READER_LIMIT, &mut request.receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(ReadFailed),
        }
    }

    fn register(&self, cursor: &Cursor, may_be_held: bool) -> RegisteredRequest<'_> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        let number = inner.next_number;
        inner.next_number += 1;
        let in_memory =
            inner.recent.as_ref().filter(|recent| recent.place_of(cursor) == CursorPlace::InMemory);
        let has_news = in_memory.is_some_and(|recent| recent.last_seq != cursor.seq);
        let epoch = in_memory
            .filter(|_| may_be_held && inner.stage == Stage::Open)
            .map(|recent| Arc::clone(&recent.epoch));
        let is_held = epoch.is_some();
        let mut wakes_reader = has_news && !inner.has_news;
        if inner.stage == Stage::Ended {
            // The sender is dropped, because there is no reader that would use it. The request fails.
        } else if let Some(epoch) = epoch {
            wakes_reader |= inner.held.is_empty();
            inner.has_news |= has_news;
            inner.held.insert(number, HeldRequest { epoch, after: cursor.seq, sender });
        } else {
            wakes_reader |= inner.for_next_read.is_empty();
            inner.for_next_read.insert(number, sender);
        }
        let waiting = inner.for_next_read.len() + inner.held.len();
        inner.followers.record(waiting, Instant::now());
        drop(inner);
        if wakes_reader {
            self.wake.notify_one();
        }
        RegisteredRequest { requests: self, number, is_held, receiver }
    }

    /// The page after the cursor, as of the last successful read, without facts that have expired at `now` (seconds);
    /// `None` before the first read.
    pub(super) fn find(&self, cursor: &Cursor, now: i64) -> Option<FoundPage> {
        let mut inner = self.lock();
        let recent = inner.recent.as_ref()?;
        match recent.place_of(cursor) {
            CursorPlace::NotInList => return Some(FoundPage::CursorGone),
            CursorPlace::BeforeMemory => return Some(FoundPage::InLog(recent.range_before(cursor.seq))),
            CursorPlace::InMemory => {}
        }
        if let Some(page) = inner.pages.find(cursor.seq, now) {
            return Some(FoundPage::InMemory(page));
        }
        let page = LazyPage::new(recent.page_after(cursor.seq, now));
        inner.pages.insert(cursor.seq, now, &page);
        Some(FoundPage::InMemory(page))
    }

    /// Records that this replica has committed the fact with this sequence number.
    pub(super) fn announce(&self, seq: i64) {
        let mut inner = self.lock();
        inner.announced |= inner.recent.as_ref().is_none_or(|recent| recent.last_seq < seq);
        if inner.announced && !inner.held.is_empty() {
            drop(inner);
            self.wake.notify_one();
        }
    }

    /// Answers all held requests, and holds no further ones.
    pub(super) fn stop_holding(&self) {
        let mut inner = self.lock();
        inner.stage = Stage::Stopping;
        let held = std::mem::take(&mut inner.held);
        for (number, request) in held {
            if number < inner.read_covers {
                // An error means that the client has closed the connection.
                let _ = request.sender.send(Ok(()));
            } else {
                inner.for_next_read.insert(number, request.sender);
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Whether requests are not held any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stage != Stage::Open
    }

    /// Called when the reader has stopped: all requests fail, the waiting and the later ones.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.stage = Stage::Ended;
        inner.for_next_read.clear();
        inner.held.clear();
    }

    /// When the log is to be read next; `None` if no request waits. It may change when [`changed`](Self::changed) returns.
    pub(super) fn next_read(&self) -> Option<Instant> {
        let inner = self.lock();
        let (is_requested, has_held) = (!inner.for_next_read.is_empty(), !inner.held.is_empty());
        if !is_requested && !has_held {
            return None;
        }
        let Some(started) = inner.started else { return Some(Instant::now()) };
        let regular = started + READ_EVERY;
        // The requests of many followers come one after the other, and can wait for the next regular read. So the number
        // of followers does not increase the number of reads.
        let soonest = if inner.is_failing || !inner.followers.are_few() { regular } else { started };
        if is_requested {
            return Some(soonest);
        }
        if !inner.announced && !inner.has_news {
            return Some(regular);
        }
        let soonest = if inner.announced && !inner.is_failing { started } else { soonest };
        Some(inner.paused_until.map_or(soonest, |until| until.max(soonest)))
    }

    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Starts a read. A request that comes in from now on waits for the next one.
    pub(super) fn start_read(&self, now: i64) -> StartedRead {
        let mut inner = self.lock();
        inner.started = Some(Instant::now());
        inner.announced = false;
        StartedRead {
            anchor: inner.recent.as_ref().and_then(|recent| recent.anchor(now)),
            covers: inner.next_number,
            requests: std::mem::take(&mut inner.for_next_read),
        }
    }

    /// Takes the result of a successful read, and answers the requests that it covers.
    pub(super) fn read_succeeded(&self, read: StartedRead, reading: LogReading, now: i64) {
        let mut inner = self.lock();
        inner.is_failing = false;
        inner.read_covers = read.covers;
        inner.read_at = inner.started;
        if inner.update_recent(reading, now) {
            inner.pages = PageCache::default();
            inner.has_news = true;
        }
        let is_paused = inner.paused_until.is_some_and(|until| Instant::now() < until);
        let released =
            if inner.has_news && !is_paused { inner.release_held(read.covers) } else { Vec::new() };
        drop(inner);
        for sender in read.requests.into_values().chain(released) {
            // An error means that the client has closed the connection.
            let _ = sender.send(Ok(()));
        }
    }

    /// Fails the requests that waited for this read. Held requests stay, because a later read may answer them.
    pub(super) fn read_failed(&self, read: StartedRead) {
        self.lock().is_failing = true;
        for sender in read.requests.into_values() {
            let _ = sender.send(Err(ReadFailed));
        }
    }

    /// When the last successful read started.
    pub(super) fn read_at(&self) -> Option<Instant> {
        self.lock().read_at
    }
}

impl Inner {
    /// Updates the facts in memory. Returns whether anything changed.
    fn update_recent(&mut self, reading: LogReading, now: i64) -> bool {
        match (reading, &mut self.recent) {
            (LogReading::Continuation { anchor, page }, Some(recent)) => {
                recent.replace_after(anchor, page, now)
            }
            (LogReading::Continuation { .. }, None) => false,
            (LogReading::Newest { epoch, page }, recent) => {
                let mut read = RecentFacts::new(&epoch, page, now);
                let has_changed = recent.as_ref().is_none_or(|known| !known.is_same(&read));
                read.generation =
                    recent.as_ref().map_or(0, |known| known.generation + u64::from(has_changed));
                *recent = Some(read);
                has_changed
            }
        }
    }

    /// Takes out the held requests that came in before the read started and whose cursor is not the end of the log. (A
    /// cursor beyond the end, or of another list, is not the end either.)
    fn release_held(&mut self, covers: u64) -> Vec<ResultSender> {
        let Some(recent) = &self.recent else { return Vec::new() };
        let pause = self.followers.pause();
        let is_behind = |held: &HeldRequest| held.after != recent.last_seq || held.epoch != recent.epoch;
        let released = self.held.extract_if(|number, held| *number < covers && is_behind(held));
        let released: Vec<_> = released.map(|(_, held)| held.sender).collect();
        self.has_news = self.held.values().any(is_behind);
        if !released.is_empty() && !pause.is_zero() {
            self.paused_until = Some(Instant::now() + pause);
        }
        released
    }
}

/// A request that waits. Dropping it removes it from the waiting requests.
struct RegisteredRequest<'a> {
    requests: &'a WaitingRequests,
    number: u64,
    is_held: bool,
    receiver: oneshot::Receiver<ReadResult>,
}

impl Drop for RegisteredRequest<'_> {
    fn drop(&mut self) {
        let mut inner = self.requests.lock();
        inner.held.remove(&self.number);
        inner.for_next_read.remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
