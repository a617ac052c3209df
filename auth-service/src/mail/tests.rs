//! Every mail, read as a mail program reads it.

use std::collections::{BTreeMap, BTreeSet};

use mail_parser::{MessageParser, MimeHeaders as _};
use uuid::Uuid;

use super::message::{Mail, compose};
use super::render::{Renderer, source};
use super::*;
use crate::domain::Email;

const ISSUER: &str = "https://id.example.com/id";
/// 3 November 2026, 17:40 UTC.
const NOW_MS: i64 = 1_793_727_600_000;

fn letterhead() -> Letterhead {
    Letterhead {
        issuer: ISSUER.to_owned(),
        issuer_name: "Latchkey".to_owned(),
        support: Some("https://help.example.com/".to_owned()),
        accent: None,
    }
}

fn composed(head: Letterhead, locale: Locale, letter: &Letter, id: u128) -> Mail {
    let rendered = Renderer::new(head).render(locale, letter);
    let sender = MailSender::parse("Latchkey <no-reply@mail.example.com>").unwrap();
    let to = Email::parse("ada@example.org").unwrap();
    compose(rendered, &sender, &to, Uuid::from_u128(id), NOW_MS).unwrap()
}

/// All letters in all languages, numbered.
fn letters() -> impl Iterator<Item = (u128, Locale, Letter)> {
    let all = Locale::ALL
        .into_iter()
        .flat_map(|locale| samples(ISSUER, NOW_MS).into_iter().map(move |letter| (locale, letter)));
    all.zip(1_u128..).map(|((locale, letter), number)| (number, locale, letter))
}

fn link_in(letter: &Letter) -> Option<String> {
    match letter {
        Letter::PasswordReset { link, .. }
        | Letter::Verification { link }
        | Letter::NewAddress { link }
        | Letter::Invitation { link } => Some(link.url.clone()),
        Letter::AddressChangeRequested { .. }
        | Letter::PasswordChanged { .. }
        | Letter::AccountLocked { .. } => Some(format!("{ISSUER}/forgot-password")),
        Letter::AddressChanged { .. } | Letter::Test { .. } => None,
    }
}

fn count_of_header(raw: &str, name: &str) -> usize {
    let head = raw.split("\r\n\r\n").next().unwrap();
    head.lines().filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:"))).count()
}

#[test]
fn every_mail_in_every_language_has_the_headers_of_a_mail() {
    let mut ids = BTreeSet::new();
    for (number, locale, letter) in letters() {
        let mail = composed(letterhead(), locale, &letter, number);
        let raw = String::from_utf8(mail.bytes.clone()).unwrap();
        for name in
            ["date", "message-id", "from", "to", "subject", "mime-version", "auto-submitted", "content-type"]
        {
            assert_eq!(count_of_header(&raw, name), 1, "{name}: {raw}");
        }
        for name in ["bcc", "cc", "sender", "reply-to"] {
            assert_eq!(count_of_header(&raw, name), 0, "{name}: {raw}");
        }
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        assert_eq!(parsed.date().unwrap().to_timestamp(), NOW_MS / 1_000);
        let id = parsed.message_id().unwrap().to_owned();
        assert!(id.ends_with("@mail.example.com"), "{id}");
        assert!(ids.insert(id), "each mail has an id of its own");
        assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("ada@example.org"));
        let from = parsed.from().unwrap().first().unwrap();
        assert_eq!((from.name(), from.address()), (Some("Latchkey"), Some("no-reply@mail.example.com")));
        let subject = Renderer::new(letterhead()).render(locale, &letter).subject;
        assert_eq!(parsed.subject(), Some(subject.as_str()));
        assert_eq!(parsed.header("Auto-Submitted").unwrap().as_text(), Some("auto-generated"));
        assert_eq!(mail.bytes, composed(letterhead(), locale, &letter, number).bytes, "the same at a retry");
    }
}

#[test]
fn no_line_is_too_long_or_ends_in_half_a_line_break() {
    for (number, locale, letter) in letters() {
        let mail = composed(letterhead(), locale, &letter, number);
        let raw = String::from_utf8(mail.bytes).unwrap();
        assert!(raw.is_ascii(), "no server needs 8BITMIME for it");
        for line in raw.split("\r\n") {
            assert!(line.len() <= 998, "{line}");
            assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        }
    }
}

