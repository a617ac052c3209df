//! The templates, and what each of them is filled with.

use askama::Template;
use unicode_segmentation::UnicodeSegmentation;

use super::forms::{Field, FieldError, Notice, RegisterForm, SignInForm};
use super::scopes;
use super::site::Site;
use super::texts::{Locale, Phrase, Texts, isolated};
use super::view::{
    Account, Consent, Continue, Destination, ErrorKind, ErrorPage, FormPost, Page, Register, ScopeText,
    SignIn, SignOut, Stub, WhichAccount,
};

/// What stands around the content of every page.
struct Frame<'a> {
    site: &'a Site,
    texts: Texts<'a>,
    lang: &'static str,
    dir: &'static str,
    title: String,
    heading: String,
    stub: Option<StubView<'a>>,
}

struct StubView<'a> {
    letter: String,
    app: &'a str,
    phrase: Option<Phrase<'a>>,
    host: Option<&'a str>,
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
#[template(path = "account.html")]
struct AccountTemplate<'a> {
    frame: Frame<'a>,
    view: &'a Account,
}

/// A page that says something and asks for nothing.
#[derive(Template)]
#[template(path = "message.html")]
struct MessageTemplate<'a> {
    frame: Frame<'a>,
    text: Option<String>,
    link: Option<Link>,
    /// Shows the id of the request, for people who ask for help.
    number: Option<&'a ErrorPage>,
    details: Option<&'a ErrorPage>,
    client: Option<String>,
}

struct Link {
    address: String,
    text: String,
}

/// The most characters of a `client_id` that an error page repeats.
const CLIENT_ID_SHOWN: usize = 100;

/// Renders pages in one language.
pub(super) struct Renderer<'a> {
    pub(super) site: &'a Site,
    pub(super) texts: Texts<'a>,
    pub(super) locale: Locale,
}

impl<'a> Renderer<'a> {
    pub(super) fn render(&self, page: &'a Page) -> Result<String, askama::Error> {
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
            Page::SignedOut => {
                let link = self.link("/login", "sign-in-again");
                self.message("signed-out", Some("signed-out-text"), Some(link)).render()
            }
            Page::Account(view) => AccountTemplate { frame: self.frame("account", None), view }.render(),
            Page::Error(error) => self.error(error).render(),
        }
    }

    fn sign_in(&self, view: &'a SignIn) -> SignInTemplate<'a> {
        let form = SignInForm::new(self.texts, view);
        let heading = if view.is_username_fixed { "confirm-you" } else { "sign-in" };
        let mut frame = self.frame(heading, view.stub.as_ref().map(|stub| self.asks(stub)));
        frame.title = self.title(&frame.heading, form.has_error());
        let SignInForm { username, password, errors, notice } = form;
        SignInTemplate { frame, view, username, password, errors, notice }
    }

    fn register(&self, view: &'a Register) -> RegisterTemplate<'a> {
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

    fn error(&self, error: &'a ErrorPage) -> MessageTemplate<'a> {
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

    fn message(&self, heading: &str, text: Option<&str>, link: Option<Link>) -> MessageTemplate<'a> {
        let text = text.map(|id| self.texts.text(id));
        let frame = self.frame(heading, None);
        MessageTemplate { frame, text, link, number: None, details: None, client: None }
    }

    fn link(&self, path: &str, text: &str) -> Link {
        Link { address: self.site.path(path), text: self.texts.text(text) }
    }

    /// The frame of a page whose heading names an application.
    fn frame_about(&self, heading: &str, app: &'a str) -> Frame<'a> {
        self.frame_with(self.about(heading, app), Some(stub(app, None)))
    }

    fn frame(&self, heading: &str, stub: Option<StubView<'a>>) -> Frame<'a> {
        self.frame_with(self.texts.text(heading), stub)
    }

    fn frame_with(&self, heading: String, stub: Option<StubView<'a>>) -> Frame<'a> {
        Frame {
            site: self.site,
            texts: self.texts,
            lang: self.locale.lang(),
            dir: self.locale.dir(),
            title: self.title(&heading, false),
            heading,
            stub,
        }
    }

    fn title(&self, heading: &str, has_error: bool) -> String {
        let id = if has_error { "page-title-error" } else { "page-title" };
        self.texts.text_with(id, "heading", heading)
    }

    fn about(&self, heading: &str, app: &str) -> String {
        self.texts.text_with(heading, "app", &isolated(app))
    }

    fn asks(&self, asking: &'a Stub) -> StubView<'a> {
        let phrase = self.texts.phrase("sign-in-to-continue", "app", &asking.app);
        StubView { phrase: Some(phrase), ..stub(&asking.app, asking.host.as_deref()) }
    }
}

fn stub<'a>(app: &'a str, host: Option<&'a str>) -> StubView<'a> {
    StubView { letter: monogram(app), app, phrase: None, host }
}

/// The first letter of a name, in upper case; without letters its first character.
fn monogram(name: &str) -> String {
    let mut graphemes = name.graphemes(true).filter(|grapheme| !grapheme.trim().is_empty());
    let begins_with_letter = |grapheme: &&str| grapheme.chars().next().is_some_and(char::is_alphanumeric);
    let first = graphemes.clone().find(begins_with_letter).or_else(|| graphemes.next());
    first.unwrap_or_default().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_an_application_is_its_first_letter() {
        for (name, expected) in [
            ("nordlicht Notizen", "N"),
            ("  élan", "É"),
            ("e\u{301}lan", "E\u{301}"),
            ("\u{202E}evil", "E"),
            ("🎉 Party", "P"),
            ("👩‍👩‍👧", "👩‍👩‍👧"),
            ("", ""),
        ] {
            assert_eq!(monogram(name), expected, "{name}");
        }
    }
}
