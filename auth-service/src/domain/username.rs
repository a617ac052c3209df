//! Usernames.

use unicode_normalization::UnicodeNormalization;
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::skeleton;

use super::uuid_shape::looks_like_uuid;

const MAX_CHARACTERS: usize = 100;
/// The most bytes of a name. Checked before normalising, so that a long input costs nothing.
const MAX_BYTES: usize = 1_600;

/// Why a string is not a username. The message is for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUsername {
    /// The name is empty or too long.
    #[error("must have 1 to 100 characters")]
    Length,
    /// The name begins or ends with a space.
    #[error("must not begin or end with a space")]
    OuterSpace,
    /// The name contains a control, zero-width, format or private-use character, or a space other than U+0020.
    #[error("must not contain control, invisible or undefined characters")]
    Character,
    /// The name mixes letters of several scripts.
    #[error("must not mix letters of different scripts")]
    MixedScripts,
    /// The name looks like a user's id.
    #[error("must not look like a user's id (a UUID)")]
    LooksLikeId,
}

/// A username: displayed as typed, compared by its NFKC form without case, and distinguished from others by how it
/// looks.
///
/// Two users are the same user when their [`key`](Self::key)s are equal, and must not both exist when their
/// [`skeleton`](Self::skeleton)s are (UTS 39 §4: `paypal` and `paypa1`, Latin `cope` and Cyrillic `соре`). Letters of
/// different scripts do not mix, except Latin with Chinese, Japanese or Korean (UTS 39 §5.2, "highly restrictive").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    as_typed: String,
    key: String,
    skeleton: String,
}

impl Username {
    /// Parses the name of a new user. A name must not look like an id: it could be the id of another user, and a
    /// command that takes a name or an id could then change the wrong user.
    pub fn parse_new(text: &str) -> Result<Self, InvalidUsername> {
        let name = Self::parse(text)?;
        if looks_like_uuid(&name.key) { Err(InvalidUsername::LooksLikeId) } else { Ok(name) }
    }

    /// Parses a name as it was typed, to find a user. Also accepts names that a new user must not have.
    pub fn parse(text: &str) -> Result<Self, InvalidUsername> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(InvalidUsername::Length);
        }
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            return Err(InvalidUsername::OuterSpace);
        }
        if text.chars().any(is_forbidden_as_typed) {
            return Err(InvalidUsername::Character);
        }
        let normal: String = text.nfkc().collect();
        if normal.starts_with(' ') || normal.ends_with(' ') {
            return Err(InvalidUsername::OuterSpace);
        }
        if normal.chars().any(is_forbidden) {
            return Err(InvalidUsername::Character);
        }
        if normal.is_empty() || normal.chars().count() > MAX_CHARACTERS {
            return Err(InvalidUsername::Length);
        }
        if mixes_scripts(&normal) {
            return Err(InvalidUsername::MixedScripts);
        }
        Ok(Self { as_typed: text.to_owned(), key: fold(&normal), skeleton: look(&normal) })
    }

    /// The name as it was typed, for display.
    pub fn as_typed(&self) -> &str {
        &self.as_typed
    }

    /// The NFKC form without case, by which users are found.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The skeleton of the name, which is equal for names that a person may confuse.
    pub fn skeleton(&self) -> &str {
        &self.skeleton
    }
}

/// Folds case until the text no longer changes. Converting each letter to upper case before lower case also makes `ß`
/// equal to `ss`, the two forms of sigma equal, and the dotless `ı` equal to `i`.
pub(super) fn fold(text: &str) -> String {
    let mut folded = text.to_owned();
    loop {
        let next: String =
            folded.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect();
        if next == folded {
            return folded;
        }
        folded = next;
    }
}

/// Computes the skeleton of the name as it is displayed, without case: `paypaI` with a capital i looks like `paypal`.
fn look(text: &str) -> String {
    let shown: String = skeleton(text).collect();
    let folded = fold(&shown);
    skeleton(&folded).collect()
}

/// Characters that are refused before NFKC is applied, because NFKC could turn them into allowed ones.
fn is_forbidden_as_typed(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || (c.is_whitespace() && c != ' ') || is_invisible(c) || is_format(c) || is_undefined(c)
}

/// Default-ignorable code points, which a skeleton leaves out, and U+2800 (Braille blank), which shows nothing but is
/// not one of them.
fn is_invisible(c: char) -> bool {
    c == '\u{2800}' || skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

/// Visible format characters (general category Cf), which do not belong in a name.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{fff9}'..='\u{fffd}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}')
}

