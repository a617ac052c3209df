//! Converts the settings under `mail.` to those of the mail room.

use std::sync::Arc;

use service_kit::config::InvalidSetting;

use crate::config::{MailTransport, Settings};
use crate::mail::{
    EhloName, Letterhead, MailSender, MailSettings, Mailer, SmtpLimits, SmtpServer, SmtpSettings,
    TransportError, TransportSettings,
};

/// Why mails cannot be made or sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// A setting is not valid.
    #[error("{0}")]
    Setting(#[from] InvalidSetting),
    /// The transport cannot be set up.
    #[error("{0}")]
    Transport(#[from] TransportError),
}

/// What renders and sends mails. Reads the file with certificates, if there is one.
pub(crate) fn mailer(settings: &Settings) -> Result<Arc<Mailer>, MailerError> {
    let invalid = |key: &'static str, error: String| InvalidSetting::new(key, error).under("mail");
    let from = MailSender::parse(&settings.mail.from).map_err(|error| invalid("from", error.to_string()))?;
    let transport = match settings.mail_transport() {
        MailTransport::None => TransportSettings::None,
        MailTransport::Folder => TransportSettings::Folder(settings.mail.folder.clone()),
        MailTransport::Smtp => TransportSettings::Smtp(Box::new(smtp(settings)?)),
    };
    let head = Letterhead {
        issuer: settings.issuer.clone(),
        issuer_name: settings.pages.name.clone(),
        support: settings.pages.support.clone(),
        accent: settings.pages.accent.clone(),
    };
    Ok(Arc::new(Mailer::new(MailSettings { head, from, transport })?))
}

fn smtp(settings: &Settings) -> Result<SmtpSettings, InvalidSetting> {
    let invalid = |key: &'static str, error: String| InvalidSetting::new(key, error).under("mail");
    let url = settings.mail.smtp_url.as_ref().map(|url| url.expose().to_owned()).unwrap_or_default();
    let ehlo_name = match &settings.mail.ehlo_name {
        Some(name) => EhloName::parse(name),
        None => EhloName::of_issuer(&settings.issuer),
    };
    Ok(SmtpSettings {
        server: SmtpServer::parse(&url).map_err(|error| invalid("smtp_url", error.to_string()))?,
        ehlo_name: ehlo_name.map_err(|error| invalid("ehlo_name", error.to_string()))?,
        ca_file: settings.mail.ca_file.clone(),
        limits: SmtpLimits::default(),
    })
}

/// Says where mails go, and warns where they go nowhere or unencrypted.
pub(super) fn log(settings: &Settings) {
    match settings.mail_transport() {
        MailTransport::Folder => {
            tracing::info!(folder = %settings.mail.folder.display(), "mails are written to mail.folder, and not sent");
        }
        MailTransport::None if !settings.is_local() => {
            tracing::warn!(
                "mail.transport is none: password reset by mail is off, and no address can be verified; set mail.smtp_url and \
                 mail.transport = smtp"
            );
        }
        MailTransport::None => {}
        MailTransport::Smtp => warn_about_smtp(settings),
    }
}

fn warn_about_smtp(settings: &Settings) {
    let Ok(SmtpSettings { server, .. }) = smtp(settings) else { return };
    if server.tls == crate::mail::Tls::Off && !server.is_local {
        tracing::warn!(
            host = server.host,
            "mail.smtp_url has no TLS: mails and the links in them leave this machine unencrypted; use smtps:// or \
             ?tls=required"
        );
    }
    let is_default = MailSender::parse(&settings.mail.from).is_ok_and(|from| from.domain() == "localhost");
    if is_default && !server.is_local {
        tracing::warn!(
            "mail.from is at localhost, so most servers refuse our mails: set it to a sender at your domain"
        );
    }
}
