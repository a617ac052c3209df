//! Logs panics.
//!
//! The panic message is logged, because the fault cannot be found without it. It may quote data: the standard library
//! puts a text that could not be sliced in backticks, and `Debug` puts texts in quotes. So everything in quotes is
//! removed, and also what looks like a secret without quotes. Latchkey's own secrets have no readable `Debug`. A
//! message that is part of the program is logged unchanged.

use std::panic::PanicHookInfo;

/// The greatest length of a message, in characters. A longer one is truncated.
const LONGEST: usize = 500;

/// The replacement for removed text.
const HIDDEN: &str = "…";

/// The panic hook. The line names the request in which the panic happened; its client does not see the message.
pub(super) fn log(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let (literal, formatted) =
        (panic.payload().downcast_ref::<&'static str>(), panic.payload().downcast_ref::<String>());
    let message = match (literal, formatted) {
        (Some(literal), _) => (*literal).to_owned(),
        (None, Some(text)) => without_values(text),
        (None, None) => "(no text)".to_owned(),
    };
    tracing::error!(place, thread = thread.name().unwrap_or("-"), message, "panic");
}

/// The message on one line, without quoted data.
fn without_values(message: &str) -> String {
    let mut shown = String::new();
    let mut rest = message;
    while let Some((before, quote, inside)) = split_at_quote(rest) {
        shown.push_str(before);
        shown.push(quote);
        shown.push_str(HIDDEN);
        // The last quote, because a quoted text may contain quotes. The text between two quoted texts is lost too.
        match inside.rfind(quote) {
            Some(end) => {
                shown.push(quote);
                rest = inside.get(end + quote.len_utf8()..).unwrap_or_default();
            }
            None => rest = "",
        }
    }
    shown.push_str(rest);
    let words = shown.split_whitespace().map(|word| if may_be_secret(word) { HIDDEN } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{HIDDEN}", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn split_at_quote(text: &str) -> Option<(&str, char, &str)> {
    let (at, quote) = text.char_indices().find(|(_, c)| matches!(c, '"' | '`'))?;
    Some((text.get(..at)?, quote, text.get(at + quote.len_utf8()..)?))
}

/// Whether the word may be an e-mail address, a URL with a password, or a long run of letters and digits: a token, a
/// hash, a key.
fn may_be_secret(word: &str) -> bool {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+' | '/' | '=' | '$');
    let run = word.split(|c: char| !is_of_token(c)).map(str::len).max().unwrap_or_default();
    word.contains('@') || (run >= 20 && word.contains(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_message_keeps_its_text_and_loses_quoted_values() {
        for (message, shown) in [
            ("index out of bounds: the len is 3 but the index is 7", None),
            ("attempt to subtract with overflow", None),
            ("already borrowed: BorrowMutError", None),
            (
                "called `Result::unwrap()` on an `Err` value: Parse { input: \"hunter2\" }",
                Some("called `…` value: Parse { input: \"…\" }"),
            ),
            (
                "end byte index 3 is not a char boundary; it is inside 'é' (bytes 2..4) of `päss`word`",
                Some("end byte index 3 is not a char boundary; it is inside 'é' (bytes 2..4) of `…`"),
            ),
            ("an unfinished \"hunter2", Some("an unfinished \"…")),
            ("who is ada@example.com here", Some("who is … here")),
            ("bad token eyJhbGciOiJSUzI1NiJ9.e30.c2ln", Some("bad token …")),
            ("two\nlines", Some("two lines")),
        ] {
            assert_eq!(without_values(message), shown.unwrap_or(message));
        }
        assert_eq!(without_values(&"word ".repeat(200)).chars().count(), LONGEST + 1);
    }
}
