//! The texts of the pages: Fluent messages from `locales/`.

use std::borrow::Cow;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

/// The languages of the pages. To add one: a variant here, and a file in `locales/` with the same messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// English.
    #[default]
    English,
}

impl Locale {
    /// The language tag (BCP 47), for `lang` and `Content-Language`.
    pub fn lang(self) -> &'static str {
        match self {
            Self::English => "en",
        }
    }

    /// The direction of the script, for `dir`.
    pub fn dir(self) -> &'static str {
        match self {
            Self::English => "ltr",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("../../locales/en.ftl"),
        }
    }
}

/// Stands for an argument that a template puts in later. A private-use character: no setting may have one.
const PLACE: &str = "\u{E000}";

/// The messages of every language.
pub(super) struct Catalogue {
    english: FluentBundle<FluentResource>,
}

impl Catalogue {
    pub(super) fn load() -> Self {
        Self { english: bundle(Locale::English) }
    }

    /// The messages in this language. `issuer` is known to each of them.
    pub(super) fn texts<'a>(&'a self, locale: Locale, issuer: &'a str) -> Texts<'a> {
        let bundle = match locale {
            Locale::English => &self.english,
        };
        Texts { bundle, issuer }
    }
}

fn bundle(locale: Locale) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![locale.lang().parse().unwrap_or_default()]);
    // Names stand in `<bdi>` elements instead of between invisible characters.
    bundle.set_use_isolating(false);
    // The catalogue is part of the program, and a test parses it: what remains after an error is all there is to use.
    let resource =
        FluentResource::try_new(locale.source().to_owned()).unwrap_or_else(|(resource, _)| resource);
    bundle.add_resource_overriding(resource);
    bundle
}

/// The messages in one language.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    bundle: &'a FluentBundle<FluentResource>,
    issuer: &'a str,
}

/// A message around one value, which the template marks up.
pub(super) struct Phrase<'a> {
    pub(super) before: String,
    pub(super) value: &'a str,
    pub(super) after: String,
}

impl Texts<'_> {
    /// A message without arguments of its own.
    pub(super) fn text(&self, id: &str) -> String {
        self.format(id, None, FluentArgs::new())
    }

    /// A message with a text as its argument.
    pub(super) fn text_with(&self, id: &str, name: &'static str, value: &str) -> String {
        let mut args = FluentArgs::new();
        args.set(name, FluentValue::from(value));
        self.format(id, None, args)
    }

    /// A message with a number as its argument.
    pub(super) fn number(&self, id: &str, name: &'static str, value: usize) -> String {
        let mut args = FluentArgs::new();
        args.set(name, FluentValue::from(value));
        self.format(id, None, args)
    }

    /// A message with the number `$count`.
    pub(super) fn counted(&self, id: &str, count: usize) -> String {
        self.number(id, "count", count)
    }

    /// A message around a value.
    pub(super) fn phrase<'v>(&self, id: &str, name: &'static str, value: &'v str) -> Phrase<'v> {
        let text = self.text_with(id, name, PLACE);
        let (before, after) = text.split_once(PLACE).unwrap_or((&text, ""));
        Phrase { before: before.to_owned(), value, after: after.to_owned() }
    }

    /// The attribute `sentence` of a message, if it has one.
    pub(super) fn sentence(&self, id: &str) -> Option<String> {
        let message = self.bundle.get_message(id)?;
        message.get_attribute("sentence")?;
        Some(self.format(id, Some("sentence"), FluentArgs::new()))
    }

    /// How long to wait, rounded up.
    pub(super) fn wait(&self, seconds: u64) -> String {
        let (minutes, hours) = (seconds.div_ceil(60), seconds.div_ceil(3600));
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        match seconds {
            0..60 => self.text("wait-moment"),
            60..5400 => self.counted("wait-minutes", count(minutes)),
            _ => self.counted("wait-hours", count(hours)),
        }
    }

    fn format<'f>(&'f self, id: &str, attribute: Option<&str>, mut args: FluentArgs<'f>) -> String {
        let found = self.bundle.get_message(id).and_then(|message| match attribute {
            Some(name) => message.get_attribute(name).map(|attribute| attribute.value()),
            None => message.value(),
        });
        let Some(pattern) = found else {
            debug_assert!(false, "the catalogue has no message {id}");
            return id.to_owned();
        };
        args.set("issuer", FluentValue::from(self.issuer));
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        debug_assert!(errors.is_empty(), "{id}: {errors:?}");
        text
    }
}

/// A name as a part of a title, where no `<bdi>` can hold it: without characters that turn the direction, and isolated
/// (U+2068, U+2069) if it has letters that do.
pub(super) fn isolated(name: &str) -> Cow<'_, str> {
    let turns = |c: char| matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let is_right_to_left = |c: char| matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}');
    if !name.chars().any(|c| turns(c) || is_right_to_left(c)) {
        return Cow::Borrowed(name);
    }
    let mut text = String::from('\u{2068}');
    text.extend(name.chars().filter(|c| !turns(*c)));
    text.push('\u{2069}');
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_rounded_up() {
        let catalogue = Catalogue::load();
        let texts = catalogue.texts(Locale::English, "Latchkey");
        for (seconds, expected) in [
            (0, "less than a minute"),
            (59, "less than a minute"),
            (60, "one minute"),
            (61, "2 minutes"),
            (720, "12 minutes"),
            (5399, "90 minutes"),
            (5400, "2 hours"),
            (7200, "2 hours"),
            (7201, "3 hours"),
        ] {
            assert_eq!(texts.wait(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_phrase_knows_what_stands_around_its_value() {
        let catalogue = Catalogue::load();
        let texts = catalogue.texts(Locale::English, "Latchkey");
        let phrase = texts.phrase("leads-to-host", "host", "app.example");
        assert_eq!(
            (phrase.before.as_str(), phrase.value, phrase.after.as_str()),
            ("Either way you go back to ", "app.example", ".")
        );
        assert!(texts.text("third-party").starts_with("It is not run by Latchkey."));
    }

    #[test]
    fn a_name_in_a_title_turns_nothing_but_itself() {
        assert_eq!(isolated("Fjordpost – für Teams 🎉"), "Fjordpost – für Teams 🎉");
        assert_eq!(isolated("a\u{202E}b"), "\u{2068}ab\u{2069}");
        assert_eq!(isolated("\u{5D0}\u{5D1}\u{2069}"), "\u{2068}\u{5D0}\u{5D1}\u{2069}");
    }
}
