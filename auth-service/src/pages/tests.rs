//! Tests of whole pages.

mod catalogue;
mod document;
mod files;
mod samples;
mod texts;

use std::fs;
use std::path::Path;

use self::document::Document;
use self::samples::{hostile, pages, samples, settings};
use super::*;

/// The document with the hashes of its files taken out.
fn stable(html: &str) -> String {
    let mut words: Vec<_> = html.split('.').collect();
    let is_hash = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    words.retain(|word| !is_hash(word));
    words.join(".")
}

fn render(page: &Page) -> String {
    pages().render(Locale::English, page).html
}

#[test]
fn pages_are_as_their_snapshots_show() {
    for (name, page) in samples() {
        insta::assert_snapshot!(name, stable(&render(&page)));
    }
}

/// Writes every page and its files to `target/pages`, to be looked at: `cargo test -p auth-service --lib -- --ignored
/// pages_are_written`, then serve that folder.
#[test]
#[ignore = "writes files for people to look at"]
fn pages_are_written_to_a_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
    fs::create_dir_all(folder.join("assets")).unwrap();
    for (theme, accent) in [("", None), ("yellow-", Some("#FFD400")), ("grey-", Some("#7A7A7A"))] {
        let pages = Pages::new(PageSettings { accent: accent.map(str::to_owned), ..settings() }).unwrap();
        for (name, page) in samples() {
            let html = pages.render(Locale::English, &page).html;
            fs::write(folder.join(format!("{theme}{name}.html")), html).unwrap();
        }
        for (name, asset) in pages.0.assets.iter() {
            fs::write(folder.join("assets").join(name), &asset.body).unwrap();
        }
    }
}

