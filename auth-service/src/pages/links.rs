//! The pages around mailed links: asking for one, and the pages that links lead to.

use askama::Template;

use super::forms::{Field, Notice, ResetForm, VerifyForm, form_notice, identifier_field};
use super::templates::{Frame, Link, MessageTemplate, Renderer};
use super::texts::Phrase;
use super::view::{FormNotice, RegisterError};

/// The page that asks who wants a link.
#[derive(Clone, Debug, Default)]
pub struct Forgot {
    /// What the field `identifier` holds. It is kept after an error.
    pub identifier: String,
    /// Whether the post before named nobody: the field was empty, or held what can be neither a name nor an address.
    pub is_missing: bool,
    /// Why the post was not tried.
    pub notice: Option<FormNotice>,
}

/// The page that a reset link leads to.
#[derive(Clone, Debug, Default)]
pub struct ResetPassword {
    /// The token of the link.
    pub token: String,
    /// The user whose link it is.
    pub user: String,
    /// What the new password must be and is not.
    pub error: Option<RegisterError>,
    /// Why the post was not tried.
    pub notice: Option<FormNotice>,
}

/// The page that a verification link leads to.
#[derive(Clone, Debug, Default)]
pub struct VerifyEmail {
    /// The token of the link.
    pub token: String,
    /// The user whose link it is.
    pub user: String,
    /// The address that the link was sent to.
    pub email: String,
    /// Whether the password of the account is asked for.
    pub asks_password: bool,
    /// What was wrong with the password.
    pub error: Option<PasswordError>,
    /// Why the post was not tried.
    pub notice: Option<FormNotice>,
}

/// What is wrong with the password of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// The field was empty.
    Empty,
    /// It is not the password.
    Wrong,
}

/// The kinds of links in mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// To a new password: one hour.
    Reset,
    /// To the verification of an address: 24 hours.
    Verification,
    /// To a registration: 7 days.
    Invitation,
}

#[derive(Template)]
#[template(path = "forgot.html")]
pub(super) struct ForgotTemplate<'a> {
    frame: Frame<'a>,
    view: &'a Forgot,
    identifier: Field,
    notice: Option<Notice>,
}

#[derive(Template)]
#[template(path = "reset.html")]
pub(super) struct ResetTemplate<'a> {
    frame: Frame<'a>,
    view: &'a ResetPassword,
    password: Field,
    notice: Option<Notice>,
    password_hint: String,
    password_rules: String,
}

#[derive(Template)]
#[template(path = "verify.html")]
pub(super) struct VerifyTemplate<'a> {
    frame: Frame<'a>,
    view: &'a VerifyEmail,
    password: Field,
    notice: Option<Notice>,
    /// The sentence before the address, between it and the user, and after both.
    sentence: [String; 3],
    password_label: Phrase<'a>,
}

/// The page "Check your mail" after a registration.
#[derive(Template)]
#[template(path = "check_mail.html")]
pub(super) struct CheckMailTemplate<'a> {
    frame: Frame<'a>,
    text: Phrase<'a>,
}

/// The page where mail is needed and there is none.
#[derive(Template)]
#[template(path = "no_mail.html")]
pub(super) struct NoMailTemplate<'a> {
    frame: Frame<'a>,
}

impl<'a> Renderer<'a> {
    pub(super) fn forgot(&'a self, view: &'a Forgot) -> ForgotTemplate<'a> {
        let notice = form_notice(self.texts, view.notice);
        let identifier = identifier_field(self.texts, view, notice.as_ref());
        let has_error = notice.is_some() || identifier.error.is_some();
        ForgotTemplate { frame: self.frame_of_form("forgot", has_error), view, identifier, notice }
    }

    pub(super) fn reset_password(&'a self, view: &'a ResetPassword) -> ResetTemplate<'a> {
        let min_length = self.site.min_password_length;
        let ResetForm { password, notice } = ResetForm::new(self.texts, view, min_length);
        let has_error = notice.is_some() || password.error.is_some();
        ResetTemplate {
            frame: self.frame_of_form("new-password-choose", has_error),
            view,
            password,
            notice,
            password_hint: self.texts.number("password-hint", "min", min_length),
            password_rules: format!("minlength: {min_length};"),
        }
    }

    pub(super) fn verify_email(&'a self, view: &'a VerifyEmail) -> VerifyTemplate<'a> {
        let VerifyForm { password, notice } = VerifyForm::new(self.texts, view);
        let has_error = notice.is_some() || password.error.is_some();
        VerifyTemplate {
            frame: self.frame_of_form("verify", has_error),
            view,
            password,
            notice,
            sentence: self.texts.parts("verify-text", ["address", "user"]),
            password_label: self.texts.phrase("password-of", "user", &view.user),
        }
    }

    pub(super) fn check_mail(&'a self, address: &'a str) -> CheckMailTemplate<'a> {
        let text = self.texts.phrase("check-mail-text", "address", address);
        CheckMailTemplate { frame: self.frame("check-mail", None), text }
    }

    pub(super) fn no_mail(&'a self, heading: &str) -> NoMailTemplate<'a> {
        NoMailTemplate { frame: self.frame(heading, None) }
    }

    /// The page for a link that was used, whose time is up, that was replaced, or that never was: one text for all.
    pub(super) fn dead_link(&'a self, kind: LinkKind) -> MessageTemplate<'a> {
        let (life, link): (_, Link) = match kind {
            LinkKind::Reset => {
                (self.texts.counted("life-hours", 1), self.link("/forgot-password", "send-new-link"))
            }
            // The account has the button that sends one; whoever is not signed in signs in first.
            LinkKind::Verification => {
                (self.texts.counted("life-hours", 24), self.link("/account", "send-new-link"))
            }
            LinkKind::Invitation => (self.texts.counted("life-days", 7), self.link("/login", "sign-in")),
        };
        let text = self.texts.text_with("dead-link-text", "life", &life);
        let mut template = self.message("dead-link", None, Some(link));
        template.text = Some(text);
        template
    }
}
