//! Mails by SMTP and as files: what arrives, and what is said when nothing does.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use auth_service::domain::Email;
use auth_service::mail::{
    EhloName, Letter, Letterhead, Locale, MailSender, MailSettings, Mailer, Outgoing, SendError, SmtpLimits,
    SmtpSettings, TransportError, TransportSettings,
};
use uuid::Uuid;

use crate::smtp_server::{Behaviour, PASSWORD, SmtpServer, USER, When};

pub(crate) const ISSUER: &str = "https://id.example.com:8443/id";
const NOW_MS: i64 = 1_793_727_600_000;
/// User and password as they stand in a URL.
const LOGIN: &str = "relay%40example.com:p%24a%23s'w%22o%5Cr%20d%2541@";

pub(crate) fn mailer(transport: TransportSettings) -> Result<Mailer, TransportError> {
    let head = Letterhead {
        issuer: ISSUER.to_owned(),
        issuer_name: "Latchkey".to_owned(),
        support: None,
        accent: None,
    };
    let from = MailSender::parse("Latchkey <no-reply@mail.example.com>").unwrap();
    Mailer::new(MailSettings { head, from, transport })
}

/// By SMTP, to the server that the URL names, with short limits.
pub(crate) fn smtp(url: &str, ca_file: Option<PathBuf>) -> TransportSettings {
    TransportSettings::Smtp(Box::new(SmtpSettings {
        server: auth_service::mail::SmtpServer::parse(url).unwrap(),
        ehlo_name: EhloName::of_issuer(ISSUER).unwrap(),
        ca_file,
        limits: SmtpLimits {
            connect: Duration::from_secs(5),
            reply: Duration::from_secs(3),
            accept: Duration::from_secs(3),
        },
    }))
}

/// Sends a mail. Returns what came of it, and the dialogue.
async fn send(mailer: &Mailer, to: &str) -> (Result<(), SendError>, String) {
    let (to, said) = (Email::parse(to).unwrap(), Mutex::new(String::new()));
    let outgoing = Outgoing {
        id: Uuid::from_u128(7),
        to: &to,
        language: Locale::English,
        letter: &Letter::Test { at_ms: NOW_MS },
        at_ms: NOW_MS,
    };
    let sent = mailer.send(outgoing, &|line| said.lock().unwrap().extend([line, "\n"])).await;
    let said = said.into_inner().unwrap();
    assert!(!said.contains(PASSWORD) && !said.contains("AHJlbGF5"), "{said}");
    (sent, said)
}

async fn failure(url: &str, ca_file: Option<PathBuf>) -> SendError {
    let (sent, said) = send(&mailer(smtp(url, ca_file)).unwrap(), "ada@example.org").await;
    let error = sent.expect_err(&said);
    assert!(!error.is_final, "the settings may be put right: {error:?}");
    assert!(!error.summary.contains("ada@") && !error.summary.contains(PASSWORD), "{error:?}");
    error
}

/// A file with this certificate.
fn authority(folder: &Path, certificate: &str) -> PathBuf {
    let path = folder.join("ca.pem");
    std::fs::write(&path, certificate).unwrap();
    path
}

#[tokio::test]
async fn every_right_pair_of_url_and_server_sends() {
    let place = tempfile::tempdir().unwrap();
    for (tls, scheme, end, auth) in [
        (When::AtOnce, "smtps://", "", Some("PLAIN LOGIN")),
        (When::AtOnce, "smtps://", "", Some("LOGIN")),
        (When::AfterStartTls, "smtp://", "?tls=required", Some("LOGIN PLAIN")),
        (When::AfterStartTls, "smtp://", "?tls=required", Some("LOGIN")),
        (When::AfterStartTls, "smtp://", "?tls=required", None),
        (When::Never, "smtp://", "", Some("PLAIN")),
        (When::Never, "smtp://", "", None),
    ] {
        let server = SmtpServer::start(Behaviour { tls, auth, ..Behaviour::default() });
        let login = if auth.is_some() { LOGIN } else { "" };
        let url = format!("{scheme}{login}localhost:{}{end}", server.port());
        let ca_file = authority(place.path(), &server.certificate);
        let (sent, said) = send(&mailer(smtp(&url, Some(ca_file))).unwrap(), "ada@example.org").await;
        assert_eq!(sent, Ok(()), "{said}");
        let taken = server.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].to, "ada@example.org");
        assert_eq!(taken[0].was_encrypted, tls != When::Never);
        assert_eq!(taken[0].message_id(), format!("<{}@mail.example.com>", Uuid::from_u128(7)));
        let commands = server.said();
        assert!(commands.contains(&"EHLO id.example.com".to_owned()), "the issuer's host: {commands:?}");
        assert!(commands.contains(&"MAIL FROM:<no-reply@mail.example.com>".to_owned()), "{commands:?}");
        assert!(said.contains("RCPT TO:<ada@example.org>") && said.contains("250 2.0.0 taken"), "{said}");
    }
}

