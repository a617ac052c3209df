//! Tests of the files that pages load, and of those that an operator adds.

use std::fs;

use super::document::Document;
use super::samples::settings;
use crate::pages::site::Site;
use crate::pages::{Locale, Page, PageSettings, Pages, SignedOut};

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
    let sheet = include_str!("../../../assets/pages.css");
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
    let html = pages.render(Locale::English, &Page::SignedOut(SignedOut::default())).html;
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
    let html = pages.render(Locale::English, &Page::SignedOut(SignedOut::default())).html;
    let document = Document::parse(&html);
    let sheets: Vec<_> = document.tags().filter(|tag| tag.value("rel") == Some("stylesheet")).collect();
    assert_eq!(sheets.len(), 2);
    let theme = pages.asset(sheets[1].value("href").unwrap().strip_prefix("/assets/").unwrap()).unwrap();
    assert!(theme.body.starts_with(b":root{--accent:#FFD400;"));
}
