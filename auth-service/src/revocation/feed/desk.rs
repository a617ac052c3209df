//! Where requests wait for the reader, and what it last read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::answer::Draft;
use super::cursor::Cursor;
use super::drafts::Drafts;
use super::memory::{Anchor, Memory, Position, Reading, Stretch};
use super::pace::Crowd;

/// How often the log is looked at while somebody waits for news: for what other replicas committed.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// How long a request waits for the reader: for the read in flight, and then for its own. Both have bounds of their own,
/// so it is met only by a reader that does not get to run.
const READER_LIMIT: Duration = Duration::from_secs(6);

/// The read that was waited for failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unread;

type Word = Result<(), Unread>;
type Waiter = oneshot::Sender<Word>;

#[derive(Debug, Default)]
pub(super) struct Desk {
    inner: Mutex<Inner>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    memory: Option<Memory>,
    /// The number of the next request that comes in.
    next_ticket: u64,
    /// The last good read began after all requests with lower numbers had come in.
    read_for: u64,
    /// Those who wait for a read, by their numbers.
    asking: HashMap<u64, Waiter>,
    /// Those who are answered when there is news.
    holding: HashMap<u64, Held>,
    /// Something was committed here that is not read yet.
    announced: bool,
    /// Somebody is held for whom there is news.
    has_news: bool,
    /// The last read failed.
    failing: bool,
    stage: Stage,
    /// When the last read began.
    began: Option<Instant>,
    /// When the last good read began.
    read_at: Option<Instant>,
    /// Until then news are gathered.
    gathering_until: Option<Instant>,
    drafts: Drafts,
    crowd: Crowd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// Nobody is held any more.
    Stopping,
    /// There is no reader any more.
    Ended,
}

#[derive(Debug)]
struct Held {
    epoch: Arc<str>,
    after: i64,
    waiter: Waiter,
}

/// A read that begins: whom it answers.
pub(super) struct Begun {
    pub(super) anchor: Option<Anchor>,
    covers: u64,
    asking: HashMap<u64, Waiter>,
}

/// What a follower at a cursor gets of what was read.
#[derive(Debug)]
pub(super) enum Found {
    /// 410.
    Elsewhere,
    /// It has to be read from the log.
    Older(Stretch),
    Within(Arc<Draft>),
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a read that began after this call has ended; with `held_until`, and where there is nothing behind the
    /// cursor, when there is something or at that moment.
    pub(super) async fn read(&self, cursor: &Cursor, held_until: Option<Instant>) -> Word {
        let mut place = self.enter(cursor, held_until.is_some());
        if place.is_held
            && let Some(until) = held_until
        {
            if let Ok(word) = tokio::time::timeout_at(until, &mut place.receiver).await {
                return word.unwrap_or(Err(Unread));
            }
            let mut inner = self.lock();
            if place.ticket < inner.read_for {
                return Ok(());
            }
            // No look has succeeded since it came in.
            if let Some(held) = inner.holding.remove(&place.ticket) {
                inner.asking.insert(place.ticket, held.waiter);
                self.wake.notify_one();
            }
        }
        match tokio::time::timeout(READER_LIMIT, &mut place.receiver).await {
            Ok(Ok(word)) => word,
            Ok(Err(_)) | Err(_) => Err(Unread),
        }
    }

