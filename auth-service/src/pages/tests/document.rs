//! A small reader of the HTML that we write. It fails where the elements are not nested well.

/// Elements without an end tag, those of SVG that we close at once, and the document type.
const VOID: &[&str] = &["img", "input", "link", "meta", "source"];

pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    text: &'a str,
}

impl<'a> Tag<'a> {
    pub(super) fn has(&self, attribute: &str) -> bool {
        self.value(attribute).is_some()
    }

    /// Whether an attribute holds a script or a style.
    pub(super) fn has_inline_code(&self) -> bool {
        self.attributes.iter().any(|(name, _)| name.starts_with("on") || *name == "style")
    }

    pub(super) fn value(&self, attribute: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(name, _)| *name == attribute).map(|(_, value)| *value)
    }
}

pub(super) struct Document<'a>(Vec<Tag<'a>>);

impl<'a> Document<'a> {
    pub(super) fn parse(html: &'a str) -> Self {
        let mut rest = html.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
        let (mut tags, mut open) = (Vec::new(), Vec::new());
        while let Some((_, after)) = rest.split_once('<') {
            let (inside, after) = after.split_once('>').expect("an end of the tag");
            rest = after;
            if let Some(name) = inside.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{html}");
                continue;
            }
            let text = after.split('<').next().unwrap_or_default();
            let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
            if !VOID.contains(&name) && !inside.ends_with('/') {
                open.push(name);
            }
            tags.push(Tag { name, attributes: read_attributes(attributes.trim_end_matches('/')), text });
        }
        assert!(open.is_empty(), "{open:?} is not closed");
        Self(tags)
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &Tag<'a>> {
        self.0.iter()
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.tags().filter(|tag| tag.name == name).count()
    }

    pub(super) fn text_of(&self, name: &str) -> &'a str {
        self.tags().find(|tag| tag.name == name).expect(name).text
    }

    pub(super) fn attributes(&self, attribute: &str) -> Vec<&'a str> {
        self.tags().filter_map(|tag| tag.value(attribute)).collect()
    }
}

fn read_attributes(mut text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        let end = text.find([' ', '=']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if name.is_empty() {
            return found;
        }
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name}");
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let (value, rest) = quoted.split_once('"').expect("a quoted value");
            found.push((name, value));
            text = rest;
        } else {
            found.push((name, ""));
            text = rest;
        }
    }
}