#[test]
fn every_page_has_one_heading_and_a_title_that_ends_with_the_name() {
    for (name, page) in samples() {
        let html = render(&page);
        let document = Document::parse(&html);
        for once in ["h1", "main", "title", "header", "footer"] {
            assert_eq!(document.count(once), 1, "{name}: {once}");
        }
        let title = document.text_of("title");
        assert!(title.ends_with(" – Nordlicht"), "{name}: {title}");
        for private in ["ada.lovelace", "ada@example.org", "c2VhbGVk"] {
            assert!(!title.contains(private), "{name}: {title}");
        }
        let has_alert = html.contains(r#"role="alert""#) || html.contains("aria-invalid");
        assert_eq!(title.starts_with("Error: "), has_alert, "{name}: {title}");
        assert!(html.contains(r#"<html lang="en" dir="ltr">"#), "{name}");
    }
}

#[test]
fn ids_are_unique_and_references_lead_somewhere() {
    for (name, page) in samples() {
        let html = render(&page);
        let document = Document::parse(&html);
        let ids = document.attributes("id");
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{name}: {id} twice");
        }
        let references = ["for", "aria-describedby", "aria-controls", "data-reveal"];
        let named = references.iter().flat_map(|attribute| document.attributes(attribute));
        let linked = document.attributes("href").into_iter().filter_map(|href| href.strip_prefix('#'));
        for id in named.flat_map(str::split_whitespace).chain(linked) {
            assert!(ids.contains(&id), "{name}: no {id}");
        }
    }
}

#[test]
fn at_most_one_element_has_the_focus_and_never_a_button() {
    for (name, page) in samples() {
        let html = render(&page);
        let document = Document::parse(&html);
        let focused: Vec<_> = document.tags().filter(|tag| tag.has("autofocus")).collect();
        assert!(focused.len() <= 1, "{name}");
        assert!(focused.iter().all(|tag| tag.name != "button" && tag.name != "a"), "{name}");
        let is_form = match &page {
            Page::SignIn(_)
            | Page::Register(_)
            | Page::Forgot(_)
            | Page::ResetPassword(_)
            | Page::ChangeAddress(_)
            | Page::Security(_) => true,
            Page::VerifyEmail(view) => view.asks_password,
            Page::Account(view) => view.notice.is_some(),
            _ => false,
        };
        // What was done is read out.
        let has_focus = is_form || html.contains("note-ok");
        assert_eq!(focused.len(), usize::from(has_focus), "{name}");
    }
}

#[test]
fn the_focus_is_where_the_person_goes_on() {
    let focus = |page: Page| {
        let html = render(&page);
        let document = Document::parse(&html);
        let tag = document.tags().find(|tag| tag.has("autofocus")).unwrap();
        tag.value("id").or(tag.value("class")).unwrap().to_owned()
    };
    let known = || SignIn { username: "ada".to_owned(), ..SignIn::default() };
    let missing = |username, password| MissingFields { username, password };
    for (view, expected) in [
        (SignIn::default(), "username"),
        (known(), "password"),
        (SignIn { is_username_fixed: true, ..known() }, "password"),
        (SignIn { notice: Some(SignInNotice::WrongPassword), ..known() }, "password"),
        (SignIn { notice: Some(SignInNotice::Busy), ..known() }, "notice"),
        (SignIn { notice: Some(SignInNotice::Throttled { seconds: 5 }), ..known() }, "notice"),
        (SignIn { missing: missing(true, false), ..SignIn::default() }, "username"),
        (SignIn { missing: missing(false, true), ..known() }, "password"),
        (SignIn { missing: missing(true, true), ..SignIn::default() }, "note note-danger summary"),
    ] {
        assert_eq!(focus(Page::SignIn(view.clone())), expected, "{view:?}");
    }
    let errors = |errors: &[RegisterError]| Register { errors: errors.to_vec(), ..Register::default() };
    for (view, expected) in [
        (Register::default(), "username"),
        (errors(&[RegisterError::EmailUnreadable]), "email"),
        (errors(&[RegisterError::PasswordShort, RegisterError::PasswordCommon]), "password"),
        (
            errors(&[RegisterError::PasswordCommon, RegisterError::UsernameUnusable]),
            "note note-danger summary",
        ),
    ] {
        assert_eq!(focus(Page::Register(view.clone())), expected, "{view:?}");
    }
}

#[test]
fn a_page_that_can_be_opened_again_links_to_its_other_languages() {
    let link = |page: Page, locale: Locale| {
        let html = pages().render(locale, &page).html;
        let document = Document::parse(&html);
        let link = document.tags().find(|tag| tag.has("hreflang"));
        link.map(|tag| {
            assert_eq!(tag.value("lang"), tag.value("hreflang"));
            format!("{} {}", tag.value("hreflang").unwrap(), tag.value("href").unwrap())
        })
    };
    let request = Some("c2VhbGVk".to_owned());
    let sign_in = || SignIn { request: request.clone(), ..SignIn::default() };
    for (page, expected) in [
        (Page::SignIn(SignIn::default()), Some("de /login?ui_locales=de")),
        (Page::SignIn(sign_in()), Some("de /login?request=c2VhbGVk&ui_locales=de")),
        (
            Page::SignIn(SignIn { is_other_account: true, ..sign_in() }),
            Some("de /login?request=c2VhbGVk&prompt=other&ui_locales=de"),
        ),
        (
            Page::Register(Register { request: request.clone(), ..Register::default() }),
            Some("de /register?request=c2VhbGVk&ui_locales=de"),
        ),
        (Page::Account(Account::default()), Some("de /account?ui_locales=de")),
        (Page::SignOut(SignOut::default()), Some("de /logout?ui_locales=de")),
        (
            Page::ResetPassword(ResetPassword { token: "lkm_a-B".to_owned(), ..ResetPassword::default() }),
            Some("de /reset-password?token=lkm_a-B&ui_locales=de"),
        ),
        (
            Page::VerifyEmail(VerifyEmail { token: "lkm_a-B".to_owned(), ..VerifyEmail::default() }),
            Some("de /verify-email?token=lkm_a-B&ui_locales=de"),
        ),
        (
            Page::Register(Register { invitation: Some("lkm_a-B".to_owned()), ..Register::default() }),
            Some("de /register?invitation=lkm_a-B&ui_locales=de"),
        ),
        (Page::ForgotSent, Some("de /forgot-password?sent=1&ui_locales=de")),
        (Page::FormPost(FormPost::default()), None),
        (Page::SignInEnded, None),
    ] {
        // An ampersand stands escaped in an attribute.
        let expected = expected.map(|text| text.replace('&', "&#38;"));
        assert_eq!(link(page.clone(), Locale::English), expected, "{page:?}");
        let german = expected.map(|text| text.replacen("de", "en", 1).replace("locales=de", "locales=en"));
        assert_eq!(link(page.clone(), Locale::German), german, "{page:?}");
    }
}

#[test]
fn no_name_turns_the_direction_of_a_page() {
    let samples = samples().into_iter().filter(|(name, _)| *name == "consent-long-names");
    let page = samples.map(|(_, page)| page).next().unwrap();
    assert!(matches!(&page, Page::Consent(consent) if consent.app.starts_with('\u{202E}')));
    assert!(!render(&page).contains('\u{202E}'));
}

#[test]
fn what_others_wrote_is_escaped() {
    let pages = Pages::new(PageSettings {
        name: texts::HOSTILE.to_owned(),
        issuer_host: texts::HOSTILE.to_owned(),
        support: Some(texts::HOSTILE.to_owned()),
        ..settings()
    })
    .unwrap();
    for (name, page) in hostile() {
        let html = pages.render(Locale::English, &page).html;
        let document = Document::parse(&html);
        assert_eq!(document.count("script"), 1, "{name}");
        assert!(!html.contains(texts::HOSTILE), "{name}");
        assert!(!html.contains("\"'&"), "{name}");
        for tag in document.tags() {
            assert!(!tag.has_inline_code(), "{name}");
        }
    }
}

#[test]
fn nothing_is_inline_and_a_password_is_never_written() {
    for (name, page) in samples() {
        let html = render(&page);
        let document = Document::parse(&html);
        assert_eq!(document.count("style"), 0, "{name}");
        for tag in document.tags() {
            assert!(!tag.has_inline_code(), "{name}");
            if tag.value("type") == Some("password") {
                assert!(!tag.has("value") && !tag.has("maxlength"), "{name}");
            }
            if tag.name == "script" {
                assert!(tag.has("src") && tag.has("defer"), "{name}");
            }
        }
    }
}

#[test]
fn links_files_and_forms_stand_below_the_base_path() {
    let pages = Pages::new(PageSettings { base_path: "/id".to_owned(), ..settings() }).unwrap();
    for (name, page) in samples() {
        let html = pages.render(Locale::English, &page).html;
        let document = Document::parse(&html);
        for attribute in ["href", "src", "action", "srcset"] {
            for address in document.attributes(attribute) {
                let ours = address.starts_with("/id/") || address.starts_with('#');
                let others = address.starts_with("https://");
                assert!(ours || others, "{name}: {address}");
                if let Some(file) = address.strip_prefix("/id/assets/") {
                    assert!(pages.asset(file).is_some(), "{name}: {file}");
                }
            }
        }
    }
    assert!(pages.asset("pages.css").is_none());
}

#[test]
fn each_form_that_can_end_at_a_client_is_known() {
    for (name, page) in samples() {
        let rendered = pages().render(Locale::English, &page);
        let document = Document::parse(&rendered.html);
        // Their forms lead to a page of ours, and no further.
        let is_own = page.is_of_account()
            || matches!(page, Page::Forgot(_) | Page::ResetPassword(_) | Page::VerifyEmail(_));
        assert_eq!(rendered.leads_to_client, document.count("form") > 0 && !is_own, "{name}");
    }
}

#[test]
fn a_long_client_id_is_cut() {
    let error = |client: &str| {
        let Some((_, Page::Error(error))) = samples().into_iter().find(|(name, _)| *name == "error-400")
        else {
            panic!("no sample")
        };
        render(&Page::Error(ErrorPage { client_id: Some(client.to_owned()), ..error }))
    };
    assert!(error(&"é".repeat(100)).contains(&format!(">{}<", "é".repeat(100))));
    assert!(error(&"é".repeat(101)).contains(&format!(">{}…<", "é".repeat(100))));
}
