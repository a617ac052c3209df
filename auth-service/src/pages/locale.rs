//! The languages of the pages, and which of them a list of languages asks for.

/// The most languages of a list that are read.
const MAX_LANGUAGES: usize = 30;

/// The languages of the pages. To add one: a variant here, and a file in `locales/` with the same messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Locale {
    /// All of them, in the order of the links to them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language tag (BCP 47), for `lang` and `Content-Language`.
    pub const fn lang(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The direction of the script, for `dir`.
    pub(super) fn dir(self) -> &'static str {
        match self {
            Self::English | Self::German => "ltr",
        }
    }

    /// The messages.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("../../locales/en.ftl"),
            Self::German => include_str!("../../locales/de.ftl"),
        }
    }

    /// The language of this tag: `de-AT` is German, too.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let language = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|locale| locale.lang().eq_ignore_ascii_case(language))
    }

    /// The first language of `ui_locales` (OpenID Connect Core §3.1.2.1) in which there are pages.
    pub fn of_ui_locales(tags: &str) -> Option<Self> {
        tags.split_ascii_whitespace().take(MAX_LANGUAGES).find_map(Self::of_tag)
    }

    /// The language that an `Accept-Language` header likes best (RFC 9110 §12.5.4). Of several with the same weight the
    /// first counts, and `*` stands for the default.
    pub fn of_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in header.split(',').take(MAX_LANGUAGES) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let weight = weight.map_or(Some(1.0), |weight| weight.parse().ok()).unwrap_or_default();
            let locale = if tag == "*" { Some(Self::default()) } else { Self::of_tag(tag) };
            if let Some(locale) = locale.filter(|_| weight > best.map_or(0.0, |(_, best)| best)) {
                best = Some((locale, weight));
            }
        }
        best.map(|(locale, _)| locale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_of_ui_locales_with_pages_counts() {
        for (tags, expected) in [
            ("de", Some(Locale::German)),
            ("fr-CA de-AT en", Some(Locale::German)),
            ("EN-gb de", Some(Locale::English)),
            ("fr-CA se", None),
            ("", None),
            ("  ", None),
            ("den deu", None),
            ("\u{1F600}", None),
        ] {
            assert_eq!(Locale::of_ui_locales(tags), expected, "{tags}");
        }
    }

    #[test]
    fn the_heaviest_language_of_accept_language_counts() {
        for (header, expected) in [
            ("de-DE,de;q=0.9,en;q=0.8", Some(Locale::German)),
            ("fr;q=1.0, en;q=0.5, de;q=0.7", Some(Locale::German)),
            ("en, de", Some(Locale::English)),
            ("de;q=0, en;q=0.1", Some(Locale::English)),
            ("de;q=0", None),
            ("de;q=x, fr", None),
            ("fr, *;q=0.5", Some(Locale::English)),
            ("de ; q=0.4 , *;q=0.3", Some(Locale::German)),
            ("de;q=NaN", None),
            ("", None),
            (";;,=q", None),
        ] {
            assert_eq!(Locale::of_accept_language(header), expected, "{header}");
        }
    }

    #[test]
    fn a_long_list_is_read_to_a_bound() {
        let list = format!("{} de", "fr ".repeat(300));
        assert_eq!(Locale::of_ui_locales(&list), None);
    }
}
