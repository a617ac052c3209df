//! Tests of whole pages.

mod catalogue;
mod document;
mod samples;

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
        for private in ["ada.lovelace", "ada@example.org"] {
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
        let is_form = matches!(page, Page::SignIn(_) | Page::Register(_));
        assert_eq!(focused.len(), usize::from(is_form), "{name}");
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
fn what_others_wrote_is_escaped() {
    let pages = Pages::new(PageSettings {
        name: samples::HOSTILE.to_owned(),
        issuer_host: samples::HOSTILE.to_owned(),
        support: Some(samples::HOSTILE.to_owned()),
        ..settings()
    })
    .unwrap();
    for (name, page) in hostile() {
        let html = pages.render(Locale::English, &page).html;
        let document = Document::parse(&html);
        assert_eq!(document.count("script"), 1, "{name}");
        assert!(!html.contains(samples::HOSTILE), "{name}");
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
            if tag.value("name") == Some("password") {
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
        let is_account = matches!(page, Page::Account(_));
        assert_eq!(rendered.leads_to_client, document.count("form") > 0 && !is_account, "{name}");
    }
}

#[test]
fn the_files_are_small() {
    let (site, assets) = Site::new(settings()).unwrap();
    let length = |address: &str| assets.get(address.strip_prefix("/assets/").unwrap()).unwrap().body.len();
    assert!(length(&site.stylesheet) < 12_000, "{}", length(&site.stylesheet));
    assert!(length(&site.script) <= 2_048, "{}", length(&site.script));
    assert!(site.theme.is_none());
}

#[test]
fn the_stylesheet_is_free_of_directions_and_loads_nothing() {
    let sheet = include_str!("../../assets/pages.css");
    for bad in ["left", "right", "url(", "@import", "@font-face", "outline:none", "outline:0", "order:"] {
        let found = sheet.replace("border:", "").matches(bad).count();
        assert_eq!(found, 0, "{bad}");
    }
}

#[test]
fn a_logo_is_served_beside_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let (light, dark) = (folder.path().join("logo.svg"), folder.path().join("dark.svg"));
    fs::write(&light, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 20"/>"#).unwrap();
    fs::write(&dark, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"/>"#).unwrap();
    let with_logos = PageSettings { logo: Some(light), logo_dark: Some(dark), ..settings() };
    let pages = Pages::new(with_logos.clone()).unwrap();
    let html = pages.render(Locale::English, &Page::SignedOut).html;
    let document = Document::parse(&html);
    let image = document.tags().find(|tag| tag.name == "img").unwrap();
    assert_eq!((image.value("width"), image.value("height")), (Some("112"), Some("28")));
    assert_eq!(image.value("alt"), Some(""));
    let asset = pages.asset(image.value("src").unwrap().strip_prefix("/assets/").unwrap()).unwrap();
    assert_eq!(asset.content_type, "image/svg+xml");
    assert_eq!(asset.policy, Some("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
    assert_eq!(document.count("source"), 1);

    let error = |settings: PageSettings| Pages::new(settings).err().unwrap().to_string();
    let missing = folder.path().join("missing.svg");
    let line = error(PageSettings { logo_dark: Some(missing), ..with_logos.clone() });
    assert!(line.starts_with("pages.logo_dark: ") && line.contains("missing.svg cannot be read"), "{line}");
    let large = folder.path().join("large.png");
    fs::write(&large, vec![0; 65_537]).unwrap();
    let line = error(PageSettings { logo: Some(large), ..settings() });
    assert!(line.starts_with("pages.logo: ") && line.ends_with("is larger than 64 KiB"), "{line}");
    let text = folder.path().join("logo.txt");
    fs::write(&text, "logo").unwrap();
    let line = error(PageSettings { logo: Some(text), ..settings() });
    assert!(line.contains("must be a PNG, or an SVG"), "{line}");
    let line = error(PageSettings { accent_dark: Some("teal".to_owned()), ..settings() });
    assert_eq!(line, "pages.accent_dark: must be a colour as #RRGGBB, like #0F5B53");
}

#[test]
fn an_accent_adds_a_stylesheet() {
    let pages = Pages::new(PageSettings { accent: Some("#FFD400".to_owned()), ..settings() }).unwrap();
    let html = pages.render(Locale::English, &Page::SignedOut).html;
    let document = Document::parse(&html);
    let sheets: Vec<_> = document.tags().filter(|tag| tag.value("rel") == Some("stylesheet")).collect();
    assert_eq!(sheets.len(), 2);
    let theme = pages.asset(sheets[1].value("href").unwrap().strip_prefix("/assets/").unwrap()).unwrap();
    assert!(theme.body.starts_with(b":root{--accent:#FFD400;"));
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