#[tokio::test]
async fn every_wrong_pair_fails_and_names_the_setting() {
    let place = tempfile::tempdir().unwrap();
    let start = |tls| SmtpServer::start(Behaviour { tls, ..Behaviour::default() });
    let (at_once, later, never) = (start(When::AtOnce), start(When::AfterStartTls), start(When::Never));
    for (server, scheme, end) in [
        (&at_once, "smtp://", ""),
        (&at_once, "smtp://", "?tls=required"),
        (&later, "smtps://", ""),
        (&never, "smtps://", ""),
        (&never, "smtp://", "?tls=required"),
    ] {
        let ca_file = authority(place.path(), &server.certificate);
        let error = failure(&format!("{scheme}localhost:{}{end}", server.port()), Some(ca_file)).await;
        assert!(error.advice.contains("mail.smtp_url"), "{error:?}");
        assert!(server.taken().is_empty(), "nothing went out in plaintext");
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let place = tempfile::tempdir().unwrap();
    for (tls, scheme, end) in
        [(When::AtOnce, "smtps://", ""), (When::AfterStartTls, "smtp://", "?tls=required")]
    {
        let server = SmtpServer::start(Behaviour { tls, ..Behaviour::default() });
        let other = SmtpServer::start(Behaviour::default());
        let url = format!("{scheme}localhost:{}{end}", server.port());
        for ca_file in [None, Some(authority(place.path(), &other.certificate))] {
            let error = failure(&url, ca_file).await;
            assert!(error.advice.contains("mail.ca_file"), "{error:?}");
            assert!(error.summary.contains("certificate"), "{error:?}");
        }
        // A certificate for another name is none for this one.
        let url = url.replace("localhost", "localhost.localdomain.localhost");
        let error = failure(&url, Some(authority(place.path(), &server.certificate))).await;
        assert!(error.advice.contains("mail."), "{error:?}");
        assert!(server.taken().is_empty());
    }
}

#[tokio::test]
async fn replies_that_were_appended_before_the_handshake_count_for_nothing() {
    let place = tempfile::tempdir().unwrap();
    let injected = "250-evil.example\r\n250 AUTH PLAIN\r\n250 fine\r\n250 fine\r\n354 go on\r\n250 taken\r\n";
    let server = SmtpServer::start(Behaviour { tls: When::AfterStartTls, injected, ..Behaviour::default() });
    let url = format!("smtp://localhost:{}?tls=required", server.port());
    let error = failure(&url, Some(authority(place.path(), &server.certificate))).await;
    assert!(error.summary.contains("did not encrypt the connection"), "{error:?}");
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_let_us_in_is_named() {
    let strict = |auth| SmtpServer::start(Behaviour { auth: Some(auth), ..Behaviour::default() });
    let server = strict("PLAIN LOGIN");
    let error = failure(&format!("smtp://relay:wrong@127.0.0.1:{}", server.port()), None).await;
    assert!(error.summary.contains("535 5.7.8") && error.advice.contains("password"), "{error:?}");
    let error = failure(&format!("smtp://127.0.0.1:{}", server.port()), None).await;
    assert!(error.summary.contains("530 5.7.0") && error.advice.contains("mail.smtp_url"), "{error:?}");
    let other = strict("CRAM-MD5");
    let error = failure(&format!("smtp://{LOGIN}127.0.0.1:{}", other.port()), None).await;
    assert!(error.summary.contains("neither AUTH PLAIN nor AUTH LOGIN"), "{error:?}");
    assert!(!other.said().concat().contains(USER));
}

#[tokio::test]
async fn a_server_that_is_away_or_says_nothing_ends_the_try() {
    let silent = SmtpServer::start(Behaviour { is_silent: true, ..Behaviour::default() });
    for scheme in ["smtp", "smtps"] {
        let error = failure(&format!("{scheme}://127.0.0.1:{}", silent.port()), None).await;
        assert!(error.summary.contains("within"), "{error:?}");
        assert!(error.advice.contains("mail.smtp_url"), "{error:?}");
        let error =
            failure(&format!("{scheme}://127.0.0.1:{}", shared_claims::testing::free_port()), None).await;
        assert!(error.summary.contains("cannot be reached"), "{error:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_a_mail_is_for_good_or_for_now() {
    let server = SmtpServer::start(Behaviour::default());
    let mailer = mailer(smtp(&format!("smtp://127.0.0.1:{}", server.port()), None)).unwrap();
    let (sent, said) = send(&mailer, "bad@example.org").await;
    let error = sent.unwrap_err();
    assert!(error.is_final, "{error:?}");
    assert_eq!(error.summary, "the mail server refused the receiver: 554 5.1.1", "no address");
    assert!(said.contains("there is no such user"), "the operator sees what the server said: {said}");
    let (sent, _) = send(&mailer, "grey@example.org").await;
    let error = sent.unwrap_err();
    assert!(!error.is_final, "{error:?}");
    assert_eq!(error.summary, "the mail server refused the receiver: 450 4.2.1");
    assert_eq!(send(&mailer, "grey@example.org").await.0, Ok(()));
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_at_the_next_try() {
    let server = SmtpServer::start(Behaviour { breaks: 1, ..Behaviour::default() });
    let mailer = mailer(smtp(&format!("smtp://127.0.0.1:{}", server.port()), None)).unwrap();
    let (sent, said) = send(&mailer, "ada@example.org").await;
    assert!(!sent.expect_err(&said).is_final);
    assert_eq!(send(&mailer, "ada@example.org").await.0, Ok(()));
}

#[tokio::test]
async fn a_file_with_certificates_is_checked_at_the_start() {
    let place = tempfile::tempdir().unwrap();
    let url = "smtps://mail.example.com";
    let missing = mailer(smtp(url, Some(place.path().join("none.pem")))).err().unwrap().to_string();
    assert!(missing.starts_with("mail.ca_file: ") && missing.contains("none.pem"), "{missing}");
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let refused = mailer(smtp(url, Some(authority(place.path(), text)))).err();
        assert!(refused.is_some(), "{text}");
    }
}

#[tokio::test]
async fn a_folder_holds_whole_files_for_nobody_else() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a").join("mail");
    let mailer = mailer(TransportSettings::Folder(folder.clone())).unwrap();
    for _ in 0..2 {
        let (sent, said) = send(&mailer, "ada@example.org").await;
        assert_eq!(sent, Ok(()));
        assert!(said.contains(".eml"), "{said}");
    }
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(
        files,
        [folder.join(format!("{}.eml", Uuid::from_u128(7)))],
        "a repeated mail replaces itself"
    );
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let raw = std::fs::read(&files[0]).unwrap();
    let parsed = mail_parser::MessageParser::default().parse(&raw).unwrap();
    assert_eq!(parsed.subject(), Some("Test of the mail settings of Latchkey"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let place = tempfile::tempdir().unwrap();
    let blocked = place.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let mailer = mailer(TransportSettings::Folder(blocked.join("mail"))).unwrap();
    let error = send(&mailer, "ada@example.org").await.0.unwrap_err();
    assert!(!error.is_final && error.advice.contains("mail.folder"), "{error:?}");
}

#[tokio::test]
async fn without_a_transport_a_mail_waits() {
    let mailer = mailer(TransportSettings::None).unwrap();
    let error = send(&mailer, "ada@example.org").await.0.unwrap_err();
    assert!(!error.is_final);
    assert_eq!(error.summary, "mail is off: mail.transport is none");
}
