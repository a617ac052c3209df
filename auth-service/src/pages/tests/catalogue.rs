//! Every text of the pages is in the catalogue, and the catalogue has nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::document::Document;
use super::samples::{pages, samples};
use super::*;

const CATALOGUE: &str = include_str!("../../../locales/en.ftl");

/// The names and the texts of these files.
fn sources(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ours = files.filter(|path| path.extension().is_some_and(|found| found == ending));
    ours.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// The messages of the catalogue.
fn messages() -> BTreeSet<&'static str> {
    let names = CATALOGUE.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
    names.filter_map(|line| line.split_once(" =")).map(|(name, _)| name).collect()
}

/// The functions that read a message.
const READERS: &[&str] = &[
    "text",
    "text_with",
    "number",
    "counted",
    "phrase",
    "parts",
    "said",
    "sentence",
    "message",
    "about",
    "frame",
    "frame_about",
    "frame_of_form",
    "no_mail",
];

/// The first argument of each call of a reader, where it is a text.
fn called(code: &str) -> impl Iterator<Item = &str> {
    let after = READERS
        .iter()
        .flat_map(move |reader| code.match_indices(reader).map(|(at, _)| &code[at + reader.len()..]));
    after.filter_map(|rest| rest.strip_prefix("(\"")).filter_map(|rest| rest.split('"').next())
}

#[test]
fn the_catalogue_is_sound() {
    for locale in Locale::ALL {
        assert!(fluent_bundle::FluentResource::try_new(locale.source().to_owned()).is_ok());
    }
    assert!(messages().len() > 80);
}

/// The attributes and the arguments of each message.
fn shapes(source: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut shapes = BTreeMap::<_, BTreeSet<_>>::new();
    let mut message = "";
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            message = line.split(" =").next().unwrap();
        }
        let Some(shape) = (!message.is_empty()).then(|| shapes.entry(message).or_default()) else { continue };
        if line.trim_start().starts_with('.') {
            shape.insert(line.trim_start().split(" =").next().unwrap());
        }
        let arguments = line.split("{ $").skip(1);
        shape.extend(arguments.filter_map(|rest| rest.split([' ', '}']).next()));
    }
    shapes
}

#[test]
fn every_language_has_the_same_messages() {
    let english = shapes(CATALOGUE);
    for locale in Locale::ALL {
        let shapes = shapes(locale.source());
        let names = |shapes: &BTreeMap<&'static str, _>| shapes.keys().copied().collect::<Vec<_>>();
        assert_eq!(names(&shapes), names(&english), "{locale:?}");
        for (name, shape) in &shapes {
            assert_eq!(shape, &english[name], "{locale:?}: {name}");
        }
    }
}

/// The texts that people read or hear on a page, in the order of the document.
fn texts(html: &str) -> Vec<String> {
    let body = html.split_once("<body").unwrap().1;
    let between = body.split('>').skip(1).filter_map(|part| part.split('<').next()).map(str::to_owned);
    let document = Document::parse(html);
    let title = std::iter::once(document.text_of("title").to_owned());
    let spoken = ["aria-label", "data-show", "data-hide-label", "data-shown"].into_iter();
    let attributes = spoken.flat_map(|name| document.attributes(name)).map(str::to_owned).collect::<Vec<_>>();
    let all = title.chain(between).chain(attributes).map(|text| text.trim().to_owned());
    all.filter(|text| text.chars().any(char::is_alphabetic)).collect()
}

#[test]
fn no_text_of_a_page_is_outside_the_catalogue() {
    // What the sample pages are made of: names, addresses, codes and the first letters of names.
    let data = [
        "Nordlicht",
        "auth.nordlicht.example",
        "ada.lovelace",
        "ada@example.org",
        "https://nordlicht.example/help",
        "Fjordpost Reminders for Teams",
        "– Fjordpost Reminders for Teams",
        "app.fjordpost.example",
        "F",
        "invalid_redirect_uri",
        "019acb5e-7d0a-7b6c-8f6e-0242ac120002",
        "2026-11-30T03:20:00Z",
    ];
    for (name, page) in samples().into_iter().filter(|(name, _)| !name.contains("-long-name")) {
        let [english, german] = Locale::ALL.map(|locale| texts(&pages().render(locale, &page).html));
        let same = german.iter().filter(|text| english.contains(text) && !data.contains(&text.as_str()));
        assert_eq!(same.collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
    }
}

#[test]
fn german_pages_say_this() {
    let said = samples().into_iter().filter(|(name, _)| !name.contains("-long-name")).map(|(name, page)| {
        let html = pages().render(Locale::German, &page).html;
        assert!(html.contains(r#"<html lang="de" dir="ltr">"#), "{name}");
        format!("{name}\n    {}\n", texts(&html).join("\n    "))
    });
    insta::assert_snapshot!("german", said.collect::<String>());
}

#[test]
fn every_message_is_there_and_used() {
    let mut files = sources("templates", "html");
    files.extend(sources("src/pages", "rs").into_iter().filter(|(name, _)| !name.ends_with("tests.rs")));
    let messages = messages();
    for message in &messages {
        let quoted = format!("\"{message}\"");
        assert!(files.iter().any(|(_, text)| text.contains(&quoted)), "{message} is not used");
    }
    for (name, text) in &files {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for id in called(code) {
            assert!(messages.contains(id), "{name}: the catalogue has no {id}");
        }
    }
}

/// Takes out everything between `open` and `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut parts = text.split(open);
    let mut kept = parts.next().unwrap().to_owned();
    for part in parts {
        kept.push_str(part.split_once(close).expect(close).1);
    }
    kept
}

#[test]
fn templates_hold_no_text() {
    for (name, text) in sources("templates", "html") {
        let mut text = text;
        for (open, close) in [("{#", "#}"), ("{%", "%}"), ("{{", "}}")] {
            text = without(&text, open, close);
        }
        for attribute in ["aria-label", "alt", "title", "placeholder", "data-show", "data-hide"] {
            for value in text.split(&format!(" {attribute}=\"")).skip(1) {
                assert!(value.starts_with('"'), "{name}: {attribute} has a text");
            }
        }
        let mut outside = without(&text, "<", ">");
        // The names of the frames, and attributes that a macro writes into a tag.
        for fine in ["desk", "account", r#" aria-invalid="true" aria-describedby="" autofocus"#] {
            outside = outside.replace(fine, "");
        }
        let letter = outside.chars().find(|c| c.is_alphabetic());
        assert_eq!(letter, None, "{name}: {outside}");
    }
}
