//! The properties that the fuzz targets check for every input. Compiled for the fuzz targets (`auth-service/fuzz`) and for
//! the unit tests that run each check on the committed corpus.
//!
//! Each function takes the fuzzer's input and panics if the code's answer differs from that of a second, simpler
//! implementation of the same rules.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

#[cfg(test)]
#[path = "fuzzing/replay.rs"]
mod replay;

use rand::SeedableRng;
use rand::rngs::StdRng;
use url::Url;

use crate::domain::{RedirectOrigin, RedirectUri};
use crate::random::Random;
use crate::seal::{Purpose, Seals};

const PURPOSES: [Purpose; 6] = [
    Purpose::SignIn,
    Purpose::Consent,
    Purpose::Continue,
    Purpose::SignOut,
    Purpose::Notice,
    Purpose::Device,
];

fn seals(keys: &[[u8; 32]]) -> Seals {
    Seals::new(keys, Random::from_rng(StdRng::from_seed([7; 32]))).expect("a key")
}

/// Checks that only what was sealed opens, for its own purpose and under its own key. The first byte of the input selects a
/// purpose and says what the rest is: a text to open; a value to seal; or changes to a sealed value, two bytes each (a place
/// and a new byte; a place at the end cuts the text there).
pub fn seal(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    let place = usize::from(first) % PURPOSES.len();
    let (purpose, other) = (PURPOSES[place], PURPOSES[(place + 1) % PURPOSES.len()]);
    let (old, new) = (seals(&[[1; 32]]), seals(&[[2; 32], [1; 32]]));
    match (first >> 2) % 3 {
        0 => {
            let text = String::from_utf8_lossy(rest);
            for purpose in PURPOSES {
                let opened = new.open::<serde_json::Value>(purpose, &text);
                assert_eq!(opened, None, "a text that nobody sealed opens");
            }
        }
        1 => {
            let value = String::from_utf8_lossy(rest).into_owned();
            let sealed = old.seal(purpose, &value).expect("text is JSON");
            let is_short = sealed.len() <= 16 * 1024;
            let expected = is_short.then_some(value);
            assert_eq!(old.open(purpose, &sealed), expected);
            assert_eq!(new.open(purpose, &sealed), expected, "an earlier key opens, too");
            assert_eq!(old.open::<String>(other, &sealed), None, "for another purpose");
            assert_eq!(seals(&[[3; 32]]).open::<String>(purpose, &sealed), None, "under another key");
        }
        _ => {
            let sealed = old.seal(purpose, &"a value of some length").expect("text is JSON");
            let mut changed = sealed.clone().into_bytes();
            for change in rest.chunks_exact(2) {
                let at = usize::from(change[0]);
                match changed.get_mut(at) {
                    Some(byte) => *byte = change[1],
                    None => changed.truncate(at % (changed.len() + 1)),
                }
            }
            let changed = String::from_utf8_lossy(&changed);
            let opens = old.open::<String>(purpose, &changed).is_some();
            assert_eq!(opens, changed == sealed, "a changed text opens, or an unchanged one does not");
        }
    }
}

/// Checks the comparison of redirect URIs. The input is the registered text and, after a line feed, the one that is
/// asked for.
pub fn redirect_uri(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (registered, asked) = text.split_once('\n').unwrap_or((text, text));
    let allows = RedirectUri::registered(registered).allows(asked);
    let expected = registered == asked
        || (rest_of_loopback(registered).is_some_and(|own| rest_of_loopback(asked) == Some(own)));
    assert_eq!(allows, expected, "{registered} {asked}");
    let Ok(own) = RedirectUri::parse(registered) else { return };
    assert!(own.allows(registered) && own.as_str() == registered, "a registered text is kept and allowed");
    if !allows {
        return;
    }
    // Whatever the comparison allows leads a browser to the same place, but for the port of a loopback address.
    let place = |text: &str| {
        let mut url = Url::parse(text).expect("a registered URI is one");
        assert!(url.fragment().is_none() && !matches!(url.scheme(), "javascript" | "data" | "file" | "blob"));
        if rest_of_loopback(text).is_some() {
            url.set_port(None).expect("a loopback URI has a host");
        } else if url.scheme() == "http" {
            assert!(
                matches!(url.host(), Some(url::Host::Ipv4(ip)) if ip.is_loopback()),
                "http beyond loopback"
            );
        }
        if matches!(url.scheme(), "http" | "https") {
            assert!(url.username().is_empty() && url.password().is_none(), "user information");
        }
        url
    };
    assert_eq!(place(registered), place(asked), "{registered} {asked}");
    let asked_origin =
        Url::parse(asked).ok().and_then(|url| RedirectOrigin::parse(&url.origin().ascii_serialization()));
    assert_eq!(own.origin(), asked_origin, "{registered} {asked}");
}

/// What a loopback URI has beside its port: its host, and its path and query. Takes the authority apart from its end, as the
/// code under test does not.
fn rest_of_loopback(text: &str) -> Option<(&str, &str)> {
    let after = text.strip_prefix("http://")?;
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if host != "[:" && host != "[" => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port =
        |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    let is_loopback = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
    let has_path = rest.is_empty() || rest.starts_with('/');
    (is_loopback && has_path && port.is_none_or(is_port)).then_some((host, rest))
}
