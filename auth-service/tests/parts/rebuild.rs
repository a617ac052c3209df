//! Tests that an incomplete list is rebuilt from the database.

use shared_claims::revocation::RevocationFact;
use uuid::Uuid;

use crate::helpers::{PREFIX, World, eventually, session};

async fn standing(world: &World, facts: impl IntoIterator<Item = RevocationFact>) -> String {
    for fact in facts {
        world.commit(fact).await;
    }
    eventually("the list is proven", async || world.exists("epoch").await).await;
    eventually("the facts stand", async || !world.stream().await.is_empty()).await;
    world.get("epoch").await.unwrap()
}

#[actix_web::test]
async fn a_flushed_redis_is_filled_again_under_a_new_epoch() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    let before = standing(&world, [session(1), session(2)]).await;
    let mut redis = world.connection().await;
    let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    eventually("rebuilt", async || world.exists("epoch").await).await;
    assert_ne!(world.get("epoch").await.unwrap(), before);
    assert_eq!(world.stream().await.len(), 2);
    assert!(world.exists(&format!("sid:{}", Uuid::from_u128(1))).await);
    revocations.stop().await;
}

#[actix_web::test]
async fn the_list_of_a_redis_that_restarted_with_older_data_is_rebuilt() {
    let mut world = World::sqlite().await;
    let revocations = world.start().await;
    let before = standing(&world, [session(1)]).await;
    let () = redis::cmd("SAVE").query_async(&mut world.connection().await).await.unwrap();
    let seq = world.commit(session(2)).await;
    revocations.announce(seq).await;
    world.redis.restart().await;
    eventually("rebuilt", async || {
        let epoch = world.get("epoch").await;
        epoch.is_some_and(|epoch| epoch != before) && world.stream().await.len() == 2
    })
    .await;
    let run_id = world.run_id().await;
    assert!(world.get("epoch").await.unwrap().starts_with(&run_id));
    revocations.stop().await;
}

#[actix_web::test]
async fn a_list_from_another_database_is_replaced() {
    let world = World::sqlite().await;
    let other = World::sqlite().await;
    let first = world.start().await;
    standing(&world, [session(1), session(2), session(3)]).await;
    first.stop().await;

    let mut settings = other.settings();
    settings.url = world.redis.url();
    let seq = other.commit(session(9)).await;
    let second = other.start_with(settings).await.unwrap();
    second.announce(seq).await;
    eventually("replaced", async || world.stream().await == ["1-0"]).await;
    assert!(world.exists(&format!("sid:{}", Uuid::from_u128(9))).await);
    second.stop().await;
}

#[actix_web::test]
async fn a_rebuild_leaves_no_other_stream() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    standing(&world, [session(1)]).await;
    let mut redis = world.connection().await;
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*rebuild*").query_async(&mut redis).await.unwrap();
    assert_eq!(keys, Vec::<String>::new());
    keys = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    assert!(keys.iter().all(|key| key.starts_with(PREFIX)), "{keys:?}");
    let left: i64 = redis::cmd("TTL").arg("{revoked}:events").query_async(&mut redis).await.unwrap();
    assert_eq!(left, -1, "the current stream does not expire");
    revocations.stop().await;
}

#[actix_web::test]
async fn a_list_that_lost_only_its_stream_is_rebuilt() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    let before = standing(&world, [session(1)]).await;
    let mut redis = world.connection().await;
    let () = redis::cmd("DEL").arg("{revoked}:events").query_async(&mut redis).await.unwrap();
    eventually("rebuilt under a new epoch", async || {
        world.get("epoch").await.is_some_and(|epoch| epoch != before) && world.stream().await == ["1-0"]
    })
    .await;
    revocations.stop().await;
}

#[actix_web::test]
async fn an_empty_list_has_its_stream() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    eventually("the list is proven", async || world.exists("epoch").await).await;
    assert!(world.exists("events").await);
    let epoch = world.get("epoch").await;
    eventually("renewed twice", async || revocations.status().unwrap().renewals > 2).await;
    assert_eq!(world.get("epoch").await, epoch, "the list is not rebuilt again and again");
    revocations.stop().await;
}

#[actix_web::test]
async fn a_stream_from_which_somebody_removed_entries_is_replaced() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    let mut before = standing(&world, [session(1), session(2), session(3)]).await;
    for removal in ["XTRIM MAXLEN 1", "XTRIM MAXLEN 0", "XDEL 2-0", "DEL"] {
        eventually("whole", async || world.stream().await.len() == 3).await;
        let mut words = removal.split(' ');
        let mut remove = redis::cmd(words.next().unwrap());
        remove.arg(format!("{PREFIX}:events"));
        remove.arg(words.collect::<Vec<_>>());
        let () = remove.query_async(&mut world.connection().await).await.unwrap();
        eventually(removal, async || {
            let epoch = world.get("epoch").await;
            epoch.is_some_and(|epoch| epoch != before) && world.stream().await.len() == 3
        })
        .await;
        before = world.get("epoch").await.unwrap();
    }
    revocations.stop().await;
}