#[test]
fn the_link_stands_alone_on_its_line_and_survives() {
    for (number, locale, letter) in letters() {
        let mail = composed(letterhead(), locale, &letter, number);
        let raw = String::from_utf8(mail.bytes.clone()).unwrap();
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
        for part in
            parsed.parts.iter().filter(|part| part.content_type().is_some_and(|kind| kind.ctype() == "text"))
        {
            let encoding = part.content_transfer_encoding().unwrap();
            assert!(["7bit", "base64"].contains(&encoding), "{encoding}");
            assert!(
                !(encoding == "base64" && part.text_contents().unwrap().is_ascii()),
                "ASCII is not encoded"
            );
        }
        let Some(link) = link_in(&letter) else { continue };
        assert_eq!(text.lines().filter(|line| *line == link).count(), 1, "{text}");
        assert_eq!(text.matches("://").count(), 2, "the link, and help: {text}");
        assert_eq!(html.matches(&format!("href=\"{link}\"")).count(), 2, "{html}");
        // The HTML part is never encoded, and neither is the text where it is ASCII.
        assert!(raw.contains(&format!("href=\"{link}\"")), "{raw}");
        assert_eq!(raw.contains(&format!("\r\n{link}\r\n")), text.is_ascii(), "{raw}");
        assert_eq!(locale == Locale::English, text.is_ascii(), "{text}");
    }
}

#[test]
fn a_link_says_when_it_ends() {
    let letters = samples(ISSUER, NOW_MS);
    let text = |letter, locale| Renderer::new(letterhead()).render(locale, letter).text.replace('\n', " ");
    assert!(
        text(&letters[0], Locale::English)
            .contains("The link works for one hour, until 3 November 2026, 18:40 UTC."),
        "{}",
        text(&letters[0], Locale::English)
    );
    assert!(
        text(&letters[7], Locale::German).contains("Der Link gilt 7 Tage, bis 10. November 2026, 17:40 UTC."),
        "{}",
        text(&letters[7], Locale::German)
    );
}

#[test]
fn what_somebody_chose_stands_as_text_and_breaks_nothing() {
    let name = "<b onload=x>\u{202E}ü\u{1F600} & http://evil.example/ {{ 1 }}";
    let letter = Letter::PasswordChanged { username: Some(name.to_owned()), at_ms: NOW_MS };
    let head = Letterhead { issuer_name: "Bücher & Söhne <1>".to_owned(), ..letterhead() };
    for locale in Locale::ALL {
        let mail = composed(head.clone(), locale, &letter, 1);
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
        let shown = "<b onload=x>ü\u{1F600} & http://evil.example/ {{ 1 }}";
        assert!(text.replace(['\r', '\n'], " ").replace("  ", " ").contains(shown), "{text}");
        assert!(!html.contains("<b ") && !html.contains("<1>"), "{html}");
        assert_eq!(html.matches("<bdi translate=\"no\">").count(), 1, "{html}");
    }
}

#[test]
fn a_mail_loads_nothing_and_runs_nothing() {
    for (_, locale, letter) in letters() {
        let html = Renderer::new(letterhead()).render(locale, &letter).html;
        for bad in ["<img", "<script", "<link", "<style", "<table", "url(", "src=", "<form", "@import"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert!(html.contains(&format!("<html lang=\"{}\">", locale.lang())));
        for addresses in html.split("href=\"").skip(1) {
            assert!(addresses.starts_with(ISSUER) || addresses.starts_with("https://help."), "{addresses}");
        }
    }
}

/// The names of the messages of a catalogue, with the arguments of each.
fn shapes(locale: Locale) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut shapes = BTreeMap::<_, BTreeSet<_>>::new();
    let mut message = "";
    for line in source(locale).lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            message = line.split(" =").next().unwrap();
        }
        if !message.is_empty() {
            let arguments = line.split("{ $").skip(1).filter_map(|rest| rest.split([' ', '}']).next());
            shapes.entry(message).or_default().extend(arguments);
        }
    }
    shapes
}

#[test]
fn the_catalogues_are_sound_and_hold_nothing_unused() {
    for locale in Locale::ALL {
        assert!(fluent_bundle::FluentResource::try_new(source(locale).to_owned()).is_ok(), "{locale:?}");
        let shapes = shapes(locale);
        let names: Vec<_> = shapes.keys().collect();
        assert_eq!(names, self::shapes(Locale::English).keys().collect::<Vec<_>>());
        assert!(names.len() > 25, "{names:?}");
        let code = include_str!("render.rs");
        for name in names {
            let of_letter = Letter::NAMES.iter().any(|letter| {
                let rest = name.strip_prefix("mail-").and_then(|rest| rest.strip_prefix(letter));
                rest.is_some_and(|rest| ["", "-text", "-button", "-otherwise"].contains(&rest))
            });
            assert!(of_letter || code.contains(&format!("\"{name}\"")), "{name} is not used");
        }
    }
    assert!(source(Locale::English).is_ascii(), "English mails are sent as they are written");
}

#[test]
fn the_texts_are_these() {
    let renderer = Renderer::new(letterhead());
    let mut all = String::new();
    for (_, locale, letter) in letters() {
        let Rendered { subject, text, .. } = renderer.render(locale, &letter);
        all.extend(["======== ", letter.name(), ", ", locale.lang(), "\n", &subject, "\n\n", &text]);
    }
    insta::assert_snapshot!(all);
    let reset = renderer.render(Locale::German, &samples(ISSUER, NOW_MS)[0]);
    insta::assert_snapshot!(reset.html);
}
