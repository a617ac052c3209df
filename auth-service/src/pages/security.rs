//! The pages of the own account about its address and its password.

use askama::Template;

use super::forms::{AddressForm, Field, FieldError, Notice, SecurityForm, form_notice};
use super::links::PasswordError;
use super::templates::{AccountHead, Frame, Renderer};
use super::texts::Phrase;
use super::view::{FormNotice, RegisterError};

/// The page of the own account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The user who is signed in.
    pub user: String,
    /// The address, and whether it is confirmed.
    pub email: Option<(String, bool)>,
    /// The address that waits to be confirmed in its place.
    pub pending_email: Option<String>,
    /// Whether links can be sent.
    pub sends_mail: bool,
    /// What the post before did.
    pub done: Option<AccountDone>,
    /// Why the post was not tried.
    pub notice: Option<FormNotice>,
}

/// What a post of the overview or of the page for another address did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountDone {
    /// A link is on its way to the address.
    LinkSent,
    /// A link is on its way to the address that was typed.
    AddressAsked,
}

/// The page that asks for another address.
#[derive(Clone, Debug, Default)]
pub struct ChangeAddress {
    /// The user who is signed in.
    pub user: String,
    /// What the field `email` holds. It is kept after an error.
    pub email: String,
    /// Whether the address cannot be used.
    pub is_unreadable: bool,
    /// What is wrong with the password.
    pub password: Option<PasswordError>,
    /// Why the post was not tried.
    pub notice: Option<FormNotice>,
}

/// The page with the password of the account.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// The user who is signed in.
    pub user: String,
    /// What is wrong with the current password.
    pub current: Option<PasswordError>,
    /// What the new password must be and is not.
    pub new: Option<RegisterError>,
    /// Why the post was not tried.
    pub notice: Option<FormNotice>,
    /// Whether the password was just changed.
    pub is_changed: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
pub(super) struct AccountTemplate<'a> {
    frame: Frame<'a>,
    account: AccountHead<'a>,
    view: &'a Account,
    done: Option<Phrase<'a>>,
    notice: Option<Notice>,
}

#[derive(Template)]
#[template(path = "change_address.html")]
pub(super) struct ChangeAddressTemplate<'a> {
    frame: Frame<'a>,
    account: AccountHead<'a>,
    view: &'a ChangeAddress,
    email: Field,
    password: Field,
    errors: Vec<FieldError>,
    notice: Option<Notice>,
}

#[derive(Template)]
#[template(path = "security.html")]
pub(super) struct SecurityTemplate<'a> {
    frame: Frame<'a>,
    account: AccountHead<'a>,
    current: Field,
    new: Field,
    errors: Vec<FieldError>,
    notice: Option<Notice>,
    done: Option<Phrase<'a>>,
    password_hint: String,
    password_rules: String,
}

impl<'a> Renderer<'a> {
    pub(super) fn account(&'a self, view: &'a Account) -> AccountTemplate<'a> {
        let done = view.done.map(|done| match done {
            AccountDone::LinkSent => self.said("link-sent"),
            AccountDone::AddressAsked => self.said("address-asked"),
        });
        let account = self.account_head("/account", &view.user);
        let notice = form_notice(self.texts, view.notice);
        AccountTemplate {
            frame: self.frame_of_form("account", notice.is_some()),
            account,
            view,
            done,
            notice,
        }
    }

    pub(super) fn change_address(&'a self, view: &'a ChangeAddress) -> ChangeAddressTemplate<'a> {
        let AddressForm { email, password, errors, notice } = AddressForm::new(self.texts, view);
        let has_error = notice.is_some() || !errors.is_empty();
        ChangeAddressTemplate {
            frame: self.frame_of_form("change-address", has_error),
            account: self.account_head("/account", &view.user),
            view,
            email,
            password,
            errors,
            notice,
        }
    }

    pub(super) fn security(&'a self, view: &'a Security) -> SecurityTemplate<'a> {
        let min_length = self.site.min_password_length;
        let SecurityForm { current, new, errors, notice } = SecurityForm::new(self.texts, view, min_length);
        let has_error = notice.is_some() || !errors.is_empty();
        SecurityTemplate {
            frame: self.frame_of_form("security", has_error),
            account: self.account_head("/account/security", &view.user),
            current,
            new,
            errors,
            notice,
            done: view.is_changed.then(|| self.said("password-changed")),
            password_hint: self.texts.number("password-hint", "min", min_length),
            password_rules: format!("minlength: {min_length};"),
        }
    }

    /// A sentence of a notice that names nothing.
    pub(super) fn said(&'a self, id: &str) -> Phrase<'a> {
        Phrase { before: self.texts.text(id), value: "".into(), after: String::new() }
    }
}
