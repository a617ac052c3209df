//! Messages are sent at once, once, in order, and wait for no other receiver.

use std::sync::atomic::Ordering;

use auth_service::queue::Outcome;
use auth_service::random::Random;
use auth_service::storage::{self, UnitOfWork};
use shared_claims::clock::Clock as _;

use super::{World, message};

#[tokio::test]
async fn a_message_leaves_with_its_commit_and_once() {
    for world in World::both().await {
        let queue = world.queue();
        let worker = world.start(&queue);
        // The caller waits for the first try, so nothing has to be waited for here.
        world
            .commit(&queue, &[("plain", "a", "one"), ("plain", "a", "one"), ("plain", "b", "gone")], true)
            .await;
        assert_eq!(world.delivered(), ["one"], "the same message is sent once");
        world.until_empty().await;
        let unit = UnitOfWork::new(world.database.clone(), world.clock.clone(), Random::system())
            .dispatched_by(queue.clone());
        let rolled_back = unit.commit(|transaction| {
            transaction.enqueue(message("plain", "a", "never"));
            Err::<(), _>(storage::unexpected_rows())
        });
        assert!(rolled_back.await.is_err());
        world.commit(&queue, &[("plain", "a", "two")], true).await;
        assert_eq!(world.delivered(), ["one", "two"]);
        let tries = queue.status().tries();
        assert_eq!((tries[&("plain", Outcome::Delivered)], tries[&("plain", Outcome::Dropped)]), (2, 1));
        worker.stop().await;
    }
}

#[tokio::test]
async fn two_replicas_send_each_message_once_and_few_of_a_lane_at_a_time() {
    for world in World::both().await {
        let (one, other) = (world.queue(), world.queue());
        let workers = [world.start(&one), world.start(&other)];
        let payloads: Vec<_> = (0..200).map(|index| format!("m{index:03}")).collect();
        let messages: Vec<_> = payloads.iter().map(|payload| ("plain", "a", payload.as_str())).collect();
        world.commit(&one, &messages, false).await;
        world.until_empty().await;
        let mut delivered = world.delivered();
        delivered.sort();
        assert_eq!(delivered, payloads);
        let most = world.seen.most_running.load(Ordering::SeqCst);
        assert!((2..=4).contains(&most), "{most} at a time");
        for worker in workers {
            worker.stop().await;
        }
    }
}

#[tokio::test]
async fn the_order_of_a_lane_is_kept() {
    for world in World::both().await {
        let (one, other) = (world.queue(), world.queue());
        let workers = [world.start(&one), world.start(&other)];
        let payloads: Vec<_> = (0..40).map(|index| format!("m{index:02}")).collect();
        for payload in &payloads {
            world.commit(&one, &[("ordered", "a", payload.as_str())], false).await;
        }
        world.until_empty().await;
        assert_eq!(world.delivered(), payloads);
        for worker in workers {
            worker.stop().await;
        }
    }
}

#[tokio::test]
async fn receivers_that_sleep_leave_room_for_others_and_are_waited_for_two_seconds_at_most() {
    for world in World::both().await {
        let queue = world.queue();
        let worker = world.start(&queue);
        let sleeping: Vec<_> = (0..30).map(|index| format!("sleep {index}")).collect();
        let mut messages: Vec<_> =
            sleeping.iter().map(|payload| ("plain", "slow", payload.as_str())).collect();
        messages.push(("plain", "quick", "quick"));
        let began_ms = shared_claims::clock::SystemClock.boot_ms();
        world.commit(&queue, &messages, true).await;
        let waited_ms = shared_claims::clock::SystemClock.boot_ms() - began_ms;
        assert_eq!(world.delivered(), ["quick"]);
        assert!((1_900..3_500).contains(&waited_ms), "{waited_ms}");
        worker.stop().await;
    }
}

/// Another replica may be the one that tries what a request waits for.
#[tokio::test]
async fn tries_of_another_replica_count_for_who_waits() {
    for world in World::both().await {
        let (here, there) = (world.queue(), world.queue());
        let worker = world.start(&there);
        let began_ms = shared_claims::clock::SystemClock.boot_ms();
        world.commit(&here, &[("plain", "a", "one")], true).await;
        let waited_ms = shared_claims::clock::SystemClock.boot_ms() - began_ms;
        assert_eq!(world.delivered(), ["one"]);
        assert!(waited_ms < 1_900, "{waited_ms}");
        worker.stop().await;
    }
}
