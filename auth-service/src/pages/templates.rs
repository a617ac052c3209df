//! The templates, and what each of them is filled with.

use askama::Template;

use super::forms::{Field, FieldError, Notice, RegisterForm, SignInForm};
use super::locale::Locale;
use super::scopes::{self, ScopeText};
use super::site::{LanguageLink, Site};
use super::stub::{StubView, stub};
use super::texts::{Phrase, Texts, isolated};
use super::view::{
    Consent, Continue, Destination, ErrorKind, ErrorPage, FormPost, NoMail, Page, Register, SignIn, SignOut,
    SignedOut, Stub, WhichAccount,
};

/// What stands around the content of every page.
pub(super) struct Frame<'a> {
    pub(super) site: &'a Site,
    pub(super) texts: Texts<'a>,
    pub(super) lang: &'static str,
    pub(super) dir: &'static str,
    pub(super) languages: &'a [LanguageLink],
    pub(super) title: String,
    pub(super) heading: String,
    pub(super) stub: Option<StubView<'a>>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInTemplate<'a> {
    frame: Frame<'a>,
    view: &'a SignIn,
    username: Field,
    password: Field,
    errors: Vec<FieldError>,
    notice: Option<Notice>,
    is_long_wait: bool,
    done: Option<Phrase<'a>>,
}

#[derive(Template)]
#[template(path = "which_account.html")]
struct WhichAccountTemplate<'a> {
    frame: Frame<'a>,
    view: &'a WhichAccount,
}

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterTemplate<'a> {
    frame: Frame<'a>,
    view: &'a Register,
    username: Field,
    email: Field,
    password: Field,
    errors: Vec<FieldError>,
    notice: Option<Notice>,
    password_hint: String,
    password_rules: String,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentTemplate<'a> {
    frame: Frame<'a>,
    view: &'a Consent,
    scopes: Vec<ScopeText>,
}

#[derive(Template)]
#[template(path = "continue.html")]
struct ContinueTemplate<'a> {
    frame: Frame<'a>,
    view: &'a Continue,
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostTemplate<'a> {
    frame: Frame<'a>,
    view: &'a FormPost,
}

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOutTemplate<'a> {
    frame: Frame<'a>,
    view: &'a SignOut,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutTemplate<'a> {
    frame: Frame<'a>,
    view: &'a SignedOut,
}

/// What stands above every page of the own account (`account_page.html`).
pub(super) struct AccountHead<'a> {
    pub(super) user: &'a str,
    /// The pages of the account, and which of them this is. With a single page there is no navigation.
    pub(super) links: Vec<(Link, bool)>,
}

/// The pages of the account, with the messages that name them.
const ACCOUNT_PAGES: &[(&str, &str)] = &[
    ("/account", "overview"),
    ("/account/sessions", "sessions"),
    ("/account/applications", "applications-short"),
    ("/account/security", "security"),
];

/// A page that says something and asks for nothing.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct MessageTemplate<'a> {
    frame: Frame<'a>,
    pub(super) text: Option<String>,
    link: Option<Link>,
    /// Shows the id of the request, for people who ask for help.
    number: Option<&'a ErrorPage>,
    details: Option<&'a ErrorPage>,
    client: Option<String>,
}

pub(super) struct Link {
    pub(super) address: String,
    pub(super) text: String,
}

/// The most characters of a `client_id` that an error page repeats.
const CLIENT_ID_SHOWN: usize = 100;

/// Renders pages in one language.
pub(super) struct Renderer<'a> {
    pub(super) site: &'a Site,
    pub(super) texts: Texts<'a>,
    pub(super) locale: Locale,
    pub(super) languages: Vec<LanguageLink>,
}

impl<'a> Renderer<'a> {
    pub(super) fn render(&'a self, page: &'a Page) -> Result<String, askama::Error> {
        match page {
            Page::SignIn(view) => self.sign_in(view).render(),
            Page::WhichAccount(view) => {
                let frame = self.frame("which-account", view.stub.as_ref().map(|stub| self.asks(stub)));
                WhichAccountTemplate { frame, view }.render()
            }
            Page::Register(view) => self.register(view).render(),
            Page::RegistrationClosed => {
                let link = self.link("/login", "sign-in");
                self.message("registration-closed", Some("registration-closed-text"), Some(link)).render()
            }
            Page::Consent(view) => {
                let host = match &view.destination {
                    Destination::Host(host) => Some(host.as_str()),
                    Destination::Device => None,
                };
                let mut frame = self.frame("consent", Some(stub(&view.app, host)));
                frame.title = self.title(&self.about("consent-title", &view.app), false);
                let scopes = scopes::in_words(self.texts, &view.scopes);
                ConsentTemplate { frame, view, scopes }.render()
            }
            Page::Continue(view) => {
                let frame = self.frame_about("continue-to", &view.app);
                ContinueTemplate { frame, view }.render()
            }
            Page::FormPost(view) => {
                FormPostTemplate { frame: self.frame_about("back-to", &view.app), view }.render()
            }
            Page::SignInEnded => {
                let link = self.link("/account", "go-to-account");
                self.message("sign-in-ended", Some("sign-in-ended-text"), Some(link)).render()
            }
            Page::SignOut(view) => {
                let named = view.stub.as_ref().map(|asking| stub(&asking.app, asking.host.as_deref()));
                SignOutTemplate { frame: self.frame("sign-out-question", named), view }.render()
            }
            Page::SignedOut(view) => {
                SignedOutTemplate { frame: self.frame("signed-out", None), view }.render()
            }
            Page::Forgot(view) => self.forgot(view).render(),
            Page::ForgotSent => self.message("check-mail", Some("forgot-sent"), None).render(),
            Page::ResetPassword(view) => self.reset_password(view).render(),
            Page::VerifyEmail(view) => self.verify_email(view).render(),
            Page::EmailVerified => {
                let link = self.link("/account", "go-to-account");
                self.message("email-verified", Some("email-verified-text"), Some(link)).render()
            }
            Page::DeadLink(kind) => self.dead_link(*kind).render(),
            Page::CheckMail(address) => self.check_mail(address).render(),
            Page::NoMail(NoMail::Forgot) => self.no_mail("forgot").render(),
            Page::NoMail(NoMail::ChangeAddress) => self.no_mail("change-address").render(),
            Page::Account(view) => self.account(view).render(),
            Page::ChangeAddress(view) => self.change_address(view).render(),
            Page::Security(view) => self.security(view).render(),
            Page::Sessions(view) => self.sessions(view).render(),
            Page::Applications(view) => self.applications(view).render(),
            Page::Error(error) => self.error(error).render(),
        }
    }

