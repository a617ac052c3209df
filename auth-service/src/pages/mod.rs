//! Renders the pages of the hosted sign-in, and holds the files that they load.
//!
//! A page is an askama template (`templates/`) with the Fluent messages of one language (`locales/`). The room knows
//! plain data only: nothing of HTTP, of the database or of tokens. A handler builds a [`Page`], calls [`Pages::render`],
//! and sends the HTML with the headers of pages.
//!
//! - Forms post to `/login`, `/register`, `/consent`, `/continue` and `/logout`, each below the base path. Their fields
//!   are `username`, `email`, `password`, `decision` and `request`.
//! - "Continue as" of [`WhichAccount`] is a button of the form to `/login`: `decision` = `continue`, without a name.
//! - "Use another account" is a link to `/login?request=…&prompt=other`: the form with an empty name. So it needs the
//!   request sealed for the sign-in, also on pages whose own request is sealed for another purpose.
//! - Each page that can be opened again links to itself in the other languages, with `ui_locales` beside `request`.
//! - There is no inline script and no inline style. Links to pages that do not exist yet are left out.

mod account;
mod assets;
mod forms;
mod links;
mod locale;
mod palette;
mod scopes;
mod security;
mod site;
mod stub;
mod templates;
mod texts;
mod view;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use self::account::{AppRow, Applications, Device, Done, SessionName, SessionRow, Sessions};
pub use self::assets::Asset;
use self::assets::Assets;
pub use self::links::{Forgot, LinkKind, PasswordError, ResetPassword, VerifyEmail};
pub use self::locale::Locale;
pub(crate) use self::palette::MailColors;
pub use self::palette::{Color, InvalidColor};
pub use self::scopes::{Scope, ScopeText, ScopeTexts};
pub use self::security::{Account, AccountDone, ChangeAddress, Security};
use self::site::Site;
use self::templates::Renderer;
pub(crate) use self::texts::{Catalogue, Texts};
pub use self::view::{
    Consent, Continue, Destination, ErrorKind, ErrorPage, FormNotice, FormPost, MissingFields, NoMail, Page,
    Register, RegisterError, SignIn, SignInNotice, SignOut, SignedOut, Stub, WhichAccount,
};

/// What the pages of this installation are made with.
#[derive(Clone, Debug)]
pub struct PageSettings {
    /// The name of the issuer, for people.
    pub name: String,
    /// The colour of buttons and links, as `#RRGGBB`.
    pub accent: Option<String>,
    /// The same for dark pages. Without it, it follows from `accent`.
    pub accent_dark: Option<String>,
    /// The file of the logo: SVG or PNG, at most 64 KiB.
    pub logo: Option<PathBuf>,
    /// The file of the logo for dark pages. Shown only where `logo` is set, too.
    pub logo_dark: Option<PathBuf>,
    /// Where people find help: an `https:`, `http:` or `mailto:` URL.
    pub support: Option<String>,
    /// The host of the issuer as the address bar shows it, with the port if it has one.
    pub issuer_host: String,
    /// The path of the issuer: an empty text, or `/id`.
    pub base_path: String,
    /// The fewest characters of a new password.
    pub min_password_length: usize,
}

/// Why the pages cannot be made. One line that names the setting.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// An accent is not a colour.
    #[error("{key}: {error}")]
    InvalidColor {
        /// The setting.
        key: &'static str,
        /// What is allowed.
        error: InvalidColor,
    },
    /// A logo is missing or cannot be read.
    #[error("{key}: {} cannot be read: {source}", path.display())]
    UnreadableLogo {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A logo has too many bytes.
    #[error("{key}: {} is larger than 64 KiB", path.display())]
    LogoTooLarge {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A logo is no image that browsers can show in a known size.
    #[error("{key}: {} must be a PNG, or an SVG with a viewBox or with width and height in pixels", path.display())]
    NotALogo {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
}

/// All pages and their files. Cheap to clone.
#[derive(Clone)]
pub struct Pages(Arc<Inner>);

struct Inner {
    site: Site,
    assets: Assets,
    catalogue: Catalogue,
}

/// A page, rendered.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The whole document.
    pub html: String,
    /// Whether a form of the page can end at a client. Then the `Content-Security-Policy` must have no `form-action`:
    /// browsers apply it to every redirect that follows the post.
    pub leads_to_client: bool,
}

impl Pages {
    /// Reads the logos and computes the colours and the names of the files. Blocks while it reads.
    pub fn new(settings: PageSettings) -> Result<Self, PageError> {
        let (site, assets) = Site::new(settings)?;
        Ok(Self(Arc::new(Inner { site, assets, catalogue: Catalogue::load() })))
    }

    /// Renders a page.
    pub fn render(&self, locale: Locale, page: &Page) -> Rendered {
        let Inner { site, catalogue, .. } = &*self.0;
        let texts = catalogue.texts(locale, &site.name);
        let renderer =
            Renderer { site, texts, locale, languages: site.language_links(page, locale, catalogue) };
        let html = renderer.render(page).unwrap_or_else(|error| {
            // The templates call nothing that can fail, and a text takes every write.
            tracing::error!(%error, "pages.not_rendered");
            String::new()
        });
        Rendered { html, leads_to_client: page.leads_to_client() }
    }

    /// The file of this name, below `/assets/`.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.0.assets.get(name)
    }
}

