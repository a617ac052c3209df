//! The files that pages load: stylesheets, the script, logos. Each has a hash of its content in its name, so that
//! browsers may keep it for ever.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::PageError;

/// The most bytes of a logo.
const LARGEST_LOGO: u64 = 65_536;
/// How high a logo is shown, in CSS pixels, and how wide at most.
const LOGO_HEIGHT: f64 = 28.0;
const LOGO_WIDTH: f64 = 160.0;
/// An SVG may hold scripts and links. They count for nothing, even where somebody opens the file by itself.
const SVG_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";

/// A file, to be sent with `Cache-Control: public, max-age=31536000, immutable`.
#[derive(Clone, Debug)]
pub struct Asset {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub body: Bytes,
    /// The `Content-Security-Policy` that this file needs: every SVG has one.
    pub policy: Option<&'static str>,
}

/// All files, by name.
#[derive(Default)]
pub(super) struct Assets(HashMap<String, Asset>);

impl Assets {
    /// Adds a file and returns its name: `stem.<hash>.<ending>`.
    pub(super) fn add(&mut self, stem: &str, content_type: &'static str, body: impl Into<Bytes>) -> String {
        let body = body.into();
        let ending = match content_type {
            SVG => "svg",
            PNG => "png",
            "text/css; charset=utf-8" => "css",
            _ => "js",
        };
        let hash = hex::encode(digest(&SHA256, &body).as_ref().get(..8).unwrap_or_default());
        let name = format!("{stem}.{hash}.{ending}");
        let policy = (content_type == SVG).then_some(SVG_POLICY);
        self.0.insert(name.clone(), Asset { content_type, body, policy });
        name
    }

    pub(super) fn add_stylesheet(&mut self, stem: &str, body: impl Into<Bytes>) -> String {
        self.add(stem, "text/css; charset=utf-8", body)
    }

    pub(super) fn add_script(&mut self, stem: &str, body: impl Into<Bytes>) -> String {
        self.add(stem, "text/javascript; charset=utf-8", body)
    }

    pub(super) fn add_icon(&mut self, stem: &str, body: impl Into<Bytes>) -> String {
        self.add(stem, SVG, body)
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Asset)> {
        self.0.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Asset> {
        self.0.get(name)
    }
}

/// The operator's logo, as read from its file.
pub(super) struct LogoFile {
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    /// In CSS pixels.
    pub(super) width: u32,
    pub(super) height: u32,
}

impl LogoFile {
    /// Reads a logo. `key` is the setting that names the file.
    pub(super) fn read(key: &'static str, path: &Path) -> Result<Self, PageError> {
        let unreadable = |source| PageError::UnreadableLogo { key, path: path.to_owned(), source };
        let mut body = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(LARGEST_LOGO + 1).read_to_end(&mut body).map_err(unreadable)?;
        if body.len() as u64 > LARGEST_LOGO {
            return Err(PageError::LogoTooLarge { key, path: path.to_owned() });
        }
        let (content_type, size) = match png_size(&body) {
            Some(size) => (PNG, Some(size)),
            None => (SVG, std::str::from_utf8(&body).ok().and_then(svg_size)),
        };
        let Some((width, height)) = size.and_then(shown_size) else {
            return Err(PageError::NotALogo { key, path: path.to_owned() });
        };
        Ok(Self { content_type, body: body.into(), width, height })
    }
}

/// As high as the line of the issuer's name; less high if it would be too wide.
fn shown_size((width, height): (f64, f64)) -> Option<(u32, u32)> {
    if !(width.is_finite() && height.is_finite() && width > 0.0 && height > 0.0) {
        return None;
    }
    let scale = (LOGO_HEIGHT / height).min(LOGO_WIDTH / width);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 160")]
    let rounded = |length: f64| (length * scale).round().max(1.0) as u32;
    Some((rounded(width), rounded(height)))
}

/// The size in the first chunk of a PNG.
fn png_size(body: &[u8]) -> Option<(f64, f64)> {
    let rest = body.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let number = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    (rest.get(4..8)? == b"IHDR").then_some(())?;
    Some((f64::from(number(8)?), f64::from(number(12)?)))
}

/// The size of an SVG: of its `viewBox`, else of `width` and `height`.
fn svg_size(text: &str) -> Option<(f64, f64)> {
    let (_, rest) = text.split_once("<svg")?;
    let (tag, _) = rest.split_once('>')?;
    if let Some(view) = attribute(tag, "viewBox") {
        let mut numbers = view.split([' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty()).skip(2);
        return Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?));
    }
    let length = |name| attribute(tag, name)?.trim().trim_end_matches("px").parse().ok();
    Some((length("width")?, length("height")?))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once(name) {
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        if let Some(value) = value
            && before.ends_with(char::is_whitespace)
        {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            return value.get(1..)?.split(quote).next();
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_an_svg_is_that_of_its_view() {
        for (text, expected) in [
            (r#"<svg viewBox="0 0 120 40">"#, Some((120.0, 40.0))),
            (r#"<?xml version="1.0"?><svg width="9" viewBox='0,0, 1.5 3' height="9">"#, Some((1.5, 3.0))),
            (r#"<svg stroke-width="2" width = "24px" height="12">"#, Some((24.0, 12.0))),
            (r#"<svg width="100%" height="10">"#, None),
            ("<svg>", None),
            ("<html>", None),
        ] {
            assert_eq!(svg_size(text), expected, "{text}");
        }
    }

    #[test]
    fn the_size_of_a_png_is_in_its_header() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\0\x40".to_vec();
        assert_eq!(png_size(&png), Some((256.0, 64.0)));
        png.truncate(20);
        assert_eq!(png_size(&png), None);
        assert_eq!(png_size(b"GIF89a"), None);
    }

    #[test]
    fn a_logo_fits_into_its_line() {
        assert_eq!(shown_size((256.0, 64.0)), Some((112, 28)));
        assert_eq!(shown_size((10.0, 10.0)), Some((28, 28)));
        assert_eq!(shown_size((1000.0, 50.0)), Some((160, 8)));
        assert_eq!(shown_size((100_000.0, 1.0)), Some((160, 1)));
        assert_eq!(shown_size((0.0, 5.0)), None);
    }
}
