//! The colours of the pages, and those that follow from the operator's accent.
//!
//! The rules keep the contrast that WCAG 2.2 asks for, whatever the accent is.

use std::fmt::{self, Display, Write};
use std::str::FromStr;

/// An sRGB colour, written `#RRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

/// A text is not a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour as #RRGGBB, like #0F5B53")]
pub struct InvalidColor;

const WHITE: Color = Color([0xFF; 3]);
const BLACK: Color = Color([0; 3]);

/// The contrast that a text needs against its ground.
const TEXT: f64 = 4.5;
/// The contrast that the edge of a control needs.
const EDGE: f64 = 3.0;

impl FromStr for Color {
    type Err = InvalidColor;

    fn from_str(text: &str) -> Result<Self, InvalidColor> {
        let digits = text.strip_prefix('#').ok_or(InvalidColor)?;
        let mut channels = [0; 3];
        hex::decode_to_slice(digits, &mut channels).map_err(|_| InvalidColor)?;
        Ok(Self(channels))
    }
}

impl Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02X}{green:02X}{blue:02X}")
    }
}

impl Color {
    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn mixed(self, end: Self, percent: u32) -> Self {
        let mix = |from: u8, to: u8| {
            let sum = u32::from(from) * (100 - percent) + u32::from(to) * percent;
            u8::try_from((sum + 50) / 100).unwrap_or(u8::MAX)
        };
        let ([r, g, b], [to_r, to_g, to_b]) = (self.0, end.0);
        Self([mix(r, to_r), mix(g, to_g), mix(b, to_b)])
    }

    /// White, or black where white is too faint. Pure black: on a medium tone a dark grey would be too faint as well.
    fn text_on(self) -> Self {
        if WHITE.contrast(self) >= TEXT { WHITE } else { BLACK }
    }

    /// Mixes towards `end`, until the contrast with each of the grounds is at least `least`.
    fn until(self, end: Self, grounds: &[Self], least: f64) -> Self {
        let mut steps = (0..=100).step_by(2).map(|percent| self.mixed(end, percent));
        steps.find(|color| grounds.iter().all(|ground| color.contrast(*ground) >= least)).unwrap_or(end)
    }
}

/// The grounds that links and focus rings stand on: `bg`, `card`, `sunk`, `danger-bg`, `ok-bg`, `warn-bg`.
struct Grounds([Color; 6]);

const LIGHT: Grounds = Grounds([
    Color([0xF5, 0xF2, 0xEC]),
    Color([0xFF, 0xFF, 0xFF]),
    Color([0xFB, 0xF9, 0xF5]),
    Color([0xFC, 0xEF, 0xEC]),
    Color([0xEB, 0xF4, 0xED]),
    Color([0xFB, 0xF2, 0xDD]),
]);
const DARK: Grounds = Grounds([
    Color([0x0F, 0x14, 0x13]),
    Color([0x1A, 0x21, 0x1F]),
    Color([0x16, 0x1C, 0x1A]),
    Color([0x2C, 0x1A, 0x18]),
    Color([0x16, 0x26, 0x1C]),
    Color([0x2A, 0x22, 0x13]),
]);

/// The colour around the card, in light and dark.
pub(super) fn page_grounds() -> (Color, Color) {
    let (Grounds([light, ..]), Grounds([dark, ..])) = (LIGHT, DARK);
    (light, dark)
}

/// The colours that follow from an accent.
#[derive(Clone, Copy, Debug)]
struct Theme {
    accent: Color,
    accent_hover: Color,
    on_accent: Color,
    accent_edge: Color,
    link: Color,
}

impl Theme {
    fn light(accent: Color) -> Self {
        let Grounds(grounds) = LIGHT;
        let [_, card, ..] = grounds;
        let link = accent.until(BLACK, &grounds, TEXT);
        let accent_edge = if accent.contrast(card) >= EDGE { accent } else { link };
        Self::new(accent, accent_edge, link)
    }

    fn dark(accent: Color) -> Self {
        let Grounds(grounds) = DARK;
        let accent = accent.until(WHITE, &grounds, TEXT);
        Self::new(accent, accent, accent)
    }

    fn new(accent: Color, accent_edge: Color, link: Color) -> Self {
        let on_accent = accent.text_on();
        // Away from the text on it, so that the contrast grows.
        let away = if on_accent == WHITE { BLACK } else { WHITE };
        Self { accent, accent_hover: accent.mixed(away, 14), on_accent, accent_edge, link }
    }

    fn write(&self, sheet: &mut String) {
        let Self { accent, accent_hover, on_accent, accent_edge, link } = self;
        // A `String` takes every write.
        let _ = write!(
            sheet,
            ":root{{--accent:{accent};--accent-hover:{accent_hover};--on-accent:{on_accent};\
             --accent-edge:{accent_edge};--link:{link};--focus:{link}}}"
        );
    }
}

/// The colours in a mail, which is always light: of a button, of the text on it, and of links.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MailColors {
    pub(crate) accent: Color,
    pub(crate) on_accent: Color,
    pub(crate) link: Color,
}

impl MailColors {
    /// The colours that follow from the operator's accent, or the built-in ones.
    pub(crate) fn of(accent: Option<Color>) -> Self {
        let Theme { accent, on_accent, link, .. } = Theme::light(accent.unwrap_or(Color([0x0F, 0x5B, 0x53])));
        Self { accent, on_accent, link }
    }
}

/// The second stylesheet, with the operator's colours; `None` without any. It holds only what was computed from them.
pub(super) fn theme(accent: Option<Color>, accent_dark: Option<Color>) -> Option<String> {
    let mut sheet = String::new();
    if let Some(accent) = accent {
        Theme::light(accent).write(&mut sheet);
    }
    if let Some(accent) = accent_dark.or(accent) {
        sheet.push_str("@media (prefers-color-scheme:dark){");
        Theme::dark(accent).write(&mut sheet);
        sheet.push('}');
    }
    (!sheet.is_empty()).then_some(sheet)
}

#[cfg(test)]
mod tests;
