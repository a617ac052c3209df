//! The roles of users.

/// The most characters of a role.
const MAX_CHARACTERS: usize = 64;
/// The most characters of all roles together: a token must fit into a cookie, and browsers keep at most 4,096 bytes
/// of one.
const MAX_TOTAL: usize = 1_000;

/// Why a list of roles is refused. The message is for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoles {
    /// A role is empty or too long.
    #[error("a role must have 1 to {MAX_CHARACTERS} characters")]
    Length,
    /// A role contains a character that is not allowed.
    #[error("a role must consist of visible ASCII characters other than comma, quotation mark and backslash")]
    Character,
    /// All roles together do not fit into a token.
    #[error("all roles together must have at most {MAX_TOTAL} characters")]
    TooMany,
}

/// The roles of a user: the order is kept, repetitions are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNames(Vec<String>);

impl RoleNames {
    /// Parses a comma-separated list. An empty text means no roles.
    pub fn parse(list: &str) -> Result<Self, InvalidRoles> {
        if list.trim().is_empty() {
            return Ok(Self::default());
        }
        Self::from_names(list.split(',').map(str::trim))
    }

    /// Checks role names that are already separate.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRoles> {
        let mut roles: Vec<String> = Vec::new();
        let mut total = 0;
        for name in names {
            check(name)?;
            if roles.iter().any(|known| known == name) {
                continue;
            }
            total += name.len() + 1;
            if total > MAX_TOTAL {
                return Err(InvalidRoles::TooMany);
            }
            roles.push(name.to_owned());
        }
        Ok(Self(roles))
    }

    /// The names.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether a user who had the roles `before` loses at least one of them.
    pub fn take_away_from(&self, before: &[String]) -> bool {
        before.iter().any(|role| !self.0.contains(role))
    }
}

fn check(name: &str) -> Result<(), InvalidRoles> {
    if !name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\')) {
        return Err(InvalidRoles::Character);
    }
    if name.is_empty() || name.len() > MAX_CHARACTERS {
        return Err(InvalidRoles::Length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_split_at_commas_and_keeps_its_order() {
        let roles = RoleNames::parse("editor, admin,editor,todo:write").unwrap();
        assert_eq!(roles.as_slice(), ["editor", "admin", "todo:write"]);
        assert_eq!(RoleNames::parse("").unwrap(), RoleNames::default());
    }

    #[test]
    fn what_a_token_or_a_column_could_not_hold_is_refused() {
        for (list, why) in [
            ("a b", InvalidRoles::Character),
            ("a\tb", InvalidRoles::Character),
            ("a\"b", InvalidRoles::Character),
            ("a\\b", InvalidRoles::Character),
            ("ä", InvalidRoles::Character),
            ("a,,b", InvalidRoles::Length),
            (&"x".repeat(65), InvalidRoles::Length),
            (&(0..300).map(|n| format!("r{n}")).collect::<Vec<_>>().join(","), InvalidRoles::TooMany),
        ] {
            assert_eq!(RoleNames::parse(list), Err(why), "{list:?}");
        }
        assert_eq!(RoleNames::from_names(["a,b"]), Err(InvalidRoles::Character));
    }

    #[test]
    fn adding_takes_nothing_away() {
        let before = ["a".to_owned(), "b".to_owned()];
        assert!(!RoleNames::parse("c,b,a").unwrap().take_away_from(&before));
        assert!(RoleNames::parse("a,c").unwrap().take_away_from(&before));
        assert!(RoleNames::default().take_away_from(&before));
    }

    proptest! {
        #[test]
        fn what_parses_reads_back_from_its_column(list in "[a-z:,_. -]{0,80}|.{0,40}") {
            if let Ok(roles) = RoleNames::parse(&list) {
                let column = roles.as_slice().join(" ");
                let read: Vec<_> = column.split_ascii_whitespace().collect();
                prop_assert_eq!(read, roles.as_slice());
            }
        }
    }
}
