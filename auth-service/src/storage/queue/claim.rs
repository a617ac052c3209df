//! Claims messages that are due. Replicas take turns, so each sees what the others have claimed: no message is claimed
//! twice, and the limit of a lane holds over all replicas.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};

use super::{MessageRow, read};
use crate::domain::{QueuedMessage, TRIES_IN_LINE};
use crate::storage::lock::locked;
use crate::storage::meta::QUEUE;
use crate::storage::schema::{meta, queue_messages};

/// How many of the messages that are due first are read at once.
const PAGE: i64 = 256;
/// The most lanes that are looked at one by one.
const MOST_LANES: usize = 1_000;

/// How the messages of a kind are claimed.
#[derive(Clone, Debug)]
pub struct KindRules {
    /// The kind.
    pub kind: &'static str,
    /// The most messages of one lane at a time.
    pub most_at_a_time: usize,
    /// Whether the messages of a lane are delivered one after the other, in the order in which they were written.
    pub keeps_order: bool,
    /// After this time another replica may take the claim over, in milliseconds.
    pub lease_ms: i64,
}

/// A request for messages.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// The replica.
    pub holder: &'a str,
    /// The kinds that it can send. Messages of other kinds, of a newer release, are left to others.
    pub kinds: &'a [KindRules],
    /// The most messages.
    pub most: usize,
    /// The current time.
    pub now_ms: i64,
}

/// Claims messages that are due. Call it in a write transaction.
pub fn claim(conn: &mut DbConnection, claim: &Claim<'_>) -> Result<Vec<QueuedMessage>, DatabaseError> {
    let _turn: Vec<String> = locked!(conn, meta::table.find(QUEUE).select(meta::name));
    let mut choice = Choice {
        claim,
        claimed: claimed_by_lane(conn, claim.now_ms)?,
        chosen: Vec::new(),
        heads: HashMap::new(),
    };
    let page = due(conn, claim, None, PAGE)?;
    let is_full = i64::try_from(page.len()).is_ok_and(|count| count >= PAGE);
    for message in page {
        choice.consider(conn, message)?;
    }
    // A page full of messages of lanes that are at their limit hides the messages of other lanes.
    if is_full {
        choice.look_at_each_lane(conn)?;
    }
    let mut chosen = choice.chosen;
    for rules in claim.kinds {
        let of_kind = chosen.iter_mut().filter(|message| message.kind == rules.kind);
        let lease_end_ms = claim.now_ms.saturating_add(rules.lease_ms);
        let mut ids = Vec::new();
        for message in of_kind {
            ids.push(message.id.to_string());
            message.due_at_ms = Some(lease_end_ms);
            message.tries = message.tries.saturating_add(1);
            message.claimed_by = Some(claim.holder.to_owned());
        }
        if !ids.is_empty() {
            diesel::update(queue_messages::table.filter(queue_messages::id.eq_any(ids)))
                .set((
                    queue_messages::due_at_ms.eq(lease_end_ms),
                    queue_messages::tries.eq(queue_messages::tries + 1),
                    queue_messages::claimed_by.eq(claim.holder),
                ))
                .execute(conn)?;
        }
    }
    Ok(chosen)
}

/// How many messages of each lane are claimed. A claim whose time is up does not count.
fn claimed_by_lane(conn: &mut DbConnection, now_ms: i64) -> Result<HashMap<String, usize>, DatabaseError> {
    // The only condition is the one that the index of claims serves: with the time in it, SQLite reads every message that
    // is due later instead.
    let claims: Vec<(String, Option<i64>)> = queue_messages::table
        .filter(queue_messages::claimed_by.gt(""))
        .select((queue_messages::lane, queue_messages::due_at_ms))
        .load(conn)?;
    let mut by_lane = HashMap::new();
    for (lane, _) in claims.into_iter().filter(|(_, end_ms)| *end_ms > Some(now_ms)) {
        *by_lane.entry(lane).or_default() += 1;
    }
    Ok(by_lane)
}

