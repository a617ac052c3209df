//! Where a follower stands in the log.

/// A cursor that cannot be used: start again without one, and keep what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor belongs to another list")]
pub struct UnusableCursor;

/// A place in the list of one database: `<epoch>.<seq>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The database's id; `None` for the beginning of whichever list there is.
    pub(super) epoch: Option<String>,
    /// The last fact that is known. Not below zero.
    pub(super) seq: i64,
}

impl Cursor {
    /// Before the first fact.
    pub(super) const BEGINNING: Self = Self { epoch: None, seq: 0 };

    pub(super) fn parse(text: &str) -> Result<Self, UnusableCursor> {
        let (epoch, seq) = text.split_once('.').ok_or(UnusableCursor)?;
        let seq = seq.parse().ok().filter(|seq| *seq >= 0).ok_or(UnusableCursor)?;
        Ok(Self { epoch: Some(epoch.to_owned()), seq })
    }

    pub(super) fn render(epoch: &str, seq: i64) -> String {
        format!("{epoch}.{seq}")
    }

    /// Whether it can belong to the list of that database.
    pub(super) fn is_of(&self, epoch: &str) -> bool {
        self.epoch.as_ref().is_none_or(|own| own == epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_round_trip() {
        let cursor = Cursor::parse(&Cursor::render("0192-a", 41)).unwrap();
        assert_eq!(cursor, Cursor { epoch: Some("0192-a".to_owned()), seq: 41 });
        assert!(cursor.is_of("0192-a") && !cursor.is_of("0192-b") && Cursor::BEGINNING.is_of("0192-b"));
    }

    #[test]
    fn what_is_no_cursor_is_unusable() {
        for text in ["", "41", "a.", "a.-1", "a.b", "a.1.2", "a.99999999999999999999"] {
            assert_eq!(Cursor::parse(text), Err(UnusableCursor), "{text:?}");
        }
    }
}
