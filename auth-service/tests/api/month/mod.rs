//! Tests that the tables stay bounded: after a simulated month only live rows are left.

pub(crate) mod life;
pub(crate) mod sizes;

use std::collections::BTreeMap;

use auth_service::domain::BrowserSessionLimits;
use auth_service::pruning::{PruneRules, Table};
use auth_service::random::Random;
use service_kit::database::Database;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use self::life::{DAY_MS, Month, Scale};
use self::sizes::{bytes, rows};
use crate::helpers::START_MS;

const SCALE: Scale = Scale {
    users: 6,
    refreshes_a_day: 32,
    one_abandoned_of: 3,
    refused_logins: 5,
    codes: 4,
    revoked_tokens: 2,
    session_max_age_ms: 10 * DAY_MS,
    page_sign_ins: 6,
    browser_sessions: BrowserSessionLimits { idle_s: 5 * DAY_MS / 1000, max_age_s: 10 * DAY_MS / 1000 },
};
const AUDIT_DAYS: usize = 7;

async fn counted(database: &Database) -> BTreeMap<&'static str, usize> {
    let mut counted = BTreeMap::new();
    for table in Table::ALL {
        counted.insert(table.as_str(), rows(database, table.as_str()).await);
    }
    counted.insert("consents", rows(database, "consents").await);
    counted
}

#[tokio::test]
async fn after_a_month_the_tables_contain_only_live_rows() {
    for place in TestDatabase::both() {
        let database = Database::connect(&place.settings()).await.unwrap();
        let rules = PruneRules {
            refresh_replay_ms: 30_000,
            audit_ms: Some(i64::try_from(AUDIT_DAYS).unwrap() * DAY_MS),
        };
        let clock = ManualClock::at(START_MS);
        let mut month = Month::begin(database.clone(), clock, Random::system(), rules, SCALE).await;
        let mut at_noon = Vec::new();
        for _ in 0..30 {
            month.day().await;
            // After the last access token of the sessions that were logged out has expired.
            month.clock.advance_ms(3_600_000);
            month.prune().await;
            at_noon.push(counted(&database).await);
        }
        let written = month.written;
        assert_eq!((written.sessions, written.refresh_tokens), (180, 180 * 33));

        let left = counted(&database).await;
        // A simulated day has 25 hours. Of the abandoned sessions of the last ten days, those that have not expired
        // are left.
        let abandoned = 9 * SCALE.users / SCALE.one_abandoned_of;
        assert_eq!(left["sessions"], abandoned);
        assert_eq!(left["refresh_tokens"], abandoned, "only unused tokens are left");
        assert_eq!(left["revocations"], 0, "every token that the facts revoke has expired");
        assert_eq!(left["authorization_codes"], 0);
        assert_eq!((written.browser_sessions, written.consents), (180, 120));
        // Five days without a use are four days of 25 hours and some.
        let left_behind = 4 * SCALE.page_sign_ins / 3;
        assert_eq!(
            left["browser_sessions"], left_behind,
            "only those that somebody may come back to are left"
        );
        assert_eq!(left["consents"], 4, "one for each user who allowed something");
        let a_day = written.audit_events / 30;
        assert!(
            (6 * a_day..=AUDIT_DAYS * a_day).contains(&left["audit_events"]),
            "{left:?} of {a_day} a day"
        );
        // The number of rows has been stable for a long time.
        assert_eq!(at_noon[14], at_noon[29]);
        assert!(at_noon[2]["sessions"] < at_noon[14]["sessions"]);
        assert!(at_noon[2]["browser_sessions"] < at_noon[14]["browser_sessions"]);
        for table in Table::ALL {
            assert!(bytes(&database, table.as_str()).await > 0);
        }
    }
}
