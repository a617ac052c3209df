//! Detects texts that look like a user's id.

use unicode_normalization::UnicodeNormalization;

/// Whether a program or a person could take a text for a UUID: in any case and character width, with or without
/// hyphens, in braces, or as a URN. This accepts more than our own UUID parser does, because other programs' parsers
/// may accept more.
pub(crate) fn looks_like_uuid(text: &str) -> bool {
    let normal: String = text.nfkc().flat_map(char::to_lowercase).take(64).collect();
    let bare = normal.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '{' | '}' | '(' | ')' | '[' | ']' | '"' | '\'')
    });
    let bare = bare.strip_prefix("urn:").unwrap_or(bare);
    let bare = bare.strip_prefix("uuid:").unwrap_or(bare);
    let mut digits = 0;
    for character in bare.chars().filter(|c| !is_hyphen(*c)) {
        if !character.is_ascii_hexdigit() {
            return false;
        }
        digits += 1;
    }
    digits == 32
}

fn is_hyphen(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_uuid_is_one() {
        let id = "01a20c9b-1111-7222-8333-444455556666";
        let wide: String = id
            .chars()
            .map(|c| if c == '-' { c } else { char::from_u32(c as u32 + 0xfee0).unwrap() })
            .collect();
        for text in [
            id.to_owned(),
            id.to_uppercase(),
            id.replace('-', ""),
            id.replace('-', "\u{2013}"),
            id.replacen('-', "", 1),
            format!("{{{id}}}"),
            format!("urn:uuid:{id}"),
            format!("URN:UUID:{}", id.to_uppercase()),
            format!("uuid:{id}"),
            wide,
        ] {
            assert!(looks_like_uuid(&text), "{text}");
        }
    }

    #[test]
    fn other_names_are_none() {
        let id = "01a20c9b-1111-7222-8333-444455556666";
        for text in ["", "alice", "deadbeef", &id[1..], &format!("{id}0"), &id.replace('1', "g"), "a-b-c-d-e"]
        {
            assert!(!looks_like_uuid(text), "{text}");
        }
    }
}
