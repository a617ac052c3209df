//! The states of forms: which field has which error, and where the focus is.

use super::links::{Forgot, PasswordError, ResetPassword, VerifyEmail};
use super::security::{ChangeAddress, Security};
use super::texts::Texts;
use super::view::{FormNotice, Register, RegisterError, SignIn, SignInNotice};

/// The state of an input.
#[derive(Default)]
pub(super) struct Field {
    pub(super) error: Option<String>,
    /// The ids of hint, error and notice.
    pub(super) described_by: Option<String>,
    pub(super) has_focus: bool,
}

/// An entry of the summary that stands above two errors or more.
pub(super) struct FieldError {
    pub(super) field: &'static str,
    pub(super) text: String,
}

/// A box above the form.
pub(super) struct Notice {
    pub(super) class: &'static str,
    pub(super) text: String,
    pub(super) has_focus: bool,
}

/// The form of `/login`.
pub(super) struct SignInForm {
    pub(super) username: Field,
    pub(super) password: Field,
    pub(super) errors: Vec<FieldError>,
    pub(super) notice: Option<Notice>,
    /// Whether the wait is so long that the page names other ways in.
    pub(super) is_long_wait: bool,
}

/// From this many seconds on the page names other ways in: over an hour.
const LONG_WAIT_S: u64 = 3_601;

impl SignInForm {
    pub(super) fn new(texts: Texts<'_>, view: &SignIn) -> Self {
        let mut errors = Vec::new();
        if view.missing.username {
            errors.push(FieldError { field: "username", text: texts.text("identifier-empty") });
        }
        if view.missing.password {
            errors.push(FieldError { field: "password", text: texts.text("password-empty") });
        }
        let is_wrong = view.notice == Some(SignInNotice::WrongPassword);
        let notice = view.notice.map(|notice| match notice {
            SignInNotice::WrongPassword => Notice {
                class: "note-danger",
                text: texts.text("wrong-password"),
                // The password has the focus and the notice as its description, so that it is read.
                has_focus: false,
            },
            SignInNotice::Throttled { seconds } => throttled(texts, seconds),
            SignInNotice::Busy => busy(texts),
            SignInNotice::EmailNotVerified => warning(texts, "email-not-verified"),
        });
        let is_long_wait = matches!(view.notice, Some(SignInNotice::Throttled { seconds: LONG_WAIT_S.. }));
        let is_known = is_wrong || !view.username.is_empty();
        let fresh = match (view.is_reset, is_known) {
            // What was done is read first.
            (true, _) => "",
            (false, true) => "password",
            (false, false) => "username",
        };
        let focus = focus(&errors, notice.as_ref(), fresh);
        let field = |name: &'static str| Field::new(name, &errors, None, focus);
        let mut password = field("password");
        if is_wrong && password.described_by.is_none() {
            password.described_by = Some("notice".to_owned());
        }
        Self { username: field("username"), password, errors, notice, is_long_wait }
    }

    pub(super) fn has_error(&self) -> bool {
        !self.errors.is_empty() || self.notice.is_some()
    }
}

/// The form of `/register`.
pub(super) struct RegisterForm {
    pub(super) username: Field,
    pub(super) email: Field,
    pub(super) password: Field,
    pub(super) errors: Vec<FieldError>,
    pub(super) notice: Option<Notice>,
}

impl RegisterForm {
    pub(super) fn new(texts: Texts<'_>, view: &Register, min_length: usize) -> Self {
        let mut errors = Vec::new();
        for name in ["username", "email", "password"] {
            let first = view.errors.iter().find(|error| field_of(**error) == name);
            if let Some(error) = first {
                errors.push(FieldError { field: name, text: words(texts, *error, min_length) });
            }
        }
        let notice = form_notice(texts, view.notice);
        let first_empty = if view.username.is_empty() {
            "username"
        } else if view.email.is_empty() {
            "email"
        } else {
            "password"
        };
        let focus = focus(&errors, notice.as_ref(), first_empty);
        let field = |name: &'static str, hint| Field::new(name, &errors, Some(hint), focus);
        Self {
            username: field("username", "username-hint"),
            email: field("email", "email-hint"),
            password: field("password", "password-hint"),
            errors,
            notice,
        }
    }

