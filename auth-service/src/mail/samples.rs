//! Sample letters, for `auth-service mail preview`.

use super::{Letter, LinkTarget, MailedLink, link};
use crate::domain::CallerKind;

/// The name of the account in samples.
const USER: &str = "ada";

const HOUR_S: i64 = 3_600;

/// A letter of each kind, as it could be sent now.
pub fn samples(issuer: &str, now_ms: i64) -> Vec<Letter> {
    let username = || Some(USER.to_owned());
    let sample = |target, life_s: i64| MailedLink {
        url: link(issuer, target, "sample_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"),
        life_s,
        ends_at_ms: now_ms.saturating_add(life_s.saturating_mul(1_000)),
    };
    vec![
        Letter::PasswordReset { username: username(), link: sample(LinkTarget::ResetPassword, HOUR_S) },
        Letter::Verification { link: sample(LinkTarget::VerifyEmail, 24 * HOUR_S) },
        Letter::NewAddress { link: sample(LinkTarget::VerifyEmail, 24 * HOUR_S) },
        Letter::AddressChangeRequested { username: username(), at_ms: now_ms },
        Letter::AddressChanged { username: username(), at_ms: now_ms },
        Letter::PasswordChanged { username: username(), at_ms: now_ms },
        Letter::AccountLocked {
            username: username(),
            at_ms: now_ms,
            length_s: 15 * 60,
            callers: CallerKind::Unknown,
        },
        Letter::Invitation { link: sample(LinkTarget::Register, 7 * 24 * HOUR_S) },
        Letter::Test { at_ms: now_ms },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sample_of_each_kind() {
        let names: Vec<_> = samples("https://id.example.com", 0).iter().map(Letter::name).collect();
        assert_eq!(names, Letter::NAMES);
    }
}