/// An address of a page: its path, and what it carries.
struct PageAddress<'a> {
    path: &'static str,
    /// The name and the value of the parameter.
    parameter: Option<(&'static str, &'a str)>,
}

impl<'a> PageAddress<'a> {
    fn keeping(path: &'static str, name: &'static str, value: Option<&'a str>) -> Self {
        Self { path, parameter: value.map(|value| (name, value)) }
    }
}

impl Page {
    /// Whether it is a page of the own account, which no pop-up of an application shows.
    pub fn is_of_account(&self) -> bool {
        matches!(
            self,
            Self::Account(_)
                | Self::ChangeAddress(_)
                | Self::Security(_)
                | Self::Sessions(_)
                | Self::Applications(_)
                | Self::NoMail(NoMail::ChangeAddress)
        )
    }

    /// The address at which the page can be opened again: its path, and the sealed request that it carries. `None` for the
    /// pages that are shown in place of another, or only once.
    fn address(&self) -> Option<PageAddress<'_>> {
        let bare = |path| Some(PageAddress { path, parameter: None });
        match self {
            Self::SignIn(SignIn { request, .. }) | Self::WhichAccount(WhichAccount { request, .. }) => {
                Some(PageAddress::keeping("/login", "request", request.as_deref()))
            }
            Self::Register(Register { invitation: Some(token), .. }) => {
                Some(PageAddress::keeping("/register", "invitation", Some(token)))
            }
            Self::Register(Register { request, .. }) => {
                Some(PageAddress::keeping("/register", "request", request.as_deref()))
            }
            Self::RegistrationClosed => bare("/register"),
            Self::Consent(Consent { request, .. }) => {
                Some(PageAddress::keeping("/consent", "request", Some(request)))
            }
            Self::Continue(Continue { request, .. }) => {
                Some(PageAddress::keeping("/continue", "request", Some(request)))
            }
            Self::SignOut(SignOut { request, .. }) | Self::SignedOut(SignedOut { request, .. }) => {
                Some(PageAddress::keeping("/logout", "request", request.as_deref()))
            }
            Self::Forgot(_) | Self::NoMail(NoMail::Forgot) => bare("/forgot-password"),
            Self::ForgotSent => Some(PageAddress::keeping("/forgot-password", "sent", Some("1"))),
            Self::ResetPassword(ResetPassword { token, .. }) => {
                Some(PageAddress::keeping("/reset-password", "token", Some(token)))
            }
            Self::VerifyEmail(VerifyEmail { token, .. }) => {
                Some(PageAddress::keeping("/verify-email", "token", Some(token)))
            }
            Self::Account(_) => bare("/account"),
            Self::ChangeAddress(_) | Self::NoMail(NoMail::ChangeAddress) => bare("/account/email"),
            Self::Security(_) => bare("/account/security"),
            Self::Sessions(_) => bare("/account/sessions"),
            Self::Applications(_) => bare("/account/applications"),
            Self::FormPost(_)
            | Self::SignInEnded
            | Self::EmailVerified
            | Self::DeadLink(_)
            | Self::CheckMail(_)
            | Self::Error(_) => None,
        }
    }

    /// Whether a form of the page can end at a client, at once or after further pages.
    fn leads_to_client(&self) -> bool {
        match self {
            Self::SignIn(_)
            | Self::WhichAccount(_)
            | Self::Register(_)
            | Self::Consent(_)
            | Self::Continue(_)
            | Self::FormPost(_)
            | Self::SignOut(_) => true,
            Self::RegistrationClosed
            | Self::SignInEnded
            | Self::SignedOut(_)
            | Self::Forgot(_)
            | Self::ForgotSent
            | Self::ResetPassword(_)
            | Self::VerifyEmail(_)
            | Self::EmailVerified
            | Self::DeadLink(_)
            | Self::CheckMail(_)
            | Self::NoMail(_)
            | Self::Account(_)
            | Self::ChangeAddress(_)
            | Self::Security(_)
            | Self::Sessions(_)
            | Self::Applications(_)
            | Self::Error(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
