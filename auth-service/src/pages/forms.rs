//! The states of forms: which field has which error, and where the focus is.

use super::texts::Texts;
use super::view::{Register, RegisterError, RegisterNotice, SignIn, SignInNotice};

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
}

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
        });
        let is_known = is_wrong || !view.username.is_empty();
        let focus = focus(&errors, notice.as_ref(), if is_known { "password" } else { "username" });
        let field = |name: &'static str| Field::new(name, &errors, None, focus);
        let mut password = field("password");
        if is_wrong && password.described_by.is_none() {
            password.described_by = Some("notice".to_owned());
        }
        Self { username: field("username"), password, errors, notice }
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
        let notice = view.notice.map(|notice| match notice {
            RegisterNotice::Throttled { seconds } => throttled(texts, seconds),
            RegisterNotice::Busy => busy(texts),
        });
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
    Notice { class: "note-warn", text: texts.text("busy"), has_focus: true }
}

fn field_of(error: RegisterError) -> &'static str {
    match error {
        RegisterError::UsernameUnusable
        | RegisterError::UsernameLength
        | RegisterError::UsernameOuterSpace
        | RegisterError::UsernameCharacters
        | RegisterError::UsernameScripts => "username",
        RegisterError::EmailUnreadable => "email",
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
        RegisterError::PasswordShort => texts.number("password-short", "min", min_length),
        RegisterError::PasswordLong { max } => texts.number("password-long", "max", max),
        RegisterError::PasswordCommon => texts.text("password-common"),
        RegisterError::PasswordEqual => texts.text("password-equal"),
    }
}
