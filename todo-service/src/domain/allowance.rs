//! How much a user has stored, and how much is allowed.

/// What a user has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The number of todos.
    pub todos: u64,
    /// The bytes of their titles and descriptions, in UTF-8.
    pub bytes: u64,
}

/// What a user may store. `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The greatest number of todos.
    pub todos: Option<u64>,
    /// The greatest number of bytes of titles and descriptions.
    pub bytes: Option<u64>,
}

/// The error when a change would exceed a limit of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// The user has the greatest number of todos.
    #[error("At most {0} todos are allowed: delete some to create more")]
    Todos(u64),
    /// The user has the greatest number of bytes.
    #[error("At most {0} bytes of titles and descriptions are allowed: delete or shorten some to write more")]
    Bytes(u64),
}

impl Allowance {
    /// Whether there is any limit.
    pub fn is_limited(self) -> bool {
        self.todos.is_some() || self.bytes.is_some()
    }

    /// Whether the user may change what is stored from `before` to `after`. A user who is over a limit, because it was
    /// lowered, may still store less.
    pub fn check(self, before: Usage, after: Usage) -> Result<(), LimitReached> {
        let exceeds = |limit: Option<u64>, before: u64, after: u64| {
            limit.filter(|limit| after > before && after > *limit)
        };
        if let Some(limit) = exceeds(self.todos, before.todos, after.todos) {
            return Err(LimitReached::Todos(limit));
        }
        match exceeds(self.bytes, before.bytes, after.bytes) {
            Some(limit) => Err(LimitReached::Bytes(limit)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(todos: u64, bytes: u64) -> Usage {
        Usage { todos, bytes }
    }

    #[test]
    fn only_growth_beyond_a_limit_is_refused() {
        let allowance = Allowance { todos: Some(2), bytes: Some(10) };
        for (before, after, expected) in [
            (usage(1, 5), usage(2, 10), Ok(())),
            (usage(2, 5), usage(3, 6), Err(LimitReached::Todos(2))),
            (usage(1, 5), usage(2, 11), Err(LimitReached::Bytes(10))),
            (usage(5, 50), usage(5, 49), Ok(())),
            (usage(5, 50), usage(5, 50), Ok(())),
            (usage(5, 50), usage(5, 51), Err(LimitReached::Bytes(10))),
        ] {
            assert_eq!(allowance.check(before, after), expected);
        }
        let unlimited = Allowance { todos: None, bytes: None };
        assert_eq!(unlimited.check(usage(0, 0), usage(u64::MAX, u64::MAX)), Ok(()));
    }
}