    fn sign_in(&'a self, view: &'a SignIn) -> SignInTemplate<'a> {
        let form = SignInForm::new(self.texts, view);
        let heading = if view.is_username_fixed { "confirm-you" } else { "sign-in" };
        let mut frame = self.frame(heading, view.stub.as_ref().map(|stub| self.asks(stub)));
        frame.title = self.title(&frame.heading, form.has_error());
        let SignInForm { username, password, errors, notice, is_long_wait } = form;
        let done = view.is_reset.then(|| self.said("sign-in-after-reset"));
        SignInTemplate { frame, view, username, password, errors, notice, is_long_wait, done }
    }

    fn register(&'a self, view: &'a Register) -> RegisterTemplate<'a> {
        let min_length = self.site.min_password_length;
        let form = RegisterForm::new(self.texts, view, min_length);
        let mut frame = self.frame("register", view.stub.as_ref().map(|stub| self.asks(stub)));
        frame.title = self.title(&frame.heading, form.has_error());
        let RegisterForm { username, email, password, errors, notice } = form;
        RegisterTemplate {
            frame,
            view,
            username,
            email,
            password,
            errors,
            notice,
            password_hint: self.texts.number("password-hint", "min", min_length),
            password_rules: format!("minlength: {min_length};"),
        }
    }

    fn error(&'a self, error: &'a ErrorPage) -> MessageTemplate<'a> {
        let mut template = match error.kind {
            ErrorKind::BadLink => self.message("bad-link", Some("bad-link-text"), None),
            ErrorKind::ForeignForm => {
                let link = self.link("/", "start-again");
                self.message("foreign-form", Some("foreign-form-text"), Some(link))
            }
            ErrorKind::NotFound => {
                self.message("not-found", None, Some(self.link("/account", "go-to-account")))
            }
            ErrorKind::ServerError => self.message("server-error", Some("server-error-text"), None),
        };
        template.number = (error.kind == ErrorKind::ServerError).then_some(error);
        template.details = Some(error);
        template.client = error.client_id.as_ref().map(|client| {
            let mut shown: String = client.chars().take(CLIENT_ID_SHOWN).collect();
            if shown.len() < client.len() {
                shown.push('…');
            }
            shown
        });
        template
    }

    pub(super) fn message(
        &'a self,
        heading: &str,
        text: Option<&str>,
        link: Option<Link>,
    ) -> MessageTemplate<'a> {
        let text = text.map(|id| self.texts.text(id));
        let frame = self.frame(heading, None);
        MessageTemplate { frame, text, link, number: None, details: None, client: None }
    }

    pub(super) fn account_head(&'a self, path: &str, user: &'a str) -> AccountHead<'a> {
        let link = |(target, text): &(&str, &str)| (self.link(target, text), *target == path);
        AccountHead { user, links: ACCOUNT_PAGES.iter().map(link).collect() }
    }

    pub(super) fn link(&'a self, path: &str, text: &str) -> Link {
        Link { address: self.site.path(path), text: self.texts.text(text) }
    }

    /// The frame of a page whose heading names an application.
    fn frame_about(&'a self, heading: &str, app: &'a str) -> Frame<'a> {
        self.frame_with(self.about(heading, app), Some(stub(app, None)))
    }

    pub(super) fn frame(&'a self, heading: &str, stub: Option<StubView<'a>>) -> Frame<'a> {
        self.frame_with(self.texts.text(heading), stub)
    }

    /// The frame of a page with a form, whose title says where something has to be put right.
    pub(super) fn frame_of_form(&'a self, heading: &str, has_error: bool) -> Frame<'a> {
        let mut frame = self.frame(heading, None);
        frame.title = self.title(&frame.heading, has_error);
        frame
    }

    fn frame_with(&'a self, heading: String, stub: Option<StubView<'a>>) -> Frame<'a> {
        Frame {
            site: self.site,
            texts: self.texts,
            lang: self.locale.lang(),
            dir: self.locale.dir(),
            languages: &self.languages,
            title: self.title(&heading, false),
            heading,
            stub,
        }
    }

    fn title(&'a self, heading: &str, has_error: bool) -> String {
        let id = if has_error { "page-title-error" } else { "page-title" };
        self.texts.text_with(id, "heading", heading)
    }

    fn about(&'a self, heading: &str, app: &str) -> String {
        self.texts.text_with(heading, "app", &isolated(app))
    }

    fn asks(&'a self, asking: &'a Stub) -> StubView<'a> {
        let phrase = self.texts.phrase("sign-in-to-continue", "app", &asking.app);
        StubView { phrase: Some(phrase), ..stub(&asking.app, asking.host.as_deref()) }
    }
}
