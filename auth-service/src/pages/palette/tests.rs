use std::collections::HashMap;

use super::*;

const SHEET: &str = include_str!("../../../assets/pages.css");

/// The colours that the stylesheet gives to its custom properties: in light, and in dark.
fn tokens() -> [HashMap<&'static str, Color>; 2] {
    let mut roots = SHEET.split(":root{").skip(1).map(|root| root.split('}').next().unwrap());
    [roots.next().unwrap(), roots.next().unwrap()].map(|root| {
        let declarations = root.split(';').filter_map(|declaration| declaration.trim().split_once(':'));
        declarations
            .filter_map(|(name, value)| Some((name.strip_prefix("--")?, value.parse().ok()?)))
            .collect()
    })
}

/// A row of the design's table: the colour of a text or an edge, its grounds, the contrasts with them in light and in
/// dark, and the least that they must be.
type Row = (&'static str, &'static [&'static str], &'static [f64], &'static [f64], f64);
const PAIRS: &[Row] = &[
    ("text", &["bg", "card", "sunk"], &[14.50, 16.20, 15.41], &[16.03, 14.14, 14.91], 7.0),
    ("text", &["danger-bg", "ok-bg", "warn-bg"], &[14.42, 14.42, 14.54], &[14.28, 13.64, 13.55], 7.0),
    ("muted", &["bg", "card", "sunk"], &[7.23, 8.08, 7.68], &[9.24, 8.15, 8.60], 7.0),
    ("link", &["bg", "card", "sunk"], &[7.11, 7.95, 7.56], &[9.84, 8.68, 9.15], 4.5),
    ("focus", &["bg", "card", "sunk"], &[7.11, 7.95, 7.56], &[9.84, 8.68, 9.15], 4.5),
    ("link", &["danger-bg", "ok-bg", "warn-bg"], &[7.08, 7.08, 7.13], &[8.77, 8.37, 8.32], 4.5),
    ("focus", &["danger-bg", "ok-bg", "warn-bg"], &[7.08, 7.08, 7.13], &[8.77, 8.37, 8.32], 4.5),
    ("on-accent", &["accent", "accent-hover"], &[7.95, 10.40], &[11.12, 12.72], 4.5),
    ("accent-edge", &["card", "bg"], &[7.95, 7.11], &[8.68, 9.84], 3.0),
    ("danger", &["card", "bg", "danger-bg"], &[8.03, 7.18, 7.15], &[8.50, 9.64, 8.59], 4.5),
    ("ok", &["ok-bg"], &[7.32], &[9.12], 4.5),
    ("warn", &["warn-bg"], &[7.84], &[9.06], 4.5),
    ("edge", &["card", "bg", "sunk"], &[3.80, 3.40, 3.62], &[4.29, 4.86, 4.52], 3.0),
    ("line", &["card", "bg"], &[1.35, 1.21], &[1.38, 1.56], 1.0),
];

#[test]
fn the_stylesheet_has_the_contrasts_of_the_design() {
    let [light, dark] = tokens();
    for (color, grounds, in_light, in_dark, least) in PAIRS {
        for (tokens, expected) in [(&light, in_light), (&dark, in_dark)] {
            for (ground, expected) in grounds.iter().zip(expected.iter()) {
                let contrast = tokens[color].contrast(tokens[ground]);
                assert!(contrast >= *least, "{color} on {ground}: {contrast}");
                assert!((contrast - expected).abs() < 0.006, "{color} on {ground}: {contrast}");
            }
        }
    }
}

#[test]
fn the_grounds_are_those_of_the_stylesheet() {
    let names = ["bg", "card", "sunk", "danger-bg", "ok-bg", "warn-bg"];
    for (tokens, Grounds(grounds)) in tokens().iter().zip([LIGHT, DARK]) {
        assert_eq!(names.map(|name| tokens[name]), grounds);
    }
}

/// The lowest contrasts over many accents: of the text on the accent, of that text under the pointer, of links, of edges.
fn lowest(of: fn(Color) -> Theme, Grounds(grounds): &Grounds) -> [f64; 4] {
    let levels = || (0..16).map(|step| step * 17_u8);
    let mut lowest = [f64::INFINITY; 4];
    let mut note = |place: usize, contrast: f64| lowest[place] = contrast.min(lowest[place]);
    for red in levels() {
        for green in levels() {
            for blue in levels() {
                let colors = of(Color([red, green, blue]));
                note(0, colors.on_accent.contrast(colors.accent));
                note(1, colors.on_accent.contrast(colors.accent_hover));
                for ground in grounds {
                    note(2, colors.link.contrast(*ground));
                }
                note(3, colors.accent_edge.contrast(grounds[1]));
                assert!(
                    colors.on_accent.contrast(colors.accent_hover)
                        >= colors.on_accent.contrast(colors.accent)
                );
            }
        }
    }
    lowest
}

#[test]
fn every_accent_can_be_read() {
    for (found, expected) in [
        (lowest(Theme::light, &LIGHT), [4.50, 5.07, 4.50, 3.00]),
        (lowest(Theme::dark, &DARK), [6.01, 6.40, 4.50, 4.69]),
    ] {
        for (found, least) in found.iter().zip([4.5, 4.5, 4.5, 3.0]) {
            assert!(*found >= least, "{found}");
        }
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 0.006, "{found} instead of {expected}");
        }
    }
}

#[test]
fn a_color_has_six_digits() {
    for fine in ["#0F5B53", "#0f5b53", "#FFFFFF"] {
        assert!(fine.parse::<Color>().is_ok(), "{fine}");
    }
    for bad in
        ["", "#", "0F5B53", "#0F5B5", "#0F5B533", "#0F5B5G", "teal", "#FFF", " #0F5B53", "#+F5B53", "#éé00"]
    {
        assert_eq!(bad.parse::<Color>(), Err(InvalidColor), "{bad}");
    }
}

#[test]
fn the_theme_holds_computed_colors_only() {
    assert_eq!(theme(None, None), None);
    let yellow = "#FFD400".parse().ok();
    insta::assert_snapshot!(theme(yellow, None).unwrap());
    insta::assert_snapshot!(theme(None, "#7A7A7A".parse().ok()).unwrap());
}
