//! Renders letters: a subject, a text and an HTML document, in each language.

use std::fmt::Write as _;

use askama::Template;

use super::{Letter, Locale, MailedLink};
use crate::domain::CallerKind;
use crate::pages::{Catalogue, Color, MailColors, Texts};

/// The longest line of the text part, in characters. A link is never broken.
const LINE: usize = 76;

/// What every mail of this installation has in common.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// The issuer's URL.
    pub issuer: String,
    /// The name of the issuer, for people.
    pub issuer_name: String,
    /// Where people find help: an `https:`, `http:` or `mailto:` URL.
    pub support: Option<String>,
    /// The colour of buttons, as `#RRGGBB`.
    pub accent: Option<String>,
}

/// A letter, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject.
    pub subject: String,
    /// The text, with a line feed after each line.
    pub text: String,
    /// The HTML document. It is ASCII: other characters are written as character references.
    pub html: String,
}

/// Renders letters.
pub(super) struct Renderer {
    head: Letterhead,
    host: String,
    colors: MailColors,
    catalogue: Catalogue,
}

/// A part of a letter.
enum Block {
    Text(String),
    Link(Link),
}

struct Link {
    url: String,
    label: String,
}

/// The salutation, around the name of the account.
struct Hello {
    before: String,
    name: Option<String>,
    after: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Document<'a> {
    lang: &'static str,
    subject: &'a str,
    issuer: &'a str,
    hello: &'a Hello,
    blocks: &'a [Block],
    link_in_full: String,
    footer: &'a str,
    support_label: &'a str,
    support: Option<&'a str>,
    colors: MailColors,
}

pub(super) fn source(locale: Locale) -> &'static str {
    match locale {
        Locale::English => include_str!("../../locales/mail.en.ftl"),
        Locale::German => include_str!("../../locales/mail.de.ftl"),
    }
}

impl Renderer {
    pub(super) fn new(head: Letterhead) -> Self {
        let host = head.issuer.split_once("://").map_or(head.issuer.as_str(), |(_, rest)| rest).to_owned();
        let accent = head.accent.as_deref().and_then(|accent| accent.parse::<Color>().ok());
        Self { host, colors: MailColors::of(accent), catalogue: Catalogue::with(source), head }
    }

    pub(super) fn render(&self, locale: Locale, letter: &Letter) -> Rendered {
        let texts = self.catalogue.texts(locale, &self.head.issuer_name);
        let subject = texts.text(&message(letter, ""));
        let hello = hello(&texts, letter);
        let blocks = self.blocks(&texts, letter);
        let footer = texts.text_with("mail-footer", "host", &self.host);
        let support_label = texts.text("mail-support");
        let document = Document {
            lang: locale.lang(),
            subject: &subject,
            issuer: &self.head.issuer_name,
            hello: &hello,
            blocks: &blocks,
            link_in_full: texts.text("mail-link-in-full"),
            footer: &footer,
            support_label: &support_label,
            support: self.head.support.as_deref(),
            colors: self.colors,
        };
        let html = document.render().unwrap_or_else(|error| {
            // The template calls nothing that can fail, and a text takes every write.
            tracing::error!(%error, "mail.not_rendered");
            String::new()
        });
        let text = self.text(&hello, &blocks, &footer, &support_label);
        Rendered { html: ascii(&html), text, subject }
    }

    /// The text part. Each link stands alone on its line.
    fn text(&self, hello: &Hello, blocks: &[Block], footer: &str, support_label: &str) -> String {
        let name = hello.name.as_deref().unwrap_or_default();
        let mut text = wrapped(&format!("{}{name}{}", hello.before, hello.after));
        for block in blocks {
            text.push('\n');
            match block {
                Block::Text(paragraph) => text.push_str(&wrapped(paragraph)),
                Block::Link(link) => text.extend([link.url.as_str(), "\n"]),
            }
        }
        text.push_str("\n-- \n");
        text.push_str(&wrapped(footer));
        if let Some(support) = &self.head.support {
            text.extend([support_label, "\n", support, "\n"]);
        }
        text
    }

