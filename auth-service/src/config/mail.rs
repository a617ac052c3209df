//! The settings under `mail.`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, UrlWithSecret, Validate};

use crate::mail::{EhloName, MailSender, SmtpServer};

/// How mails leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTransport {
    /// Not at all: what needs mail says so.
    None,
    /// As files, for development.
    Folder,
    /// By an SMTP server.
    Smtp,
}

/// The settings for mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    /// How mails leave; unset: the folder where the issuer is local, else none.
    pub transport: Option<MailTransport>,
    /// The folder.
    pub folder: PathBuf,
    /// The SMTP server.
    pub smtp_url: Option<UrlWithSecret>,
    /// The sender.
    pub from: String,
    /// The name that we give ourselves in EHLO; unset: the issuer's host.
    pub ehlo_name: Option<String>,
    /// A file with PEM certificates that the SMTP server's must come from; unset: the system's roots.
    pub ca_file: Option<PathBuf>,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            transport: None,
            folder: "data/mail".into(),
            smtp_url: None,
            from: "Latchkey <no-reply@localhost>".to_owned(),
            ehlo_name: None,
            ca_file: None,
        }
    }
}

impl Validate for MailSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        if let Some(url) = &self.smtp_url {
            SmtpServer::parse(url.expose())
                .map_err(|error| InvalidSetting::new("smtp_url", error.to_string()))?;
        } else if self.transport == Some(MailTransport::Smtp) {
            return Err(InvalidSetting::new("smtp_url", "set where mail.transport is smtp"));
        }
        if self.folder.as_os_str().is_empty() {
            return Err(InvalidSetting::new("folder", "the path of a folder"));
        }
        MailSender::parse(&self.from).map_err(|error| InvalidSetting::new("from", error.to_string()))?;
        if let Some(name) = &self.ehlo_name {
            EhloName::parse(name).map_err(|error| InvalidSetting::new("ehlo_name", error.to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_names_its_key_and_shows_no_password() {
        let fine = MailSettings {
            transport: Some(MailTransport::Smtp),
            smtp_url: Some(UrlWithSecret::new("smtps://user:geheim@mail.example.com")),
            ehlo_name: Some("id.example.com".to_owned()),
            ..MailSettings::default()
        };
        assert_eq!(fine.validate(), Ok(()));
        assert_eq!(MailSettings::default().validate(), Ok(()));
        let url = |url: &str| Some(UrlWithSecret::new(url));
        for (key, bad) in [
            ("smtp_url", MailSettings { smtp_url: None, ..fine.clone() }),
            ("smtp_url", MailSettings { smtp_url: url("smtp://u:geheim@mail.example.com"), ..fine.clone() }),
            ("smtp_url", MailSettings { smtp_url: url("smtp://mail.example.com?tls=maybe"), ..fine.clone() }),
            ("folder", MailSettings { folder: PathBuf::new(), ..fine.clone() }),
            ("from", MailSettings { from: "nobody".to_owned(), ..fine.clone() }),
            ("ehlo_name", MailSettings { ehlo_name: Some("https://id.example.com".to_owned()), ..fine }),
        ] {
            let error = bad.validate().unwrap_err();
            assert_eq!(error.key, key);
            assert!(!format!("{error:?} {bad:?}").contains("geheim"));
        }
    }
}