/// Private-use code points and noncharacters.
fn is_undefined(c: char) -> bool {
    let code = u32::from(c);
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. | '\u{fdd0}'..='\u{fdef}') || code & 0xfffe == 0xfffe
}

fn mixes_scripts(text: &str) -> bool {
    if !AugmentedScriptSet::for_str(text).is_empty() {
        return false;
    }
    let beside_latin: String = text.chars().filter(|c| !is_latin(*c)).collect();
    let rest = AugmentedScriptSet::for_str(&beside_latin);
    !(rest.hanb || rest.jpan || rest.kore)
}

fn is_latin(c: char) -> bool {
    let set = AugmentedScriptSet::for_char(c);
    !set.is_all() && !AugmentedScriptSet::for_str(&format!("a{c}")).is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> String {
        Username::parse(text).unwrap().key
    }

    #[test]
    fn names_are_kept_as_typed_and_compared_without_case_or_width() {
        let name = Username::parse("Ａlice").unwrap();
        assert_eq!((name.as_typed(), name.key()), ("Ａlice", "alice"));
        assert_eq!(key("ALICE"), "alice");
        assert_eq!(key("STRASSE"), key("straße"));
        assert_eq!(key("ΣΊΣΥΦΟΣ"), key("σίσυφος"));
    }

    #[test]
    fn ordinary_names_of_the_world_are_taken() {
        for name in [
            "a",
            "bob",
            "O'Neil-Smith",
            "jo.hn+x@example.org",
            "Zoë",
            "Łukasz Żak",
            "Иван",
            "Ελένη",
            "王小明",
            "山田たろう",
            "김철수",
            "王Ming",
            "محمد",
            "דוד",
            "ไทย",
            "a_b c",
            "x".repeat(100).as_str(),
        ] {
            assert!(Username::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        use InvalidUsername::{Character, Length, MixedScripts, OuterSpace};
        for (name, why) in [
            ("", Length),
            (" ", OuterSpace),
            ("a ", OuterSpace),
            ("\ta", OuterSpace),
            ("a\u{a0}", OuterSpace),
            ("a\u{3000}", OuterSpace),
            ("a\0b", Character),
            ("a\nb", Character),
            ("a\u{200b}b", Character),
            ("a\u{200d}b", Character),
            ("a\u{feff}b", Character),
            ("a\u{ad}b", Character),
            ("a\u{202e}b", Character),
            ("a\u{e000}", Character),
            ("a\u{ffff}", Character),
            ("a\u{3164}b", Character),
            ("a\u{fe0f}b", Character),
            ("a\u{2800}b", Character),
            ("\u{ad}", Character),
            ("\u{430}lice", MixedScripts),
            ("al\u{3b9}ce", MixedScripts),
        ] {
            assert_eq!(Username::parse(name), Err(why), "{name:?}");
        }
        assert_eq!(Username::parse(&"x".repeat(101)), Err(Length));
        assert_eq!(
            Username::parse(&"\u{fdfa}".repeat(100)),
            Err(Length),
            "eighteen characters each after NFKC"
        );
    }

    #[test]
    fn names_that_look_alike_share_their_skeleton() {
        for (one, other) in [
            ("paypal", "paypa1"),
            ("paypal", "paypaI"),
            ("cope", "\u{441}\u{43e}\u{440}\u{435}"),
            ("Bob", "b0b"),
        ] {
            let [one, other] = [one, other].map(|name| Username::parse(name).unwrap());
            assert_ne!(one.key(), other.key());
            assert_eq!(one.skeleton(), other.skeleton());
        }
        assert_ne!(
            Username::parse("alice").unwrap().skeleton(),
            Username::parse("alicia").unwrap().skeleton()
        );
    }

    proptest! {
        #[test]
        fn no_input_panics_and_keys_are_stable(text in "\\PC{0,40}|.{0,40}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert_eq!(fold(name.key()), name.key());
                prop_assert!(!name.key().is_empty() && !name.skeleton().is_empty());
                if let Ok(again) = Username::parse(name.key()) {
                    prop_assert_eq!(again.key(), name.key());
                }
            }
        }

        #[test]
        fn case_never_makes_another_user(text in "[a-zA-Z0-9äöüßéèñçŒœſKİıΣςσΏ ._-]{1,30}") {
            let parsed = [text.clone(), text.to_uppercase(), text.to_lowercase()].map(|t| Username::parse(&t));
            if let [Ok(one), Ok(upper), Ok(lower)] = parsed {
                prop_assert_eq!(one.key(), upper.key());
                prop_assert_eq!(one.key(), lower.key());
            }
        }
    }
}
