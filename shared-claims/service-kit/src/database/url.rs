//! Parses `postgres://…` and passes it to libpq as keywords, because libpq's messages about a URL quote it with its
//! password.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The keywords of libpq (its chapter "Parameter Key Words") that a URL may contain.
const KEYWORDS: [&str; 44] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Why a URL cannot be parsed, as words that follow "must be". Never contains a part of the URL, which may be the
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidUrl {
    #[error(
        "postgres://user:password@host/name in which whatever is special in the user, the password, the name or a value \
         is percent-encoded: write @ as %40, / as %2F, ? as %3F, # as %23, % as %25, a blank as %20"
    )]
    Encoding,
    #[error("postgres://user:password@host/name with a port that is a number from 1 to 65535")]
    Port,
    #[error("postgres://user:password@host/name?… with parameters that libpq knows, each as name=value")]
    Parameter,
}

/// The connection that a URL describes, as keywords and values of libpq.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ConnectionInfo {
    keywords: Vec<(String, String)>,
    /// Texts that must not be shown: the secrets, decoded and as written.
    secrets: Vec<String>,
}

impl ConnectionInfo {
    /// Parses what follows `postgres://`.
    pub(super) fn parse(rest: &str) -> Result<Self, InvalidUrl> {
        // One `@`, and only before the first of these characters. A password that contains one of them must be
        // percent-encoded.
        let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if after.contains(['@', '#']) || authority.matches('@').count() > 1 {
            return Err(InvalidUrl::Encoding);
        }
        let mut info = Self { keywords: Vec::new(), secrets: Vec::new() };
        let hosts = match authority.split_once('@') {
            Some((userinfo, hosts)) => {
                info.read_userinfo(userinfo)?;
                hosts
            }
            None => authority,
        };
        info.read_hosts(hosts)?;
        let (path, query) = match after.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (after, None),
        };
        let name = path.strip_prefix('/').unwrap_or(path);
        if name.contains('/') {
            return Err(InvalidUrl::Encoding);
        }
        if !name.is_empty() {
            info.push("dbname", decode(name)?);
        }
        for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
            info.read_parameter(pair)?;
        }
        Ok(info)
    }

    fn read_userinfo(&mut self, userinfo: &str) -> Result<(), InvalidUrl> {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        if !user.is_empty() {
            self.push("user", decode(user)?);
        }
        if let Some(password) = password {
            self.push_secret("password", password)?;
        }
        Ok(())
    }

    /// Parses `host:port,host:port`. An IPv6 address is in brackets, and the folder of a socket is percent-encoded.
    fn read_hosts(&mut self, hosts: &str) -> Result<(), InvalidUrl> {
        if hosts.is_empty() {
            return Ok(());
        }
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((address, "")) => (address, None),
                Some((address, port)) => (address, Some(port.strip_prefix(':').ok_or(InvalidUrl::Port)?)),
                None => match host.split_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (host, None),
                },
            };
            match port {
                Some(port) if !port.parse::<u16>().is_ok_and(|port| port > 0) => {
                    // Probably the part of a password before a character that has to be percent-encoded.
                    return Err(if self.keywords.is_empty() {
                        InvalidUrl::Encoding
                    } else {
                        InvalidUrl::Port
                    });
                }
                port => ports.push(port.unwrap_or_default().to_owned()),
            }
            names.push(decode(name)?);
        }
        self.push("host", names.join(","));
        if ports.iter().any(|port| !port.is_empty()) {
            self.push("port", ports.join(","));
        }
        Ok(())
    }

    fn read_parameter(&mut self, pair: &str) -> Result<(), InvalidUrl> {
        let (name, value) = pair.split_once('=').ok_or(InvalidUrl::Parameter)?;
        if value.contains('=') {
            return Err(InvalidUrl::Encoding);
        }
        match (name, value) {
            // JDBC's spelling, which libpq accepts too.
            ("ssl", "true") => self.push("sslmode", "require".to_owned()),
            ("password" | "sslpassword", _) => self.push_secret(name, value)?,
            _ if KEYWORDS.contains(&name) => self.push(name, decode(value)?),
            _ => return Err(InvalidUrl::Parameter),
        }
        Ok(())
    }

    fn push(&mut self, keyword: &str, value: String) {
        self.keywords.push((keyword.to_owned(), value));
    }

    fn push_secret(&mut self, keyword: &str, written: &str) -> Result<(), InvalidUrl> {
        let secret = decode(written)?;
        self.secrets.extend([secret.clone(), written.to_owned()]);
        self.secrets.retain(|secret| !secret.is_empty());
        self.push(keyword, secret);
        Ok(())
    }

    /// The value of a keyword. If it is given twice, the last one counts, as in libpq.
    pub(super) fn get(&self, keyword: &str) -> Option<&str> {
        self.keywords.iter().rev().find(|(name, _)| name == keyword).map(|(_, value)| value.as_str())
    }

    /// Sets a keyword that the URL does not contain.
    pub(super) fn set_default(&mut self, keyword: &str, value: &str) {
        if self.get(keyword).is_none() {
            self.push(keyword, value.to_owned());
        }
    }

    /// The connection string for libpq: `keyword='value'`.
    pub(super) fn to_libpq(&self) -> String {
        let mut text = String::new();
        for (keyword, value) in &self.keywords {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            text.extend([keyword.as_str(), "='", &value, "' "]);
        }
        text
    }

    /// A message of libpq on one line, with every part of the password masked.
    pub(super) fn censor(&self, message: &str) -> String {
        let masked = |text: String, secret: &String| text.replace(secret.as_str(), "********");
        let text = self.secrets.iter().fold(message.to_owned(), masked);
        text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
    }
}

