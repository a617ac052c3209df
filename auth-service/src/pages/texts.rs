//! The texts of pages and mails: Fluent messages from `locales/`.

use std::borrow::Cow;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use super::locale::Locale;

/// Stands for an argument that a template puts in later. A private-use character: no setting may have one.
const PLACE: &str = "\u{E000}";

/// The messages of every language.
pub(crate) struct Catalogue {
    english: FluentBundle<FluentResource>,
    german: FluentBundle<FluentResource>,
}

impl Catalogue {
    pub(super) fn load() -> Self {
        Self::of(|_| None)
    }

    /// The messages of the pages, and further ones.
    pub(crate) fn with(further: fn(Locale) -> &'static str) -> Self {
        Self::of(|locale| Some(further(locale)))
    }

    fn of(further: impl Fn(Locale) -> Option<&'static str>) -> Self {
        let load = |locale| bundle(locale, further(locale));
        Self { english: load(Locale::English), german: load(Locale::German) }
    }

    /// The messages in this language. `issuer` is known to each of them.
    pub(crate) fn texts<'a>(&'a self, locale: Locale, issuer: &'a str) -> Texts<'a> {
        let bundle = match locale {
            Locale::English => &self.english,
            Locale::German => &self.german,
        };
        Texts { bundle, issuer }
    }
}

fn bundle(locale: Locale, further: Option<&'static str>) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![locale.lang().parse().unwrap_or_default()]);
    // Names stand in `<bdi>` elements instead of between invisible characters.
    bundle.set_use_isolating(false);
    for source in std::iter::once(locale.source()).chain(further) {
        // The catalogue is part of the program, and a test parses it: what remains after an error is all there is to use.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// The messages in one language.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    bundle: &'a FluentBundle<FluentResource>,
    issuer: &'a str,
}

/// A message around one value, which the template marks up.
pub(crate) struct Phrase<'a> {
    pub(crate) before: String,
    pub(crate) value: Cow<'a, str>,
    pub(crate) after: String,
}

impl Texts<'_> {
    /// A message without arguments of its own.
    pub(crate) fn text(&self, id: &str) -> String {
        self.format(id, None, FluentArgs::new())
    }

    /// A message with a text as its argument.
    pub(crate) fn text_with(&self, id: &str, name: &'static str, value: &str) -> String {
        let mut args = FluentArgs::new();
        args.set(name, FluentValue::from(value));
        self.format(id, None, args)
    }

    /// A message with several texts as its arguments.
    pub(crate) fn text_of(&self, id: &str, values: &[(&'static str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, FluentValue::from(*value));
        }
        self.format(id, None, args)
    }

    /// A message with a number as its argument.
    pub(super) fn number(&self, id: &str, name: &'static str, value: usize) -> String {
        let mut args = FluentArgs::new();
        args.set(name, FluentValue::from(value));
        self.format(id, None, args)
    }

    /// A message with the number `$count`.
    pub(crate) fn counted(&self, id: &str, count: usize) -> String {
        self.number(id, "count", count)
    }

    /// A message around a value, without the characters in it that turn the direction of text.
    pub(crate) fn phrase<'v>(&self, id: &str, name: &'static str, value: &'v str) -> Phrase<'v> {
        let text = self.text_with(id, name, PLACE);
        let (before, after) = text.split_once(PLACE).unwrap_or((&text, ""));
        Phrase { before: before.to_owned(), value: unturned(value), after: after.to_owned() }
    }

    /// The text of a message before, between and after its two arguments, which stand in this order in every language.
    pub(super) fn parts(&self, id: &str, names: [&'static str; 2]) -> [String; 3] {
        let text = self.text_of(id, &names.map(|name| (name, PLACE)));
        let mut parts = text.splitn(3, PLACE).map(str::to_owned);
        [(); 3].map(|()| parts.next().unwrap_or_default())
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

/// A text without the characters that turn its direction (U+202A to U+202E, U+2066 to U+2069): with them a name can look like
/// another one that is written backwards.
pub(super) fn unturned(text: &str) -> Cow<'_, str> {
    if text.chars().any(turns) { text.chars().filter(|c| !turns(*c)).collect() } else { Cow::Borrowed(text) }
}

fn turns(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A name as a part of a title, where no `<bdi>` can hold it: without characters that turn the direction, and isolated
/// (U+2068, U+2069) if it has letters that do.
pub(super) fn isolated(name: &str) -> Cow<'_, str> {
    let turns = |c: char| turns(c) || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}');
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
        let german = catalogue.texts(Locale::German, "Latchkey");
        assert_eq!(
            [30, 60, 61, 7201].map(|seconds| german.wait(seconds)),
            ["weniger als eine Minute", "eine Minute", "2 Minuten", "3 Stunden"]
        );
    }

    #[test]
    fn a_phrase_knows_what_stands_around_its_value() {
        let catalogue = Catalogue::load();
        let texts = catalogue.texts(Locale::English, "Latchkey");
        let phrase = texts.phrase("leads-to-host", "host", "app.example");
        assert_eq!(
            (phrase.before.as_str(), &*phrase.value, phrase.after.as_str()),
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