    pub(super) fn has_error(&self) -> bool {
        !self.errors.is_empty() || self.notice.is_some()
    }
}

/// The form of `/reset-password`.
pub(super) struct ResetForm {
    pub(super) password: Field,
    pub(super) notice: Option<Notice>,
}

impl ResetForm {
    pub(super) fn new(texts: Texts<'_>, view: &ResetPassword, min_length: usize) -> Self {
        let text = view.error.map(|error| words(texts, error, min_length));
        let errors: Vec<_> = FieldError::of(("password", text)).into_iter().collect();
        let notice = form_notice(texts, view.notice);
        let focus = focus(&errors, notice.as_ref(), "password");
        Self { password: Field::new("password", &errors, Some("password-hint"), focus), notice }
    }
}

/// The form of `/verify-email`.
pub(super) struct VerifyForm {
    pub(super) password: Field,
    pub(super) notice: Option<Notice>,
}

impl VerifyForm {
    pub(super) fn new(texts: Texts<'_>, view: &VerifyEmail) -> Self {
        let text = view.error.map(|error| match error {
            PasswordError::Empty => texts.text("password-empty"),
            PasswordError::Wrong => texts.text("password-wrong"),
        });
        let errors: Vec<_> = FieldError::of(("password", text)).into_iter().collect();
        let notice = form_notice(texts, view.notice);
        let focus = focus(&errors, notice.as_ref(), "password");
        Self { password: Field::new("password", &errors, None, focus), notice }
    }
}

/// The form of `/account/security`.
pub(super) struct SecurityForm {
    pub(super) current: Field,
    pub(super) new: Field,
    pub(super) errors: Vec<FieldError>,
    pub(super) notice: Option<Notice>,
}

impl SecurityForm {
    pub(super) fn new(texts: Texts<'_>, view: &Security, min_length: usize) -> Self {
        let current = view.current.map(|error| match error {
            PasswordError::Empty => texts.text("current-password-empty"),
            PasswordError::Wrong => texts.text("current-password-wrong"),
        });
        let new = view.new.map(|error| words(texts, error, min_length));
        let named = [("current_password", current), ("new_password", new)];
        let errors: Vec<_> = named.into_iter().filter_map(FieldError::of).collect();
        let notice = form_notice(texts, view.notice);
        // What was done is read first.
        let fresh = if view.is_changed { "" } else { "current_password" };
        let focus = focus(&errors, notice.as_ref(), fresh);
        Self {
            current: Field::new("current_password", &errors, None, focus),
            new: Field::new("new_password", &errors, Some("new_password-hint"), focus),
            errors,
            notice,
        }
    }
}

/// The form of `/account/email`.
pub(super) struct AddressForm {
    pub(super) email: Field,
    pub(super) password: Field,
    pub(super) errors: Vec<FieldError>,
    pub(super) notice: Option<Notice>,
}

impl AddressForm {
    pub(super) fn new(texts: Texts<'_>, view: &ChangeAddress) -> Self {
        let email = view.is_unreadable.then(|| texts.text("email-unreadable"));
        let password = view.password.map(|error| match error {
            PasswordError::Empty => texts.text("password-empty"),
            PasswordError::Wrong => texts.text("password-wrong"),
        });
        let errors: Vec<_> =
            [("email", email), ("password", password)].into_iter().filter_map(FieldError::of).collect();
        let notice = form_notice(texts, view.notice);
        let first_empty = if view.email.is_empty() { "email" } else { "password" };
        let focus = focus(&errors, notice.as_ref(), first_empty);
        Self {
            email: Field::new("email", &errors, Some("email-hint"), focus),
            password: Field::new("password", &errors, None, focus),
            errors,
            notice,
        }
    }
}

