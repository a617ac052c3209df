//! What is the same on every page of one installation: its name, its files, its links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::assets::{Assets, LogoFile};
use super::locale::Locale;
use super::palette::{Color, page_grounds, theme};
use super::texts::Catalogue;
use super::{Page, PageAddress, PageError, PageSettings};

const STYLESHEET: &str = include_str!("../../assets/pages.css");
const SCRIPT: &str = include_str!("../../assets/pages.js");
const ICON: &str = include_str!("../../assets/key.svg");

/// What RFC 3986 leaves unreserved stays as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) struct Site {
    pub(super) name: String,
    pub(super) host: String,
    pub(super) support: Option<String>,
    pub(super) min_password_length: usize,
    pub(super) grounds: (Color, Color),
    pub(super) stylesheet: String,
    pub(super) theme: Option<String>,
    pub(super) script: String,
    pub(super) icon: String,
    pub(super) logo: Option<Logo>,
    pub(super) logo_dark: Option<Logo>,
    base_path: String,
}

/// A link to the same page in another language.
pub(super) struct LanguageLink {
    pub(super) lang: &'static str,
    pub(super) address: String,
    pub(super) name: String,
}

pub(super) struct Logo {
    pub(super) address: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Site {
    /// Reads the logos, computes the colours, and names the files.
    pub(super) fn new(settings: PageSettings) -> Result<(Self, Assets), PageError> {
        let accent = color("pages.accent", settings.accent.as_deref())?;
        let accent_dark = color("pages.accent_dark", settings.accent_dark.as_deref())?;
        let base = settings.base_path;
        let address = |name: String| format!("{base}/assets/{name}");

        let mut assets = Assets::default();
        let mut add_logo = |key, path: Option<std::path::PathBuf>| {
            let Some(path) = path else { return Ok(None) };
            let LogoFile { content_type, body, width, height } = LogoFile::read(key, &path)?;
            let address = address(assets.add("logo", content_type, body));
            Ok(Some(Logo { address, width, height }))
        };
        let logo = add_logo("pages.logo", settings.logo)?;
        let logo_dark = add_logo("pages.logo_dark", settings.logo_dark)?;
        let site = Self {
            name: settings.name,
            host: settings.issuer_host,
            support: settings.support,
            min_password_length: settings.min_password_length,
            grounds: page_grounds(),
            stylesheet: address(assets.add_stylesheet("pages", STYLESHEET)),
            theme: theme(accent, accent_dark).map(|sheet| address(assets.add_stylesheet("theme", sheet))),
            script: address(assets.add_script("pages", SCRIPT)),
            icon: match &logo {
                Some(logo) => logo.address.clone(),
                None => address(assets.add_icon("key", ICON)),
            },
            logo,
            logo_dark,
            base_path: base,
        };
        Ok((site, assets))
    }

    /// A path below the issuer's.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base_path)
    }

    /// A link that keeps the pending sign-in.
    pub(super) fn keeping(&self, path: &str, request: Option<&str>) -> String {
        self.with(path, request.map(|request| ("request", request)))
    }

    /// A link with a parameter.
    fn with(&self, path: &str, parameter: Option<(&str, &str)>) -> String {
        match parameter {
            Some((name, value)) => {
                format!("{}{path}?{name}={}", self.base_path, utf8_percent_encode(value, QUERY))
            }
            None => self.path(path),
        }
    }

    /// The links from this page to itself in the other languages; none where it cannot be opened again.
    pub(super) fn language_links(
        &self,
        page: &Page,
        shown_in: Locale,
        catalogue: &Catalogue,
    ) -> Vec<LanguageLink> {
        let Some(PageAddress { path, parameter }) = page.address() else { return Vec::new() };
        let address = match page {
            Page::SignIn(view) if view.is_other_account => self.other_account(view.request.as_deref()),
            _ => self.with(path, parameter),
        };
        let mark = if address.contains('?') { '&' } else { '?' };
        let link = |locale: Locale| LanguageLink {
            lang: locale.lang(),
            address: format!("{address}{mark}ui_locales={}", locale.lang()),
            name: catalogue.texts(locale, &self.name).text("language"),
        };
        Locale::ALL.into_iter().filter(|locale| *locale != shown_in).map(link).collect()
    }

    /// The link "Use another account": the form with an empty name, whoever is signed in.
    pub(super) fn other_account(&self, request: Option<&str>) -> String {
        let mark = if request.is_some() { '&' } else { '?' };
        format!("{}{mark}prompt=other", self.keeping("/login", request))
    }
}

fn color(key: &'static str, text: Option<&str>) -> Result<Option<Color>, PageError> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|error| PageError::InvalidColor { key, error })
}
