//! The scopes of a consent page, in words.

use super::texts::Texts;
use super::view::{Scope, ScopeText};

const READ: &str = "todos:read";
const WRITE: &str = "todos:write";

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
    use super::super::texts::{Catalogue, Locale};
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
}
