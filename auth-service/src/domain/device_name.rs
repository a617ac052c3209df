//! Turns a `User-Agent` header into a name for people: "Firefox on Linux".

/// The token in the header for each browser, and the browser's name. Most browsers also name other browsers, so the
/// first entry that matches counts.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Trident/", "Internet Explorer"),
    ("MSIE ", "Internet Explorer"),
    ("Safari/", "Safari"),
];

/// The token in the header's comment for each operating system, and its name. The first entry that matches counts.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("iPod", "iPod"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
];

/// The longest program name that is shown, in characters.
const MAX_PROGRAM: usize = 32;

/// A device, as its `User-Agent` header describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceWords {
    /// The browser, or another program.
    pub program: Option<String>,
    /// The operating system, or the kind of device.
    pub system: Option<&'static str>,
}

/// Returns a name for the program and system that a login came from. `None` if the header contains nothing that is
/// safe to show: whoever logs in chooses the header, and the account's owner reads the name.
pub fn device_name(user_agent: &str) -> Option<String> {
    let DeviceWords { program, system } = device_words(user_agent);
    match (program, system) {
        (Some(program), Some(system)) => Some(format!("{program} on {system}")),
        (Some(program), None) => Some(program),
        (None, Some(system)) => Some(system.to_owned()),
        (None, None) => None,
    }
}

/// The program and the system that a login came from, as far as they are safe to show.
pub fn device_words(user_agent: &str) -> DeviceWords {
    let system = SYSTEMS.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name);
    let program = if user_agent.starts_with("Mozilla/") {
        BROWSERS.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| (*name).to_owned())
    } else {
        first_product(user_agent)
    };
    DeviceWords { program, system }
}

/// The first product in the header (RFC 9110 §10.1.5), without its version.
fn first_product(user_agent: &str) -> Option<String> {
    let product = user_agent.split([' ', '/', '(']).next()?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    let fits = (1..=MAX_PROGRAM).contains(&product.len()) && product.bytes().all(is_token);
    (fits && product != "Mozilla").then(|| product.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn browsers_and_programs_are_named() {
        for (user_agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPad",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
                "Internet Explorer on Windows",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64)", "Linux"),
            ("curl/8.14.1", "curl"),
            ("python-requests/2.32.4", "python-requests"),
            ("okhttp/5.1.0", "okhttp"),
            ("Notes/3.2 (iPhone; iOS 18.5)", "Notes on iPhone"),
            ("Dart/3.8 (dart:io)", "Dart"),
            ("Laptop", "Laptop"),
        ] {
            assert_eq!(device_name(user_agent).as_deref(), Some(name), "{user_agent}");
        }
    }

    #[test]
    fn what_says_nothing_has_no_name() {
        for user_agent in
            ["", " ", "Mozilla/5.0", "Mozilla", "<b>x</b>", "\u{202e}evil/1", "(x)", &"x".repeat(33)]
        {
            assert_eq!(device_name(user_agent), None, "{user_agent:?}");
        }
    }

    proptest! {
        #[test]
        fn no_more_is_repeated_than_a_plain_word(user_agent in ".{0,60}|(Mozilla|[a-z<]{0,40})/[0-9 (a-zA-Z;]{0,40}") {
            if let Some(name) = device_name(&user_agent) {
                prop_assert!(name.len() <= 64 && !name.is_empty());
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_.+".contains(&byte)));
            }
        }
    }
}
