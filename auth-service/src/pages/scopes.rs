//! The scopes of a consent page, in words.

use super::Locale;
use super::texts::Texts;

const READ: &str = "todos:read";
const WRITE: &str = "todos:write";

/// A scope that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// The operator's own text. `None`: the built-in one, or that there is no description.
    pub text: Option<ScopeText>,
}

/// What an operator says about a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeTexts {
    /// The text for every language that has none of its own.
    pub general: ScopeText,
    /// The German title.
    pub german_title: Option<String>,
    /// The German sentence.
    pub german_sentence: Option<String>,
}

impl ScopeTexts {
    /// The text for pages in this language. What is missing in it is said as for every language.
    pub fn in_language(&self, locale: Locale) -> ScopeText {
        let ScopeText { title, sentence } = self.general.clone();
        match locale {
            Locale::English => ScopeText { title, sentence },
            Locale::German => ScopeText {
                title: self.german_title.clone().unwrap_or(title),
                sentence: self.german_sentence.clone().or(sentence),
            },
        }
    }
}

/// What a scope means, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeText {
    /// A few words: "See your profile".
    pub title: String,
    /// At most one and a half lines.
    pub sentence: Option<String>,
}

/// Returns what each scope means: `openid` first, then in the order given. Two scopes of one thing become one entry.
pub(super) fn in_words(texts: Texts<'_>, scopes: &[Scope]) -> Vec<ScopeText> {
    let has_builtin = |name: &str| scopes.iter().any(|scope| scope.name == name && scope.text.is_none());
    let has_both = has_builtin(READ) && has_builtin(WRITE);
    let (openid, others): (Vec<_>, Vec<_>) = scopes.iter().partition(|scope| scope.name == "openid");
    let mut is_listed = false;
    let mut words = Vec::with_capacity(scopes.len());
    for scope in openid.into_iter().chain(others) {
        if let Some(text) = &scope.text {
            words.push(text.clone());
        } else if has_both && [READ, WRITE].contains(&scope.name.as_str()) {
            if !is_listed {
                words.push(builtin(texts, "scope-todos-both"));
            }
            is_listed = true;
        } else {
            words.push(match message(&scope.name) {
                Some(id) => builtin(texts, id),
                None => ScopeText {
                    title: texts.text_with("scope-unknown", "scope", &scope.name),
                    sentence: texts.sentence("scope-unknown"),
                },
            });
        }
    }
    words
}

/// The messages for the scopes of OpenID Connect and of our own service.
fn message(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "openid" => "scope-openid",
        "profile" => "scope-profile",
        "email" => "scope-email",
        "phone" => "scope-phone",
        "address" => "scope-address",
        "offline_access" => "scope-offline_access",
        READ => "scope-todos-read",
        WRITE => "scope-todos-write",
        _ => return None,
    })
}

fn builtin(texts: Texts<'_>, id: &str) -> ScopeText {
    ScopeText { title: texts.text(id), sentence: texts.sentence(id) }
}

#[cfg(test)]
mod tests {
    use super::super::locale::Locale;
    use super::super::texts::Catalogue;
    use super::*;

    fn titles(names: &[&str]) -> Vec<String> {
        let catalogue = Catalogue::load();
        let scopes: Vec<_> =
            names.iter().map(|name| Scope { name: (*name).to_owned(), text: None }).collect();
        let words = in_words(catalogue.texts(Locale::English, "Latchkey"), &scopes);
        words.into_iter().map(|text| text.title).collect()
    }

    #[test]
    fn openid_comes_first_and_the_rest_as_asked() {
        assert_eq!(
            titles(&["email", "todos:write", "openid", "profile", "todos:read", "offline_access"]),
            [
                "Know who you are",
                "See your e-mail address",
                "Read and change your to-dos",
                "See your profile",
                "Stay connected"
            ]
        );
        assert_eq!(
            titles(&["phone", "address", "todos:read"]),
            ["See your phone number", "See your postal address", "Read your to-dos"]
        );
        assert_eq!(titles(&["todos:write"]), ["Change your to-dos"]);
    }

    #[test]
    fn an_unknown_scope_is_named_and_the_operators_text_counts() {
        let catalogue = Catalogue::load();
        let own = ScopeText { title: "See your invoices".to_owned(), sentence: None };
        let scopes = [
            Scope { name: "calendar:admin".to_owned(), text: None },
            Scope { name: "todos:read".to_owned(), text: Some(own.clone()) },
            Scope { name: "todos:write".to_owned(), text: None },
        ];
        let words = in_words(catalogue.texts(Locale::English, "Latchkey"), &scopes);
        assert_eq!(words[0].title, "Use “calendar:admin”");
        assert_eq!(words[0].sentence.as_deref(), Some("We have no description of this."));
        assert_eq!(words[1], own);
        assert_eq!(words[2].title, "Change your to-dos");
    }

    #[test]
    fn an_operators_text_is_shown_in_the_language_that_it_has() {
        let text = |title: &str, sentence: Option<&str>| ScopeText {
            title: title.to_owned(),
            sentence: sentence.map(str::to_owned),
        };
        let general = text("See your invoices", Some("Amounts and dates."));
        let english_only = ScopeTexts { general: general.clone(), german_title: None, german_sentence: None };
        for locale in Locale::ALL {
            assert_eq!(english_only.in_language(locale), general);
        }
        let both = ScopeTexts {
            german_title: Some("Ihre Rechnungen sehen".to_owned()),
            german_sentence: Some("Beträge und Daten.".to_owned()),
            ..english_only
        };
        assert_eq!(both.in_language(Locale::English), general);
        let german = text("Ihre Rechnungen sehen", Some("Beträge und Daten."));
        assert_eq!(both.in_language(Locale::German), german);
    }
}