    fn enter(&self, cursor: &Cursor, may_be_held: bool) -> Place<'_> {
        let (waiter, receiver) = oneshot::channel();
        let mut inner = self.lock();
        let ticket = inner.next_ticket;
        inner.next_ticket += 1;
        let known = inner.memory.as_ref().filter(|memory| memory.position(cursor) == Position::Within);
        let has_news = known.is_some_and(|memory| memory.last_seq != cursor.seq);
        let epoch = known
            .filter(|_| may_be_held && inner.stage == Stage::Open)
            .map(|memory| Arc::clone(&memory.epoch));
        let is_held = epoch.is_some();
        let mut wakes = has_news && !inner.has_news;
        if inner.stage == Stage::Ended {
            // The waiter is dropped: there is nobody to wait for.
        } else if let Some(epoch) = epoch {
            wakes |= inner.holding.is_empty();
            inner.has_news |= has_news;
            inner.holding.insert(ticket, Held { epoch, after: cursor.seq, waiter });
        } else {
            wakes |= inner.asking.is_empty();
            inner.asking.insert(ticket, waiter);
        }
        let waiting = inner.asking.len() + inner.holding.len();
        inner.crowd.note(waiting, Instant::now());
        drop(inner);
        if wakes {
            self.wake.notify_one();
        }
        Place { desk: self, ticket, is_held, receiver }
    }

    /// What the last good read has for that cursor, expired facts left out at `now` (seconds); `None` before the first one.
    pub(super) fn find(&self, cursor: &Cursor, now: i64) -> Option<Found> {
        let mut inner = self.lock();
        let memory = inner.memory.as_ref()?;
        match memory.position(cursor) {
            Position::Elsewhere => return Some(Found::Elsewhere),
            Position::Older => return Some(Found::Older(memory.below(cursor.seq))),
            Position::Within => {}
        }
        if let Some(draft) = inner.drafts.find(cursor.seq, now) {
            return Some(Found::Within(draft));
        }
        let draft = Draft::new(memory.after(cursor.seq, now));
        inner.drafts.keep(cursor.seq, now, &draft);
        Some(Found::Within(draft))
    }

    /// This replica committed something.
    pub(super) fn announce(&self, seq: i64) {
        let mut inner = self.lock();
        inner.announced |= inner.memory.as_ref().is_none_or(|memory| memory.last_seq < seq);
        if inner.announced && !inner.holding.is_empty() {
            drop(inner);
            self.wake.notify_one();
        }
    }

    /// Answers all who are held, and holds nobody from now on.
    pub(super) fn stop_holding(&self) {
        let mut inner = self.lock();
        inner.stage = Stage::Stopping;
        let held = std::mem::take(&mut inner.holding);
        for (ticket, held) in held {
            if ticket < inner.read_for {
                // It may have hung up.
                let _ = held.waiter.send(Ok(()));
            } else {
                inner.asking.insert(ticket, held.waiter);
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Whether nobody is held any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stage != Stage::Open
    }

    /// There is no reader any more: nobody waits for one.
    pub(super) fn end(&self) {
        let mut inner = self.lock();
        inner.stage = Stage::Ended;
        inner.asking.clear();
        inner.holding.clear();
    }

    /// When the log is to be read next. The moment may change when [`changed`](Self::changed) returns.
    pub(super) fn next_read(&self) -> Option<Instant> {
        let inner = self.lock();
        let (is_asked, is_watched) = (!inner.asking.is_empty(), !inner.holding.is_empty());
        if !is_asked && !is_watched {
            return None;
        }
        let Some(began) = inner.began else { return Some(Instant::now()) };
        let next_look = began + LOOK_EVERY;
        // Many come one after the other, and may wait for the next look. So their number does not matter to the database.
        let soonest = if inner.failing || !inner.crowd.is_small() { next_look } else { began };
        if is_asked {
            return Some(soonest);
        }
        if !inner.announced && !inner.has_news {
            return Some(next_look);
        }
        let soonest = if inner.announced && !inner.failing { began } else { soonest };
        Some(inner.gathering_until.map_or(soonest, |until| until.max(soonest)))
    }

    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// A read begins. Whoever comes in from now on waits for the next one.
    pub(super) fn begin(&self, now: i64) -> Begun {
        let mut inner = self.lock();
        inner.began = Some(Instant::now());
        inner.announced = false;
        Begun {
            anchor: inner.memory.as_ref().and_then(|memory| memory.anchor(now)),
            covers: inner.next_ticket,
            asking: std::mem::take(&mut inner.asking),
        }
    }

    /// The read has ended well.
    pub(super) fn take(&self, begun: Begun, reading: Reading, now: i64) {
        let mut inner = self.lock();
        inner.failing = false;
        inner.read_for = begun.covers;
        inner.read_at = inner.began;
        if inner.learn(reading, now) {
            inner.drafts = Drafts::default();
            inner.has_news = true;
        }
        let is_gathering = inner.gathering_until.is_some_and(|until| Instant::now() < until);
        let released = if inner.has_news && !is_gathering { inner.release(begun.covers) } else { Vec::new() };
        drop(inner);
        for waiter in begun.asking.into_values().chain(released) {
            // It may have hung up.
            let _ = waiter.send(Ok(()));
        }
    }

    /// The read has failed. Those who are held may still be answered by a later one.
    pub(super) fn fail(&self, begun: Begun) {
        self.lock().failing = true;
        for waiter in begun.asking.into_values() {
            let _ = waiter.send(Err(Unread));
        }
    }

    /// When the last good read began.
    pub(super) fn read_at(&self) -> Option<Instant> {
        self.lock().read_at
    }
}

impl Inner {
    /// Takes what was read; whether it is news.
    fn learn(&mut self, reading: Reading, now: i64) -> bool {
        match (reading, &mut self.memory) {
            (Reading::Later { anchor, page }, Some(memory)) => memory.take_later(anchor, page, now),
            (Reading::Later { .. }, None) => false,
            (Reading::Anew { epoch, page }, memory) => {
                let mut read = Memory::new(&epoch, page, now);
                let is_news = memory.as_ref().is_none_or(|known| !known.is_same(&read));
                read.life = memory.as_ref().map_or(0, |known| known.life + u64::from(is_news));
                *memory = Some(read);
                is_news
            }
        }
    }

    /// Those who are held, came in before the read began, and stand elsewhere than at the log's end; also those beyond it,
    /// and those of another list.
    fn release(&mut self, covers: u64) -> Vec<Waiter> {
        let Some(memory) = &self.memory else { return Vec::new() };
        let pause = self.crowd.pause();
        let is_behind = |held: &Held| held.after != memory.last_seq || held.epoch != memory.epoch;
        let released = self.holding.extract_if(|ticket, held| *ticket < covers && is_behind(held));
        let released: Vec<_> = released.map(|(_, held)| held.waiter).collect();
        self.has_news = self.holding.values().any(is_behind);
        if !released.is_empty() && !pause.is_zero() {
            self.gathering_until = Some(Instant::now() + pause);
        }
        released
    }
}

/// A request's place. Dropping it gives it up.
struct Place<'a> {
    desk: &'a Desk,
    ticket: u64,
    is_held: bool,
    receiver: oneshot::Receiver<Word>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut inner = self.desk.lock();
        inner.holding.remove(&self.ticket);
        inner.asking.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests;
