//! What each page is given. Plain data: a handler fills it, and the templates escape every text of it.
//!
//! `request` is the authorization request, sealed as text for the purpose of that page. It becomes the hidden field
//! `request` of the page's form, and the parameter `request` of the links that keep the pending sign-in.

use super::account::{Applications, Sessions};
use super::links::{Forgot, LinkKind, ResetPassword, VerifyEmail};
use super::scopes::Scope;
use super::security::{Account, ChangeAddress, Security};

/// A page and its data.
#[derive(Clone, Debug)]
pub enum Page {
    /// `/login`: asks for name and password. Posts `username`, `password` and `request` to `/login`.
    SignIn(SignIn),
    /// `/login`: somebody is signed in already. Posts `decision` = `continue` and `request` to `/login`.
    WhichAccount(WhichAccount),
    /// `/register`. Posts `username`, `email`, `password` and `request` to `/register`.
    Register(Register),
    /// `/register` where nobody may register (403).
    RegistrationClosed,
    /// `/consent`. Posts `decision` = `allow` or `deny`, and `request`, to `/consent`.
    Consent(Consent),
    /// `/continue`, for native clients. Posts `request` to `/continue`.
    Continue(Continue),
    /// The answer to a client that asked for `response_mode=form_post`. The script submits it.
    FormPost(FormPost),
    /// The client or the redirect URI of a sign-in in progress is gone (410).
    SignInEnded,
    /// `/logout` asks. Posts `request` to `/logout`.
    SignOut(SignOut),
    /// `/logout` is done.
    SignedOut(SignedOut),
    /// `/forgot-password`. Posts `identifier` to it.
    Forgot(Forgot),
    /// `/forgot-password` after the post, whoever was named.
    ForgotSent,
    /// `/reset-password`. Posts `token` and `password` to it.
    ResetPassword(ResetPassword),
    /// `/verify-email`. Posts `token`, and `password` where it is asked for, to it.
    VerifyEmail(VerifyEmail),
    /// `/verify-email` is done.
    EmailVerified,
    /// A link that does not work, in place of the page that it leads to (410).
    DeadLink(LinkKind),
    /// `/register` is done, and the link in the mail to this address has to be opened.
    CheckMail(String),
    /// A page that needs mail, where the service sends none. Its heading stays: the message of this name.
    NoMail(NoMail),
    /// `/account`: who is signed in. A button posts an empty form to `/logout`, another one `mail` = `verify` to it.
    Account(Account),
    /// `/account/email`. Posts `email` and `password` to it.
    ChangeAddress(ChangeAddress),
    /// `/account/security`. Posts `current_password` and `new_password` to it.
    Security(Security),
    /// `/account/sessions`. Its buttons post `session` to it: an id, or `others`.
    Sessions(Sessions),
    /// `/account/applications`. Its buttons post `client_id` to it.
    Applications(Applications),
    /// Any other answer that is not the page that was asked for.
    Error(ErrorPage),
}

/// The pages that need mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMail {
    /// `/forgot-password`.
    Forgot,
    /// `/account/email`.
    ChangeAddress,
}

/// The application that a sign-in leads to, for the upper part of the card.
#[derive(Clone, Debug, Default)]
pub struct Stub {
    /// The client's name.
    pub app: String,
    /// The host of the redirect URI. `None` for a first-party client, and where the URI has no host of its own.
    pub host: Option<String>,
}

/// The page that asks for name and password.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each turns a part of the page on, whatever the others do")]
pub struct SignIn {
    /// The application, if there is one.
    pub stub: Option<Stub>,
    /// The sealed request.
    pub request: Option<String>,
    /// What the field `username` holds. It is kept after an error.
    pub username: String,
    /// "Confirm it is you": the name is known and the field is `readonly`. The posted name counts nevertheless.
    pub is_username_fixed: bool,
    /// The form with an empty name, whoever is signed in: `prompt=other` stands in its address.
    pub is_other_account: bool,
    /// Why the post before did not succeed.
    pub notice: Option<SignInNotice>,
    /// The fields that the post before left empty.
    pub missing: MissingFields,
    /// Whether the page links to `/register`.
    pub offers_registration: bool,
    /// Whether the page links to `/forgot-password`.
    pub offers_reset: bool,
    /// Whether the password was just reset.
    pub is_reset: bool,
}

/// The fields of a sign-in that were left empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingFields {
    /// `username`.
    pub username: bool,
    /// `password`.
    pub password: bool,
}

/// Why a sign-in or a registration was not tried, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInNotice {
    /// 422: an unknown name, a wrong password or a disabled account. One text for all of them.
    WrongPassword,
    /// 429: too many attempts.
    Throttled {
        /// The seconds until the next attempt is allowed.
        seconds: u64,
    },
    /// 503: too many sign-ins wait for a hash.
    Busy,
    /// 422: the password is right, but the address has to be verified first. A new mail is on its way.
    EmailNotVerified,
}

