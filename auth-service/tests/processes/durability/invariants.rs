//! Invariants of the database that hold after complete transactions, and that a partial transaction would probably
//! violate.

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError};

/// Each invariant, with a query that counts its violations.
const NEVER: &[(&str, &str)] = &[
    (
        "a session with no token that can be used, or with two",
        "(SELECT count(*) FROM sessions s WHERE s.client_id = 'first-party' AND 1 <> (SELECT count(*) \
         FROM refresh_tokens t WHERE t.session_id = s.id AND t.consumed_at_ms IS NULL))",
    ),
    (
        "a session that was ended by itself, and nobody is told",
        "(SELECT count(*) FROM sessions s WHERE s.end_reason IN ('logout', 'revoked', 'reuse', 'ended_by_user', 'displaced') \
         AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.kind = 'sid' AND r.subject_id = s.id))",
    ),
    (
        "a session that others are told is over, and is not",
        "(SELECT count(*) FROM revocations r WHERE r.kind = 'sid' AND NOT EXISTS \
         (SELECT 1 FROM sessions s WHERE s.id = r.subject_id AND s.ended_at_ms IS NOT NULL))",
    ),
    (
        "a hole in the log",
        "(SELECT abs(l.last_seq - (SELECT count(*) FROM revocations)) FROM revocation_log l)",
    ),
    (
        "a user who was switched off, and has a session",
        "(SELECT count(*) FROM users u JOIN sessions s ON s.user_id = u.id \
         WHERE NOT u.is_active AND s.ended_at_ms IS NULL)",
    ),
    (
        "a user who was switched off, and nobody is told",
        "(SELECT count(*) FROM users u WHERE NOT u.is_active AND NOT EXISTS \
         (SELECT 1 FROM revocations r WHERE r.kind = 'sub' AND r.subject_id = u.id AND r.at_ms = u.token_cut_ms))",
    ),
    (
        "a session that began or ended without a record of it",
        "(SELECT count(*) FROM sessions s WHERE NOT EXISTS \
         (SELECT 1 FROM audit_events a WHERE a.kind = 'login.ok' AND a.session_id = s.id) \
         OR s.end_reason IN ('logout', 'revoked') AND NOT EXISTS \
         (SELECT 1 FROM audit_events a WHERE a.kind = 'session.ended' AND a.session_id = s.id))",
    ),
    (
        "a user who registered without a record of it",
        "(SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM audit_events a \
         WHERE a.kind IN ('user.registered', 'user.created') AND a.user_id = u.id))",
    ),
    (
        "no key that signs, or more than one; or two that are to follow",
        "(SELECT abs(1 - count(*)) FROM signing_keys WHERE state = 'active') \
         + (SELECT CASE WHEN count(*) > 1 THEN 1 ELSE 0 END FROM signing_keys WHERE state = 'next')",
    ),
    (
        "a confidential client without a secret, or a secret without its client",
        "(SELECT count(*) FROM clients c WHERE NOT c.is_public AND NOT EXISTS \
         (SELECT 1 FROM client_secrets s WHERE s.client_id = c.id)) \
         + (SELECT count(*) FROM client_secrets s WHERE NOT EXISTS (SELECT 1 FROM clients c WHERE c.id = s.client_id))",
    ),
];

pub(super) async fn check(database: &TestDatabase) {
    let connected = Database::connect(&database.settings()).await.unwrap();
    for (what, count) in NEVER {
        let counted = connected.read(move |conn| {
            Ok::<_, DatabaseError>(diesel::select(sql::<BigInt>(count)).get_result::<i64>(conn)?)
        });
        assert_eq!(counted.await.unwrap(), 0, "{:?}: {what}", database.backend());
    }
}
