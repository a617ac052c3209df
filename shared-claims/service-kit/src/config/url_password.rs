//! Passwords of URLs that are in files of their own: `AUTH__DATABASE__URL_PASSWORD_FILE` names the file with the
//! password for the user in `AUTH__DATABASE__URL`. The password is encoded here (RFC 3986, section 2.1), so the file
//! holds it as it is.

use std::fmt::Write as _;

use config::Config;
use serde_json::Value as Json;

use super::error::ConfigError;
use super::known::{self, Known};
use super::secret::Secret;
use super::secret_file;

/// The password of one URL.
#[derive(Clone, Debug)]
pub(super) struct UrlPassword {
    /// The dotted key of the URL.
    url: String,
    /// The key of the password's file as the user wrote it.
    written: String,
    password: Secret,
}

/// The levels of the URL that a key ending in `url_password_file` stands for.
pub(super) fn levels(defaults: &Json, levels: &[String]) -> Option<Vec<String>> {
    let (last, parents) = levels.split_last()?;
    let name = last.strip_suffix("_password_file").filter(|name| name.ends_with("url"))?;
    let mut url = parents.to_vec();
    url.push(name.to_owned());
    matches!(known::find(defaults, &url), Ok(Known::Leaf(Json::String(_) | Json::Null) | Known::Open))
        .then_some(url)
}

impl UrlPassword {
    pub(super) fn read(url: &[String], written: &str, path: &str) -> Result<Self, ConfigError> {
        let password = Secret::new(secret_file::read(written, path)?);
        Ok(Self { url: url.join("."), written: written.to_owned(), password })
    }

    /// The URL with the password. An empty file is an error only if the URL names a user, so that a deployment can have
    /// the file for a server that may or may not need a password.
    fn in_url(&self, url: Option<&str>) -> Result<Option<String>, ConfigError> {
        let fail = |what: &str| Err(ConfigError::at(&self.written, what));
        let is_empty = self.password.expose().is_empty();
        let Some((scheme, rest)) = url.and_then(|url| url.split_once("://")) else {
            return if is_empty { Ok(None) } else { fail(&format!("needs {} to be set to a URL", self.url)) };
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@').filter(|(user, _)| !user.is_empty()) else {
            return if is_empty {
                Ok(None)
            } else {
                fail(&format!("needs a user in {}, as in scheme://user@host", self.url))
            };
        };
        if user.contains(':') {
            return fail(&format!("gives a second password: {} contains one", self.url));
        }
        if is_empty {
            return fail("must name a file that holds the password: this one is empty");
        }
        let after_user = rest.get(user.len()..).unwrap_or_default();
        Ok(Some(format!("{scheme}://{user}:{}{after_user}", encoded(self.password.expose()))))
    }
}

/// Puts the passwords into their URLs.
pub(super) fn insert(merged: Config, passwords: &[UrlPassword]) -> Result<Config, ConfigError> {
    if passwords.is_empty() {
        return Ok(merged);
    }
    let mut builder = Config::builder();
    for password in passwords {
        let url = merged.get::<Option<String>>(&password.url).ok().flatten();
        if let Some(url) = password.in_url(url.as_deref())? {
            let fail = |error: config::ConfigError| ConfigError::new(error.to_string());
            builder = builder.set_override(&password.url, url).map_err(fail)?;
        }
    }
    builder.add_source(merged).build().map_err(|_| ConfigError::new("the passwords of URLs cannot be merged"))
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(password: &str, url: Option<&str>) -> Result<Option<String>, String> {
        let password = UrlPassword {
            url: "database.url".to_owned(),
            written: "X".to_owned(),
            password: Secret::new(password),
        };
        password.in_url(url).map_err(|error| error.to_string())
    }

    #[test]
    fn any_password_is_encoded_into_its_url() {
        for (url, whole) in [
            ("postgres://auth@db:5432/auth", "postgres://auth:{}@db:5432/auth"),
            (
                "smtps://me%40here@mail.example.com:465?tls=required",
                "smtps://me%40here:{}@mail.example.com:465?tls=required",
            ),
            ("redis-cluster://auth@a:1,b:2", "redis-cluster://auth:{}@a:1,b:2"),
        ] {
            let encoded = whole.replace("{}", "a%40b%3Ac%2Fd%3Fe%23f%2541%24%27%22%5C%20%C3%BC-._~");
            assert_eq!(with(r#"a@b:c/d?e#f%41$'"\ ü-._~"#, Some(url)), Ok(Some(encoded)));
        }
    }

    #[test]
    fn a_password_without_a_place_is_refused_and_never_shown() {
        for url in [None, Some("postgres://db/auth"), Some("postgres://a:b@db/auth")] {
            let error = with("geheim", url).unwrap_err();
            assert!(error.starts_with("X: ") && !error.contains("geheim"), "{error}");
        }
        assert!(with("", Some("postgres://auth@db/auth")).is_err());
    }

    #[test]
    fn an_empty_file_is_fine_where_no_user_is_named() {
        assert_eq!(with("", None), Ok(None));
        assert_eq!(with("", Some("smtp://relay:25")), Ok(None));
    }
}
