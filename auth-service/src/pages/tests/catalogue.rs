//! Every text of the pages is in the catalogue, and the catalogue has nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
    "sentence",
    "message",
    "about",
    "frame",
    "frame_about",
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
    assert!(fluent_bundle::FluentResource::try_new(CATALOGUE.to_owned()).is_ok());
    assert!(messages().len() > 80);
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