/// Shows only the keywords, because a value may be a secret.
impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keywords.iter().map(|(keyword, _)| keyword)).finish()
    }
}

/// Decodes percent-encoding. Returns an error for a `%` without two hexadecimal digits, a blank and a control
/// character.
fn decode(text: &str) -> Result<String, InvalidUrl> {
    if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err(InvalidUrl::Encoding);
    }
    // The decoder keeps a `%` that begins no escape.
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !text.split('%').skip(1).all(is_escape) {
        return Err(InvalidUrl::Encoding);
    }
    // libpq would take a NUL for the end of the text.
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| InvalidUrl::Encoding)?;
    if decoded.contains('\0') { Err(InvalidUrl::Encoding) } else { Ok(decoded.into_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::UrlWithSecret;

    fn parsed(rest: &str) -> String {
        ConnectionInfo::parse(rest).unwrap().to_libpq().trim_end().to_owned()
    }

    #[test]
    fn urls_that_libpq_accepts_are_accepted() {
        for (url, keywords) in [
            ("", ""),
            ("db", "host='db'"),
            ("auth:pw@db:5433/name", "user='auth' password='pw' host='db' port='5433' dbname='name'"),
            ("auth@db/", "user='auth' host='db'"),
            ("[::1]:5432,b/n", "host='::1,b' port='5432,' dbname='n'"),
            ("%2Fvar%2Frun/n", "host='/var/run' dbname='n'"),
            ("/n?host=/var/run&sslmode=disable", "dbname='n' host='/var/run' sslmode='disable'"),
            ("h/n?ssl=true&options=-c%20a%3Db", "host='h' dbname='n' sslmode='require' options='-c a=b'"),
            (r"u:it%27s\@h/n", r"user='u' password='it\'s\\' host='h' dbname='n'"),
            ("u:a:b&c=d!$()*+,;^@h", "user='u' password='a:b&c=d!$()*+,;^' host='h'"),
        ] {
            assert_eq!(parsed(url), keywords, "{url}");
        }
    }

    #[test]
    fn a_url_that_is_not_encoded_is_refused_and_not_shown() {
        let raw = ["%", "%K", "@", "/", "?", "#", " ", "\n", "a/b@c", "?x=", "%00", "%ff"];
        for part in raw {
            let url = format!("auth:Zq9{part}Kd7Yt@127.0.0.1:5432/auth");
            let error = ConnectionInfo::parse(&url).unwrap_err();
            assert_eq!(error, InvalidUrl::Encoding, "{url}");
            assert!(error.to_string().contains("percent-encode"));
        }
        for (url, error) in [
            ("a:b@h:x/n", InvalidUrl::Port),
            ("a:b@h:0/n", InvalidUrl::Port),
            ("a:b@h/n?nothing=1", InvalidUrl::Parameter),
            ("a:b@h/n?sslmode", InvalidUrl::Parameter),
            ("a:b@h/n/m", InvalidUrl::Encoding),
        ] {
            assert_eq!(ConnectionInfo::parse(url), Err(error), "{url}");
        }
    }

    #[test]
    fn a_message_is_one_line_without_the_password() {
        let info = ConnectionInfo::parse("auth:s3cr%2Fet@h/n").unwrap();
        assert_eq!(info.censor("bad \"s3cr/et\"\n\ts3cr%2Fet"), "bad \"********\"; ********");
        assert!(!format!("{info:?}").contains("s3cr"));
    }

    fn encoded(text: &str) -> String {
        text.bytes().fold(String::new(), |url, byte| format!("{url}%{byte:02X}"))
    }

    proptest! {
        /// The password is never shown, whether it is percent-encoded or not, complete or cut off by a special
        /// character.
        #[test]
        fn no_password_is_ever_shown(middle in "\\PC{0,12}|[ -~]{0,12}", user in "[a-z]{0,6}", is_encoded: bool) {
            let password = format!("Zq9W{middle}Kd7Yt");
            let written = if is_encoded { encoded(&password) } else { password.clone() };
            for scheme in ["postgres", "postgresql", "redis", "rediss", "redis-cluster", "redis-sentinel", "unknown"] {
                for url in [
                    format!("{scheme}://{user}:{written}@db.example:5432/name"),
                    format!("{scheme}://{user}:{written}@db.example/name?sslmode=disable"),
                    format!("{scheme}://db.example/name?password={written}"),
                ] {
                    let kept = UrlWithSecret::new(url.clone());
                    let listed = serde_json::to_string(&kept).unwrap();
                    let rest = url.split_once("://").unwrap().1;
                    let refused = ConnectionInfo::parse(rest).err().map(|error| error.to_string());
                    for shown in [kept.masked(), format!("{kept:?}{kept}"), listed, refused.unwrap_or_default()] {
                        for part in ["Zq9W", "Kd7Yt", &encoded("Zq9W"), &encoded("Kd7Yt")] {
                            prop_assert!(!shown.contains(part), "{} of {}", shown, url);
                        }
                    }
                }
            }
        }

        #[test]
        fn an_encoded_password_is_passed_to_libpq_decoded(password in "[^\0]{1,20}") {
            let url = format!("auth:{}@db/name", encoded(&password));
            let info = ConnectionInfo::parse(&url).unwrap();
            prop_assert_eq!(info.get("password"), Some(password.as_str()));
            let shown = info.censor(&format!("before {password} after"));
            prop_assert!(!shown.contains(&format!("before {password} ")), "{}", shown);
        }
    }
}
