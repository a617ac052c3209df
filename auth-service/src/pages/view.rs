//! What each page is given. Plain data: a handler fills it, and the templates escape every text of it.
//!
//! `request` is the authorization request, sealed as text for the purpose of that page. It becomes the hidden field
//! `request` of the page's form, and the parameter `request` of the links that keep the pending sign-in.

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
    SignedOut,
    /// `/account`: who is signed in. Its button posts an empty form to `/logout`.
    Account(Account),
    /// Any other answer that is not the page that was asked for.
    Error(ErrorPage),
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
pub struct SignIn {
    /// The application, if there is one.
    pub stub: Option<Stub>,
    /// The sealed request.
    pub request: Option<String>,
    /// What the field `username` holds. It is kept after an error.
    pub username: String,
    /// "Confirm it is you": the name is known and the field is `readonly`. The posted name counts nevertheless.
    pub is_username_fixed: bool,
    /// Why the post before did not succeed.
    pub notice: Option<SignInNotice>,
    /// The fields that the post before left empty.
    pub missing: MissingFields,
    /// Whether the page links to `/register`.
    pub offers_registration: bool,
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
    /// Everything that must be put right, in any order. Of several errors of one field the first is shown.
    pub errors: Vec<RegisterError>,
    /// Why the post was not tried.
    pub notice: Option<RegisterNotice>,
}

/// Why a registration was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterNotice {
    /// 429: too many attempts.
    Throttled {
        /// The seconds until the next attempt is allowed.
        seconds: u64,
    },
    /// 503: too many people wait for a hash.
    Busy,
}

/// A field of a registration that must be put right. Each variant begins with the name of its field.
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

/// A scope that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// The operator's own text. `None`: the built-in one, or that there is no description.
    pub text: Option<ScopeText>,
}

/// What a scope means, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeText {
    /// A few words: "See your profile".
    pub title: String,
    /// At most one and a half lines.
    pub sentence: Option<String>,
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

/// The page of the own account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The user who is signed in.
    pub user: String,
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
