//! The names and descriptions of the metrics.

/// The kind of a metric.
///
/// ```
/// use shared_claims::metrics::{Metric, MetricKind};
///
/// assert_eq!(Metric::ListAge.kind(), MetricKind::Gauge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A number that only goes up, from 0 when the verifier is built.
    Counter,
    /// A number that goes up and down.
    Gauge,
}

/// One metric of the [table](super#the-numbers).
///
/// ```
/// use shared_claims::metrics::{Metric, MetricKind};
///
/// let metric = Metric::TokensRefused;
/// assert_eq!((metric.name(), metric.label()), ("latchkey_tokens_refused_total", Some("reason")));
/// assert_eq!(metric.kind(), MetricKind::Counter);
/// assert_eq!(metric.help(), "Tokens that are not valid, by reason.");
/// assert!(Metric::ALL.contains(&metric));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// `latchkey_tokens_accepted_total`
    TokensAccepted,
    /// `latchkey_tokens_refused_total`, by reason
    TokensRefused,
    /// `latchkey_tokens_revoked_total`, by kind
    TokensRevoked,
    /// `latchkey_tokens_unavailable_total`, by what was missing
    TokensUnavailable,
    /// `latchkey_tokens_accepted_on_outage_total`
    TokensAcceptedOnOutage,
    /// `latchkey_token_cache_total`, by outcome
    TokenCache,
    /// `latchkey_key_set_fetches_total`, by outcome
    KeySetFetches,
    /// `latchkey_key_set_keys`
    KeySetKeys,
    /// `latchkey_key_set_age_seconds`
    KeySetAge,
    /// `latchkey_revocation_list_current`
    ListCurrent,
    /// `latchkey_revocation_list_connected`
    ListConnected,
    /// `latchkey_revocation_list_age_seconds`
    ListAge,
    /// `latchkey_revocation_list_entries`
    ListEntries,
    /// `latchkey_revocation_list_resyncs_total`
    ListResyncs,
    /// `latchkey_revocation_list_errors_total`
    ListErrors,
    /// `latchkey_revocation_list_malformed_total`
    ListMalformed,
    /// `latchkey_revocation_list_restarts_total`
    ListRestarts,
}

impl Metric {
    /// Every metric, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::TokensAccepted,
        Self::TokensRefused,
        Self::TokensRevoked,
        Self::TokensUnavailable,
        Self::TokensAcceptedOnOutage,
        Self::TokenCache,
        Self::KeySetFetches,
        Self::KeySetKeys,
        Self::KeySetAge,
        Self::ListCurrent,
        Self::ListConnected,
        Self::ListAge,
        Self::ListEntries,
        Self::ListResyncs,
        Self::ListErrors,
        Self::ListMalformed,
        Self::ListRestarts,
    ];

    /// The metric's name, with its unit, in Prometheus' naming style.
    pub fn name(self) -> &'static str {
        match self {
            Self::TokensAccepted => "latchkey_tokens_accepted_total",
            Self::TokensRefused => "latchkey_tokens_refused_total",
            Self::TokensRevoked => "latchkey_tokens_revoked_total",
            Self::TokensUnavailable => "latchkey_tokens_unavailable_total",
            Self::TokensAcceptedOnOutage => "latchkey_tokens_accepted_on_outage_total",
            Self::TokenCache => "latchkey_token_cache_total",
            Self::KeySetFetches => "latchkey_key_set_fetches_total",
            Self::KeySetKeys => "latchkey_key_set_keys",
            Self::KeySetAge => "latchkey_key_set_age_seconds",
            Self::ListCurrent => "latchkey_revocation_list_current",
            Self::ListConnected => "latchkey_revocation_list_connected",
            Self::ListAge => "latchkey_revocation_list_age_seconds",
            Self::ListEntries => "latchkey_revocation_list_entries",
            Self::ListResyncs => "latchkey_revocation_list_resyncs_total",
            Self::ListErrors => "latchkey_revocation_list_errors_total",
            Self::ListMalformed => "latchkey_revocation_list_malformed_total",
            Self::ListRestarts => "latchkey_revocation_list_restarts_total",
        }
    }

    /// A one-line description.
    pub fn help(self) -> &'static str {
        match self {
            Self::TokensAccepted => "Tokens accepted.",
            Self::TokensRefused => "Tokens that are not valid, by reason.",
            Self::TokensRevoked => "Tokens refused as revoked, by kind of fact.",
            Self::TokensUnavailable => "Tokens that could not be checked, by what was missing.",
            Self::TokensAcceptedOnOutage => {
                "Tokens accepted although it was not known whether they were revoked."
            }
            Self::TokenCache => "Tokens with a valid signature, by whether the cache had them.",
            Self::KeySetFetches => "Requests for the key set, by outcome.",
            Self::KeySetKeys => "Keys in use.",
            Self::KeySetAge => "Time since the issuer last sent or confirmed its keys.",
            Self::ListCurrent => "1 while the list is recent enough to decide.",
            Self::ListConnected => "1 if the source of the list answered the last request.",
            Self::ListAge => "Time since the list was last known to be complete.",
            Self::ListEntries => "Revocation facts in memory.",
            Self::ListResyncs => "Times that the list was read again from its beginning.",
            Self::ListErrors => "Failed attempts to read the list.",
            Self::ListMalformed => "Entries of the list that could not be parsed.",
            Self::ListRestarts => "Panics of the task that follows the list, each followed by a restart.",
        }
    }

    /// Counter or gauge.
    pub fn kind(self) -> MetricKind {
        if self.name().ends_with("_total") { MetricKind::Counter } else { MetricKind::Gauge }
    }

    /// The label of the metric's samples; `None` if they have none.
    pub fn label(self) -> Option<&'static str> {
        match self {
            Self::TokensRefused => Some("reason"),
            Self::TokensRevoked => Some("kind"),
            Self::TokensUnavailable => Some("missing"),
            Self::TokenCache | Self::KeySetFetches => Some("outcome"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_all_of_them_and_nothing_else() {
        let table = include_str!("../metrics.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
        let row = |metric: &Metric| {
            let kind = if metric.kind() == MetricKind::Counter { "counter" } else { "gauge" };
            let label = metric.label().map(|label| format!("`{label}` ")).unwrap_or_default();
            format!("{}` | {kind} | {label}| ", metric.name())
        };
        let mut metrics = Metric::ALL.iter();
        for line in table {
            let row = metrics.next().map(row).unwrap_or_default();
            assert!(line.starts_with(&row) && !row.is_empty(), "{line} is not {row}");
        }
        assert_eq!(metrics.next(), None);
    }
}