    fn blocks(&self, texts: &Texts<'_>, letter: &Letter) -> Vec<Block> {
        let otherwise = || Block::Text(texts.text(&message(letter, "-otherwise")));
        let opens = |url: String| Block::Link(Link { url, label: texts.text(&message(letter, "-button")) });
        let dated =
            |at_ms| Block::Text(texts.text_with(&message(letter, "-text"), "date", &texts.date(at_ms)));
        match letter {
            Letter::PasswordReset { link, .. }
            | Letter::Verification { link }
            | Letter::NewAddress { link }
            | Letter::Invitation { link } => vec![
                Block::Text(texts.text(&message(letter, "-text"))),
                opens(link.url.clone()),
                Block::Text(life(texts, link)),
                otherwise(),
            ],
            Letter::AddressChangeRequested { at_ms, .. } | Letter::PasswordChanged { at_ms, .. } => {
                vec![dated(*at_ms), otherwise(), opens(format!("{}/forgot-password", self.head.issuer))]
            }
            Letter::AccountLocked { at_ms, length_s, callers, .. } => {
                // Rounded up: nobody is promised an earlier end.
                let life = length(texts, length_s.saturating_add(59).div_euclid(60).saturating_mul(60));
                let end = texts.date(at_ms.saturating_add(length_s.saturating_mul(1000)));
                let values = [("date", texts.date(*at_ms)), ("life", life), ("end", end)];
                let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
                let callers = match callers {
                    CallerKind::Unknown => "mail-account-locked-unknown",
                    CallerKind::Device => "mail-account-locked-device",
                    CallerKind::Network => "mail-account-locked-network",
                };
                vec![
                    Block::Text(texts.text_of(&message(letter, "-text"), &values)),
                    Block::Text(texts.text(callers)),
                    otherwise(),
                    opens(format!("{}/forgot-password", self.head.issuer)),
                ]
            }
            Letter::AddressChanged { at_ms, .. } => vec![dated(*at_ms), otherwise()],
            Letter::Test { at_ms } => vec![dated(*at_ms)],
        }
    }
}

/// The id of a message of this letter.
fn message(letter: &Letter, part: &str) -> String {
    format!("mail-{}{part}", letter.name())
}

fn hello(texts: &Texts<'_>, letter: &Letter) -> Hello {
    match letter.username() {
        Some(name) => {
            let phrase = texts.phrase("mail-hello", "user", name);
            let name = Some(phrase.value.into_owned());
            Hello { before: phrase.before, name, after: phrase.after }
        }
        None => Hello { before: texts.text("mail-hello-stranger"), name: None, after: String::new() },
    }
}

/// How long a link works, and until when.
fn life(texts: &Texts<'_>, link: &MailedLink) -> String {
    let life = length(texts, link.life_s);
    texts.text_of("mail-link-life", &[("life", &life), ("date", &texts.date(link.ends_at_ms))])
}

/// A length of time in its largest whole unit.
fn length(texts: &Texts<'_>, seconds: i64) -> String {
    const HOUR_S: i64 = 3_600;
    const DAY_S: i64 = 86_400;
    let (id, count) = match seconds {
        days if days >= 2 * DAY_S && days % DAY_S == 0 => ("mail-life-days", days / DAY_S),
        hours if hours >= HOUR_S && hours % HOUR_S == 0 => ("mail-life-hours", hours / HOUR_S),
        // Rounded down, so that nobody is promised more than there is.
        seconds => ("mail-life-minutes", seconds / 60),
    };
    texts.counted(id, usize::try_from(count).unwrap_or_default())
}

/// Breaks a paragraph between words. A word that is longer than a line stays whole.
fn wrapped(paragraph: &str) -> String {
    let (mut text, mut column) = (String::with_capacity(paragraph.len() + 8), 0);
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > LINE {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

/// Writes what is not ASCII as character references, so that the part needs no encoding in which links are broken.
fn ascii(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    for c in html.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            // A `String` takes every write.
            let _ = write!(text, "&#{};", u32::from(c));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_between_words_and_links_never() {
        let long = "x".repeat(100);
        let text = wrapped(&format!("{} {long} end", "word ".repeat(20)));
        assert!(text.lines().all(|line| line.len() <= LINE || line == long), "{text}");
        assert!(text.contains(&format!("\n{long}\n")), "{text}");
    }

    #[test]
    fn a_life_is_said_in_its_largest_whole_unit() {
        let catalogue = Catalogue::with(source);
        let said = |locale, life_s| {
            let link = MailedLink { url: String::new(), life_s, ends_at_ms: 1_793_727_600_000 };
            life(&catalogue.texts(locale, "Latchkey"), &link)
        };
        for (life_s, english, german) in [
            (2, "0 minutes", "0 Minuten"),
            (60, "one minute", "eine Minute"),
            (5_400, "90 minutes", "90 Minuten"),
            (3_600, "one hour", "eine Stunde"),
            (86_400, "24 hours", "24 Stunden"),
            (604_800, "7 days", "7 Tage"),
        ] {
            assert_eq!(
                said(Locale::English, life_s),
                format!("The link works for {english}, until 3 November 2026, 17:40 UTC.")
            );
            assert_eq!(
                said(Locale::German, life_s),
                format!("Der Link gilt {german}, bis 3. November 2026, 17:40 UTC.")
            );
        }
    }
}