/// The page for somebody who is signed in already and may want another account.
#[derive(Clone, Debug, Default)]
pub struct WhichAccount {
    /// The application, if there is one.
    pub stub: Option<Stub>,
    /// The sealed request.
    pub request: Option<String>,
    /// The user who is signed in.
    pub user: String,
    /// Whether "Continue as" is offered. Not where `id_token_hint` names somebody else.
    pub can_continue: bool,
}

/// The page that creates an account.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// The application, if there is one.
    pub stub: Option<Stub>,
    /// The sealed request.
    pub request: Option<String>,
    /// What the field `username` holds. It is kept after an error.
    pub username: String,
    /// What the field `email` holds. It is kept after an error.
    pub email: String,
    /// Whether an address is required.
    pub is_email_required: bool,
    /// The token of the invitation that led here.
    pub invitation: Option<String>,
    /// Everything that must be put right, in any order. Of several errors of one field the first is shown.
    pub errors: Vec<RegisterError>,
    /// Why the post was not tried.
    pub notice: Option<FormNotice>,
}

/// Why a form was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormNotice {
    /// 429: too many attempts.
    Throttled {
        /// The seconds until the next attempt is allowed.
        seconds: u64,
    },
    /// 503: too many people wait for a hash.
    Busy,
}

/// A field of a registration, or a new password elsewhere, that must be put right. Each variant begins with the name of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// Taken, too like another name, or reserved: one text for all of them.
    UsernameUnusable,
    /// Empty or too long.
    UsernameLength,
    /// White space at the start or the end.
    UsernameOuterSpace,
    /// Characters that nobody sees.
    UsernameCharacters,
    /// Letters of several scripts.
    UsernameScripts,
    /// Not an e-mail address.
    EmailUnreadable,
    /// Missing, where it is required.
    EmailMissing,
    /// Empty or too short.
    PasswordShort,
    /// Too long.
    PasswordLong {
        /// The most characters.
        max: usize,
    },
    /// Common or leaked.
    PasswordCommon,
    /// Equal to the user name or the address.
    PasswordEqual,
}

/// The page that asks whether a client may have what it asks for.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The client's name.
    pub app: String,
    /// Where both answers lead.
    pub destination: Destination,
    /// The scopes in the order in which they were asked for. The page shows `openid` first, and `todos:read` with
    /// `todos:write` as one.
    pub scopes: Vec<Scope>,
    /// The user who is signed in.
    pub user: String,
    /// The sealed request, for the form.
    pub request: String,
    /// The same request, sealed for `/login`: "Use another account" is a link there, with `prompt=other`.
    pub sign_in_request: String,
}

/// Where the answer to a client goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The host of the redirect URI.
    Host(String),
    /// A loopback address or a scheme of its own: an application on the person's device.
    Device,
}

/// The page that asks before a native client goes on.
#[derive(Clone, Debug, Default)]
pub struct Continue {
    /// The client's name.
    pub app: String,
    /// The user who is signed in.
    pub user: String,
    /// The sealed request, for the form.
    pub request: String,
    /// The same request, sealed for `/login`: "Use another account" is a link there, with `prompt=other`.
    pub sign_in_request: String,
}

/// The form that carries an authorization response to the client.
#[derive(Clone, Debug, Default)]
pub struct FormPost {
    /// The client's name.
    pub app: String,
    /// The redirect URI. The caller has checked that it is registered; the page only escapes it.
    pub action: String,
    /// The parameters of the response, in this order.
    pub fields: Vec<(String, String)>,
}

/// The page that asks whether to sign out.
#[derive(Clone, Debug, Default)]
pub struct SignOut {
    /// The application that asked for it, if one did.
    pub stub: Option<Stub>,
    /// The sealed request, if an application asked.
    pub request: Option<String>,
}

/// The page after a sign-out.
#[derive(Clone, Debug, Default)]
pub struct SignedOut {
    /// What the page says, sealed, for the links to it in other languages.
    pub request: Option<String>,
    /// The names of the applications that stay connected.
    pub apps: Vec<String>,
    /// Whether the application named an address to return to that is not registered.
    pub is_return_unknown: bool,
}

/// An answer that is not the page that was asked for.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// Which answer it is.
    pub kind: ErrorKind,
    /// A short code for the people who run the application: `unknown_client`.
    pub code: String,
    /// The id of the request, as the log has it.
    pub request_id: String,
    /// The time in UTC (RFC 3339).
    pub time: String,
    /// The `client_id` that the caller sent. At most 100 characters of it are shown, and nothing else of the request.
    pub client_id: Option<String>,
}

/// The kinds of [`ErrorPage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the client is unknown, or its redirect URI is not registered.
    BadLink,
    /// 403: a form that is not from our pages.
    ForeignForm,
    /// 404.
    NotFound,
    /// 500.
    ServerError,
}
