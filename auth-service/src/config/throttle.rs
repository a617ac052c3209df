//! The settings under `throttle.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

use super::RevocationSettings;
use super::revocation::check_prefix;

/// Rate limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThrottleSettings {
    /// Whether the limits below apply.
    pub enabled: bool,
    /// What the names of the counters in Redis begin with.
    pub prefix: String,
    /// The most counters in Redis or the database. Further ones are counted by each process.
    pub max_counters: u32,
    /// The most failed attempts to log in per minute from one IP address (IPv6: a /64), or by one client with the password
    /// grant.
    pub logins_per_address_per_minute: u32,
    /// The most failed logins for one account; one more is possible when the first of them no longer counts.
    pub failures_per_name: u32,
    /// How long a failed login counts, and how long the first lock of an account lasts, in seconds.
    pub lock_seconds: u64,
    /// The most registrations per hour from one IP address.
    pub registrations_per_hour: u32,
    /// The most mails per hour that callers from one IP address can cause.
    pub mails_per_hour: u32,
    /// The most failed authentications of clients per minute from one IP address.
    pub client_failures_per_minute: u32,
    /// The most refreshes of one session per minute, including repeated ones.
    pub refreshes_per_session_per_minute: u32,
    /// The most revocations per minute of tokens that one client got in its own name.
    pub revocations_per_client_per_minute: u32,
    /// The most authorization codes redeemed per minute for one user.
    pub codes_per_user_per_minute: u32,
    /// The most mails with a link per hour to one mailbox: resets to its verified owner, and apart from these as many of all
    /// others that a stranger can cause.
    pub mails_per_mailbox_per_hour: u32,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            prefix: "{throttle}".to_owned(),
            max_counters: 200_000,
            logins_per_address_per_minute: 30,
            failures_per_name: 10,
            lock_seconds: 900,
            registrations_per_hour: 20,
            mails_per_hour: 10,
            client_failures_per_minute: 60,
            refreshes_per_session_per_minute: 30,
            revocations_per_client_per_minute: 1000,
            codes_per_user_per_minute: 60,
            mails_per_mailbox_per_hour: 5,
        }
    }
}

impl Validate for ThrottleSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        check_prefix(&self.prefix)?;
        in_range("max_counters", i64::from(self.max_counters), 0..=10_000_000)?;
        // Each failure is kept with its time.
        in_range("failures_per_name", i64::from(self.failures_per_name), 1..=100)?;
        in_range("lock_seconds", self.lock_seconds.try_into().unwrap_or(i64::MAX), 1..=86_400)?;
        for (name, limit) in [
            ("logins_per_address_per_minute", self.logins_per_address_per_minute),
            ("registrations_per_hour", self.registrations_per_hour),
            ("mails_per_hour", self.mails_per_hour),
            ("client_failures_per_minute", self.client_failures_per_minute),
            ("refreshes_per_session_per_minute", self.refreshes_per_session_per_minute),
            ("revocations_per_client_per_minute", self.revocations_per_client_per_minute),
            ("codes_per_user_per_minute", self.codes_per_user_per_minute),
            ("mails_per_mailbox_per_hour", self.mails_per_mailbox_per_hour),
        ] {
            in_range(name, i64::from(limit), 1..=1_000_000)?;
        }
        Ok(())
    }
}

impl ThrottleSettings {
    /// Checks the prefix against those settings of Redis that stand elsewhere.
    pub(super) fn check_redis(&self, revocation: &RevocationSettings) -> Result<(), InvalidSetting> {
        if self.prefix == revocation.prefix {
            return Err(InvalidSetting::new("prefix", "another one than that of revocation.prefix"));
        }
        revocation.check_hash_tag(&self.prefix)
    }
}
