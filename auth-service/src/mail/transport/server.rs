//! The setting `mail.smtp_url`.

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use service_kit::http::is_loopback_url;
use url::Url;

/// A text is not the URL of an SMTP server. The message never has the URL in it, because it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// It has another form.
    #[error(
        "smtps://user:password@host:465 (TLS from the start), smtp://user:password@host:587?tls=required (STARTTLS), or \
         smtp://host:25 (unencrypted, without a password); encode special characters in user and password: % as %25, @ as %40"
    )]
    Form,
    /// A password would be sent unencrypted.
    #[error(
        "with TLS where it has a password: smtps://…, or smtp://…?tls=required. Unencrypted it is allowed only for a server on \
         this machine"
    )]
    PasswordInPlaintext,
}

/// How the connection to an SMTP server is encrypted. There is no "if possible": who cuts the wire decides then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (RFC 8314 §3.3), usually port 465.
    Implicit,
    /// By STARTTLS (RFC 3207), which the server must offer, usually port 587.
    StartTls,
    /// Not at all.
    Off,
}

/// An SMTP server that takes our mails.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    /// The host: a name or an address, an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The encryption.
    pub tls: Tls,
    /// User and password. `Debug` does not show them.
    pub credentials: Option<Credentials>,
    /// Whether the server is on this machine.
    pub is_local: bool,
}

impl SmtpServer {
    /// Parses the setting.
    pub fn parse(text: &str) -> Result<Self, InvalidServer> {
        let url = Url::parse(text).map_err(|_| InvalidServer::Form)?;
        let tls = match (url.scheme(), url.query()) {
            ("smtps", None) => Tls::Implicit,
            ("smtp", Some("tls=required")) => Tls::StartTls,
            ("smtp", None) => Tls::Off,
            _ => return Err(InvalidServer::Form),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidServer::Form)?;
        let has_more = url.fragment().is_some() || !matches!(url.path(), "" | "/");
        if has_more || !host.bytes().all(is_of_host) {
            return Err(InvalidServer::Form);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port().unwrap_or(match tls {
            Tls::Implicit => 465,
            Tls::StartTls => 587,
            Tls::Off => 25,
        });
        let (credentials, is_local) = (credentials(&url)?, is_loopback_url(&url));
        if credentials.is_some() && tls == Tls::Off && !is_local {
            return Err(InvalidServer::PasswordInPlaintext);
        }
        Ok(Self { host, port, tls, credentials, is_local })
    }
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)
}

/// Both or none of user and password.
fn credentials(url: &Url) -> Result<Option<Credentials>, InvalidServer> {
    let decode = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().map_err(|_| InvalidServer::Form)?;
        if text.is_empty() || text.contains('\0') { Err(InvalidServer::Form) } else { Ok(text.into_owned()) }
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) => Ok(Some(Credentials::new(decode(user)?, decode(password)?))),
        (_, None) => Err(InvalidServer::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_and_the_parameter_decide_the_encryption() {
        for (text, host, port, tls) in [
            ("smtps://user:password@mail.example.com:465", "mail.example.com", 465, Tls::Implicit),
            ("smtps://mail.example.com", "mail.example.com", 465, Tls::Implicit),
            ("smtp://u:p@mail.example.com:2525?tls=required", "mail.example.com", 2525, Tls::StartTls),
            ("smtp://mail.example.com/?tls=required", "mail.example.com", 587, Tls::StartTls),
            ("smtp://relay", "relay", 25, Tls::Off),
            ("smtp://u:p@localhost:1025", "localhost", 1025, Tls::Off),
            ("smtp://u:p@[::1]:1025", "::1", 1025, Tls::Off),
        ] {
            let server = SmtpServer::parse(text).unwrap();
            assert_eq!((server.host.as_str(), server.port, server.tls), (host, port, tls), "{text}");
        }
    }

    #[test]
    fn a_password_is_decoded_and_never_shown() {
        let server =
            SmtpServer::parse("smtps://me%40example.com:p%24a%23s'w%22o%5Cr%20d%2541@a.example").unwrap();
        let expected = Credentials::new("me@example.com".to_owned(), "p$a#s'w\"o\\r d%41".to_owned());
        assert_eq!(server.credentials, Some(expected));
        let shown = format!("{server:?}");
        assert!(!shown.contains("p$a") && !shown.contains("me@"), "{shown}");
    }

    #[test]
    fn what_could_fall_back_to_plaintext_is_refused() {
        for text in [
            "",
            "mail.example.com:25",
            "smtp://",
            "http://mail.example.com",
            "smtps://mail.example.com?tls=required",
            "smtp://mail.example.com?tls=opportunistic",
            "smtp://mail.example.com?tls=none",
            "smtp://mail.example.com?tls=required&tls=off",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com#x",
            "smtps://user@mail.example.com",
            "smtps://:password@mail.example.com",
            "smtps://user:@mail.example.com",
            "smtps://user:a%00b@mail.example.com",
            "smtps://user:pass#word@mail.example.com",
            "smtps://mail%0d.example.com",
        ] {
            assert_eq!(SmtpServer::parse(text).err(), Some(InvalidServer::Form), "{text}");
        }
        let error = SmtpServer::parse("smtp://user:geheim@mail.example.com").unwrap_err();
        assert_eq!(error, InvalidServer::PasswordInPlaintext);
        assert!(!error.to_string().contains("geheim"));
    }
}
