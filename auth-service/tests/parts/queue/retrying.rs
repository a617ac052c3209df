//! Messages are sent again after a failure, and by another replica after a crash.

use auth_service::domain::MessageState;
use auth_service::pruning::{PruneRules, Pruner};
use auth_service::queue::Outcome;
use auth_service::random::Random;
use auth_service::storage::queue::{self, Claim, KindRules};
use shared_claims::clock::Clock as _;

use super::{START_MS, World};

const DAY_MS: i64 = 86_400_000;

/// A message that fails holds up its own lane for a few tries, and no other lane at all.
#[tokio::test]
async fn a_poisoned_message_holds_up_no_other() {
    for world in World::both().await {
        let queue = world.queue();
        let worker = world.start(&queue);
        let messages = [
            ("ordered", "a", "panic 1"),
            ("ordered", "a", "behind 1"),
            ("ordered", "b", "other"),
            ("plain", "c", "panic 2"),
            ("plain", "c", "behind 2"),
        ];
        world.commit(&queue, &messages, false).await;
        world.until("the others are delivered", async || world.delivered().len() == 2).await;
        let mut delivered = world.delivered();
        delivered.sort();
        assert_eq!(delivered, ["behind 2", "other"]);
        assert_eq!(world.tried().iter().filter(|payload| *payload == "panic 1").count(), 1);
        // After the second and the third try the line goes on.
        let goes_on = async || {
            world.clock.advance_ms(50);
            world.delivered().contains(&"behind 1".to_owned())
        };
        world.until("the line goes on", goes_on).await;
        assert_eq!(world.tried().iter().filter(|payload| *payload == "panic 1").count(), 3);
        world
            .until("the tries are over", async || world.list().await.iter().all(|m| m.claimed_by.is_none()))
            .await;
        let left = world.list().await;
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left.iter().all(|message| message.last_error.as_deref() == Some("panicked")));
        worker.stop().await;
    }
}

#[tokio::test]
async fn it_is_tried_less_and_less_for_a_day_and_then_given_up() {
    for world in World::both().await {
        let queue = world.queue();
        let worker = world.start(&queue);
        world.commit(&queue, &[("plain", "a", "fail")], true).await;
        let mut pauses = Vec::new();
        let given_up = loop {
            world.until("the try is over", async || world.list().await[0].claimed_by.is_none()).await;
            let message = world.list().await.remove(0);
            let Some(due_ms) = message.due_at_ms else { break message };
            let now_ms = world.clock.now_ms();
            if due_ms > now_ms {
                pauses.push(due_ms - now_ms);
                let tries = world.tried().len();
                world.clock.advance_ms((due_ms - now_ms).unsigned_abs());
                world.until("the next try", async || world.tried().len() > tries).await;
            }
        };
        assert_eq!(given_up.state(world.clock.now_ms()), MessageState::Failed);
        assert_eq!(given_up.last_error.as_deref(), Some("answered 500"));
        let age_ms = given_up.failed_at_ms.unwrap() - given_up.created_at_ms;
        assert!((DAY_MS..DAY_MS + 60_000).contains(&age_ms), "{age_ms}");
        assert!((20..60).contains(&pauses.len()) && pauses[0] < 3_000 && pauses[6] > 1_000_000, "{pauses:?}");
        assert_eq!(queue.status().tries()[&("plain", Outcome::GivenUp)], 1);

        // An operator tries it again, and in vain. After a week it is deleted.
        let now_ms = world.clock.now_ms();
        let retried = world.database.write(move |conn| queue::retry_now(conn, given_up.id, now_ms));
        assert_eq!(retried.await.unwrap().unwrap().tries, 0);
        let tries = world.tried().len();
        world.until("it is tried again", async || world.tried().len() > tries).await;
        worker.stop().await;
        let waiting = world.list().await.remove(0);
        assert_eq!(waiting.state(world.clock.now_ms()), MessageState::Waiting);
        let failed = world.database.write(move |conn| {
            let kinds = rules(&["plain"]);
            let claim = Claim { holder: "one", kinds: &kinds, most: 64, now_ms: START_MS + 3 * DAY_MS };
            let claimed = queue::claim(conn, &claim)?.remove(0);
            queue::give_up(conn, &claimed, START_MS + 3 * DAY_MS, "answered 500")
        });
        failed.await.unwrap();
        let rules = PruneRules { refresh_replay_ms: 0, audit_ms: None };
        let pruner = Pruner::new(world.database.clone(), world.clock.clone(), &Random::system(), rules);
        world.clock.advance_ms(6 * DAY_MS.unsigned_abs());
        pruner.round().await.unwrap();
        assert_eq!(world.list().await.len(), 1);
        world.clock.advance_ms(4 * DAY_MS.unsigned_abs());
        pruner.round().await.unwrap();
        assert_eq!(world.list().await.len(), 0);
    }
}

fn rules(kinds: &[&'static str]) -> Vec<KindRules> {
    let rules = |kind: &&'static str| KindRules {
        kind,
        most_at_a_time: 4,
        keeps_order: *kind == "ordered",
        lease_ms: 10_000,
    };
    kinds.iter().map(rules).collect()
}

#[tokio::test]
async fn what_a_dead_replica_claimed_is_taken_over_after_its_time() {
    for world in World::both().await {
        let queue = world.queue();
        world.commit(&queue, &[("plain", "a", "one"), ("ordered", "b", "two")], false).await;
        let now_ms = world.clock.now_ms();
        let claimed = world.database.write(move |conn| {
            let kinds = rules(&["plain", "ordered"]);
            queue::claim(conn, &Claim { holder: "dead", kinds: &kinds, most: 64, now_ms })
        });
        let claimed = claimed.await.unwrap();
        assert_eq!(claimed.len(), 2);
        let worker = world.start(&queue);
        world.commit(&queue, &[("plain", "a", "three"), ("ordered", "b", "four")], false).await;
        world.until("what nobody claimed is sent", async || !world.delivered().is_empty()).await;
        assert_eq!(world.delivered(), ["three"], "the claims still stand, and one holds up its lane");
        world.clock.advance_ms(10_000);
        world.until_empty().await;
        let delivered = world.delivered();
        let at = |payload: &str| delivered.iter().position(|delivered| delivered == payload).unwrap();
        assert!(at("two") < at("four") && delivered.len() == 4, "{delivered:?}");
        // The dead replica comes back: its outcome changes nothing any more.
        let late = claimed[0].clone();
        let settled = world.database.write(move |conn| queue::retry_at(conn, &late, now_ms, "late"));
        settled.await.unwrap();
        worker.stop().await;
    }
}