/// The field of `/forgot-password`.
pub(super) fn identifier_field(texts: Texts<'_>, view: &Forgot, notice: Option<&Notice>) -> Field {
    let missing = view.is_missing.then(|| texts.text("identifier-empty"));
    let errors: Vec<_> = FieldError::of(("identifier", missing)).into_iter().collect();
    let focus = focus(&errors, notice, "identifier");
    Field::new("identifier", &errors, None, focus)
}

impl FieldError {
    fn of((field, text): (&'static str, Option<String>)) -> Option<Self> {
        Some(Self { field, text: text? })
    }
}

pub(super) fn form_notice(texts: Texts<'_>, notice: Option<FormNotice>) -> Option<Notice> {
    notice.map(|notice| match notice {
        FormNotice::Throttled { seconds } => throttled(texts, seconds),
        FormNotice::Busy => busy(texts),
    })
}

impl Field {
    fn new(
        name: &'static str,
        errors: &[FieldError],
        hint: Option<&'static str>,
        focus: Option<&str>,
    ) -> Self {
        let error = errors.iter().find(|error| error.field == name).map(|error| error.text.clone());
        let error_id = error.is_some().then(|| format!("{name}-error"));
        let ids: Vec<_> = hint.map(str::to_owned).into_iter().chain(error_id).collect();
        Self { error, described_by: (!ids.is_empty()).then(|| ids.join(" ")), has_focus: focus == Some(name) }
    }
}

/// The field that has the focus: the one with an error, else the first empty one. A notice takes it, and so does the
/// summary of several errors.
fn focus(errors: &[FieldError], notice: Option<&Notice>, first_empty: &'static str) -> Option<&'static str> {
    if notice.is_some_and(|notice| notice.has_focus) {
        return None;
    }
    match errors {
        [] => Some(first_empty),
        [one] => Some(one.field),
        _ => None,
    }
}

fn throttled(texts: Texts<'_>, seconds: u64) -> Notice {
    let text = texts.text_with("throttled", "wait", &texts.wait(seconds));
    Notice { class: "note-warn", text, has_focus: true }
}

fn busy(texts: Texts<'_>) -> Notice {
    warning(texts, "busy")
}

fn warning(texts: Texts<'_>, text: &str) -> Notice {
    Notice { class: "note-warn", text: texts.text(text), has_focus: true }
}

fn field_of(error: RegisterError) -> &'static str {
    match error {
        RegisterError::UsernameUnusable
        | RegisterError::UsernameLength
        | RegisterError::UsernameOuterSpace
        | RegisterError::UsernameCharacters
        | RegisterError::UsernameScripts => "username",
        RegisterError::EmailUnreadable | RegisterError::EmailMissing => "email",
        RegisterError::PasswordShort
        | RegisterError::PasswordLong { .. }
        | RegisterError::PasswordCommon
        | RegisterError::PasswordEqual => "password",
    }
}

fn words(texts: Texts<'_>, error: RegisterError, min_length: usize) -> String {
    match error {
        RegisterError::UsernameUnusable => texts.text("username-unusable"),
        RegisterError::UsernameLength => texts.text("username-length"),
        RegisterError::UsernameOuterSpace => texts.text("username-outer-space"),
        RegisterError::UsernameCharacters => texts.text("username-characters"),
        RegisterError::UsernameScripts => texts.text("username-scripts"),
        RegisterError::EmailUnreadable => texts.text("email-unreadable"),
        RegisterError::EmailMissing => texts.text("email-missing"),
        RegisterError::PasswordShort => texts.number("password-short", "min", min_length),
        RegisterError::PasswordLong { max } => texts.number("password-long", "max", max),
        RegisterError::PasswordCommon => texts.text("password-common"),
        RegisterError::PasswordEqual => texts.text("password-equal"),
    }
}
