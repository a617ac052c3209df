//! The settings under `pages.`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate};
use url::Url;

use crate::pages::Color;

/// The most characters of the issuer's name: it stands in one line above each page, and in each title.
const LONGEST_NAME: usize = 60;

/// The settings for the look of the hosted pages: name, colours, logos and the link to help.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PageSettings {
    /// The name of the issuer, for people.
    pub name: String,
    /// The colour of buttons and links, as `#RRGGBB`.
    pub accent: Option<String>,
    /// The same for dark pages; computed from `accent` if unset.
    pub accent_dark: Option<String>,
    /// The file of the logo.
    pub logo: Option<PathBuf>,
    /// The file of the logo for dark pages.
    pub logo_dark: Option<PathBuf>,
    /// The URL where people find help.
    pub support: Option<String>,
}

impl Default for PageSettings {
    fn default() -> Self {
        Self {
            name: "Latchkey".to_owned(),
            accent: None,
            accent_dark: None,
            logo: None,
            logo_dark: None,
            support: None,
        }
    }
}

impl Validate for PageSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let is_plain = self.name.trim() == self.name && !self.name.chars().any(is_invisible);
        if !is_plain || !(1..=LONGEST_NAME).contains(&self.name.chars().count()) {
            let allowed =
                format!("1 to {LONGEST_NAME} visible characters, without a space at the start or the end");
            return Err(InvalidSetting::new("name", allowed));
        }
        for (key, color) in [("accent", &self.accent), ("accent_dark", &self.accent_dark)] {
            if color.as_ref().is_some_and(|color| color.parse::<Color>().is_err()) {
                return Err(InvalidSetting::new(key, "a colour as #RRGGBB, like #0F5B53"));
            }
        }
        if self.logo.is_none() && self.logo_dark.is_some() {
            return Err(InvalidSetting::new("logo_dark", "set together with pages.logo"));
        }
        let is_link = |support: &String| {
            Url::parse(support).is_ok_and(|url| matches!(url.scheme(), "https" | "http" | "mailto"))
        };
        if self.support.as_ref().is_some_and(|support| !is_link(support)) {
            return Err(InvalidSetting::new("support", "an https:, http: or mailto: URL"));
        }
        Ok(())
    }
}

/// Characters that are not seen, that turn the direction of the text, or that have no meaning of their own.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{E000}'..='\u{F8FF}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_names_its_key() {
        let fine = PageSettings {
            name: "Nordlicht".to_owned(),
            accent: Some("#0f5b53".to_owned()),
            logo: Some("logo.svg".into()),
            logo_dark: Some("dark.svg".into()),
            support: Some("mailto:help@nordlicht.example".to_owned()),
            ..PageSettings::default()
        };
        assert_eq!(fine.validate(), Ok(()));
        let text = |value: &str| Some(value.to_owned());
        for (key, bad) in [
            ("name", PageSettings { name: String::new(), ..fine.clone() }),
            ("name", PageSettings { name: " a".to_owned(), ..fine.clone() }),
            ("name", PageSettings { name: "a\u{202E}b".to_owned(), ..fine.clone() }),
            ("name", PageSettings { name: "a".repeat(61), ..fine.clone() }),
            ("accent", PageSettings { accent: text("teal"), ..fine.clone() }),
            ("accent_dark", PageSettings { accent_dark: text("#FFF"), ..fine.clone() }),
            ("logo_dark", PageSettings { logo: None, ..fine.clone() }),
            ("support", PageSettings { support: text("javascript:alert(1)"), ..fine.clone() }),
            ("support", PageSettings { support: text("/help"), ..fine.clone() }),
        ] {
            assert_eq!(bad.validate().unwrap_err().key, key, "{bad:?}");
        }
    }
}