/// The messages that are due, of this lane or of all, first those that are due for longest.
fn due(
    conn: &mut DbConnection,
    claim: &Claim<'_>,
    lane: Option<&str>,
    limit: i64,
) -> Result<Vec<QueuedMessage>, DatabaseError> {
    let kinds: Vec<_> = claim.kinds.iter().map(|rules| rules.kind).collect();
    let mut due = queue_messages::table
        .filter(queue_messages::due_at_ms.le(claim.now_ms))
        .filter(queue_messages::kind.eq_any(kinds))
        .select(MessageRow::as_select())
        .into_boxed();
    if let Some(lane) = lane {
        due = due.filter(queue_messages::lane.eq(lane));
    }
    read(due.order((queue_messages::due_at_ms, queue_messages::id)).limit(limit).load(conn)?)
}

/// The messages that are being chosen.
struct Choice<'a> {
    claim: &'a Claim<'a>,
    /// How many messages of a lane are claimed, the chosen ones included.
    claimed: HashMap<String, usize>,
    chosen: Vec<QueuedMessage>,
    /// The first message in line of each lane that was asked for, where the kind keeps the order.
    heads: HashMap<String, Option<String>>,
}

impl Choice<'_> {
    fn is_complete(&self) -> bool {
        self.chosen.len() >= self.claim.most
    }

    /// Chooses a message that is due, if its lane and the order allow it.
    fn consider(&mut self, conn: &mut DbConnection, message: QueuedMessage) -> Result<(), DatabaseError> {
        let kinds = self.claim.kinds;
        let Some(rules) = kinds.iter().find(|rules| rules.kind == message.kind) else { return Ok(()) };
        let limit = if rules.keeps_order { 1 } else { rules.most_at_a_time };
        if self.is_complete() || self.claimed.get(&message.lane).is_some_and(|count| *count >= limit) {
            return Ok(());
        }
        if rules.keeps_order && message.is_in_line() && !self.is_head(conn, &message)? {
            return Ok(());
        }
        *self.claimed.entry(message.lane.clone()).or_default() += 1;
        self.chosen.push(message);
        Ok(())
    }

    fn is_head(&mut self, conn: &mut DbConnection, message: &QueuedMessage) -> Result<bool, DatabaseError> {
        if !self.heads.contains_key(&message.lane) {
            let head = head(conn, &message.lane)?.map(|head| head.id.to_string());
            self.heads.insert(message.lane.clone(), head);
        }
        Ok(self.heads.get(&message.lane).is_some_and(|head| head.as_deref() == Some(&message.id.to_string())))
    }

    /// Looks at the lanes one after the other: two look-ups in an index for each, however many messages it has.
    fn look_at_each_lane(&mut self, conn: &mut DbConnection) -> Result<(), DatabaseError> {
        let ids: HashSet<_> = self.chosen.iter().map(|message| message.id).collect();
        let mut lane = String::new();
        for _ in 0..MOST_LANES {
            let Some(next) = lane_after(conn, &lane)? else { break };
            lane = next;
            if self.is_complete() {
                break;
            }
            let most = self.claim.kinds.iter().map(|rules| rules.most_at_a_time).max().unwrap_or(1);
            let most = i64::try_from(most.saturating_add(ids.len())).unwrap_or(PAGE).min(PAGE);
            let first = due(conn, self.claim, Some(&lane), most)?;
            let head = head(conn, &lane)?.filter(|head| head.due_at_ms <= Some(self.claim.now_ms));
            for message in head.into_iter().chain(first) {
                if !ids.contains(&message.id) && !self.chosen.iter().any(|chosen| chosen.id == message.id) {
                    self.consider(conn, message)?;
                }
            }
        }
        Ok(())
    }
}

/// The first message of a lane that is in line.
fn head(conn: &mut DbConnection, lane: &str) -> Result<Option<QueuedMessage>, DatabaseError> {
    let row: Option<MessageRow> = queue_messages::table
        .filter(queue_messages::lane.eq(lane))
        .filter(queue_messages::due_at_ms.is_not_null())
        .filter(queue_messages::tries.lt(TRIES_IN_LINE))
        .order(queue_messages::id)
        .select(MessageRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(MessageRow::into_message).transpose()?)
}

fn lane_after(conn: &mut DbConnection, lane: &str) -> Result<Option<String>, DatabaseError> {
    Ok(queue_messages::table
        .filter(queue_messages::lane.gt(lane))
        .filter(queue_messages::due_at_ms.is_not_null())
        .order(queue_messages::lane)
        .select(queue_messages::lane)
        .first(conn)
        .optional()?)
}
