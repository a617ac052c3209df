//! A counter as bytes, for a store that does not compute with it.

use super::{AttemptCounter, AttemptId};

/// The first byte, which is another one if the form changes.
const FORM: u8 = 1;

impl AttemptCounter {
    /// The counter as bytes: the form, `empty_at_us`, the number of failures and each of them, and the attempts under way.
    /// Numbers are big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(11 + 8 * self.failures.len() + 16 * self.under_way.len());
        bytes.push(FORM);
        bytes.extend(self.empty_at_us.to_be_bytes());
        bytes.extend(u16::try_from(self.failures.len()).unwrap_or(u16::MAX).to_be_bytes());
        for end_ms in self.failures.iter().take(usize::from(u16::MAX)) {
            bytes.extend(end_ms.to_be_bytes());
        }
        for (AttemptId(id), end_ms) in &self.under_way {
            bytes.extend(id.to_be_bytes());
            bytes.extend(end_ms.to_be_bytes());
        }
        bytes
    }

    /// Reads a counter. One that another release wrote in another form counts as empty: it is better to count anew than to
    /// refuse everybody.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        if *form != FORM {
            return None;
        }
        let (empty_at_us, rest) = rest.split_first_chunk()?;
        let (failures, rest) = rest.split_first_chunk()?;
        let (failures, under_way) = rest.split_at_checked(8 * usize::from(u16::from_be_bytes(*failures)))?;
        let (failures, _) = failures.as_chunks::<8>();
        let (under_way, []) = under_way.as_chunks::<16>() else { return None };
        let attempt = |bytes: &[u8; 16]| {
            let both = u128::from_be_bytes(*bytes);
            #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
            (AttemptId((both >> 64) as u64), (both as u64).cast_signed())
        };
        Some(Self {
            empty_at_us: i64::from_be_bytes(*empty_at_us),
            failures: failures.iter().map(|bytes| i64::from_be_bytes(*bytes)).collect(),
            under_way: under_way.iter().map(attempt).collect(),
        })
    }
}
