use std::sync::Arc;
use std::time::Duration;

use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SystemClock;

use super::*;
use crate::revocation::continuity::Continuity;
use crate::storage::{self, meta};

/// To a follower that has nothing yet, the log of a restored database would look complete.
#[tokio::test]
async fn a_log_that_ends_before_what_is_known_is_no_answer() {
    for place in TestDatabase::both() {
        let database = Database::connect(&place.settings()).await.unwrap();
        database.migrate(storage::migrations()).await.unwrap();
        let id = database.write(|conn| meta::ensure_database_id(conn, "this"));
        id.await.map_err(|error: DatabaseError| error).unwrap();
        let continuity = Continuity::of("this".to_owned());
        let feed = Feed::start(&database, continuity.clone(), 10, Arc::new(SystemClock)).await.unwrap();
        assert!(feed.read(None, Duration::ZERO).await.is_ok());
        continuity.committed(1);
        let read = feed.read(None, Duration::ZERO).await;
        assert_eq!(read.err(), Some(FeedError::ReadFailed));
        assert!(continuity.is_older(), "and the service serves nothing from now on");
        feed.stop().await;
    }
}
