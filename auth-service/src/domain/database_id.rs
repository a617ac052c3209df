//! The id of a database, which tells an earlier state of it from a later one.
//!
//! A new database gets a UUID. Each `after-restore` appends another one that bears its time, in place of the one before:
//! `<UUID>-<UUIDv7>`. So two ids with the same beginning belong to states of one database, and their ends say which was
//! given later.

use shared_claims::claims::TokenId;

/// The length of a UUID as text.
const UUID_LENGTH: usize = 36;

/// The part that all states of a database share, and the part that names the last `after-restore`; the latter is empty if there
/// was none.
fn parts(id: &str) -> (&str, &str) {
    id.split_at_checked(UUID_LENGTH).map_or((id, ""), |(origin, rest)| {
        rest.strip_prefix('-').map_or((id, ""), |generation| (origin, generation))
    })
}

/// Whether `id` is that of a state of the same database that an `after-restore` has replaced since.
pub fn is_replaced_by(id: &str, other: &str) -> bool {
    let ((origin, generation), (other_origin, later)) = (parts(id), parts(other));
    origin == other_origin && generation < later
}

/// The time of the next id, in milliseconds: now, or later if one of the known ids is of a later time.
pub fn next_generation_ms(now_ms: i64, known: &[&str]) -> i64 {
    let times = known.iter().filter_map(|id| TokenId::parse(parts(id).1).ok()).map(TokenId::time_ms);
    times.fold(now_ms, |next, known| next.max(known.saturating_add(1)))
}

/// The next id of the database that has this one.
pub fn next(id: &str, generation: uuid::Uuid) -> String {
    format!("{}-{generation}", parts(id).0)
}

#[cfg(test)]
mod tests {
    use uuid::{Builder, Uuid};

    use super::*;

    const ORIGIN: &str = "5f3b2a1c-0d9e-4f8a-8b7c-6d5e4f3a2b1c";

    fn at(ms: u64) -> Uuid {
        Builder::from_unix_timestamp_millis(ms, &[7; 10]).into_uuid()
    }

    #[test]
    fn a_later_id_of_the_same_database_replaces_an_earlier_one() {
        let (first, second) = (next(ORIGIN, at(1_000)), next(&next(ORIGIN, at(1_000)), at(2_000)));
        for (earlier, later) in [(ORIGIN, first.as_str()), (ORIGIN, second.as_str()), (&first, &second)] {
            assert!(is_replaced_by(earlier, later) && !is_replaced_by(later, earlier));
        }
        assert!(!is_replaced_by(&first, &first));
        let another = "0".repeat(36);
        assert!(!is_replaced_by(&another, &first), "that of another database");
        assert!(!is_replaced_by("", &first) && !is_replaced_by("e", "e-f"));
    }

    #[test]
    fn the_next_id_is_later_than_every_known_one_even_if_the_clock_was_set_back() {
        let known = next(ORIGIN, at(5_000));
        assert_eq!(next_generation_ms(4_000, &[ORIGIN, &known]), 5_001);
        assert_eq!(next_generation_ms(6_000, &[&known]), 6_000);
        assert_eq!(next_generation_ms(6_000, &[ORIGIN, "x"]), 6_000);
    }
}
