//! Every page in every state.

use super::super::*;

/// A text that breaks out of whatever it is written into without being escaped.
pub(super) const HOSTILE: &str = "<script>\"'&</script><b onload=x>";

pub(super) fn settings() -> PageSettings {
    PageSettings {
        name: "Nordlicht".to_owned(),
        accent: None,
        accent_dark: None,
        logo: None,
        logo_dark: None,
        support: Some("https://nordlicht.example/help".to_owned()),
        issuer_host: "auth.nordlicht.example".to_owned(),
        base_path: String::new(),
        min_password_length: 12,
    }
}

pub(super) fn pages() -> Pages {
    Pages::new(settings()).unwrap()
}

/// The texts that a caller, a client or a user can choose.
struct Texts {
    user: String,
    email: String,
    app: String,
    host: String,
    request: String,
    action: String,
    code: String,
}

impl Texts {
    fn plain() -> Self {
        Self {
            user: "ada.lovelace".to_owned(),
            email: "ada@example.org".to_owned(),
            app: "Fjordpost Reminders for Teams".to_owned(),
            host: "app.fjordpost.example".to_owned(),
            request: "c2VhbGVk-_0".to_owned(),
            action: "https://app.fjordpost.example/callback".to_owned(),
            code: "invalid_redirect_uri".to_owned(),
        }
    }

    fn hostile() -> Self {
        let text = || HOSTILE.to_owned();
        Self {
            user: text(),
            email: text(),
            app: text(),
            host: text(),
            request: text(),
            action: text(),
            code: text(),
        }
    }

    fn stressed() -> Self {
        Self {
            user: format!("Donaudampfschifffahrts{}", "gesellschaftskapitän".repeat(4)),
            app: format!("\u{202E}Donaudampfschifffahrtsgesellschaft 🎉 {}", "Mützenverleih".repeat(5)),
            host: format!("reminders-for-teams.{}.example", "fjordpost-handelsgesellschaft".repeat(2)),
            ..Self::plain()
        }
    }
}

pub(super) fn samples() -> Vec<(&'static str, Page)> {
    let mut pages = with(&Texts::plain());
    let stressed = with(&Texts::stressed()).into_iter().filter_map(|(name, page)| match name {
        "consent" => Some(("consent-long-names", page)),
        "which-account" => Some(("which-account-long-names", page)),
        "account" => Some(("account-long-name", page)),
        _ => None,
    });
    pages.extend(stressed);
    pages
}

pub(super) fn hostile() -> Vec<(&'static str, Page)> {
    with(&Texts::hostile())
}

fn with(texts: &Texts) -> Vec<(&'static str, Page)> {
    let mut pages = sign_in(texts);
    pages.extend(register(texts));
    pages.extend(of_clients(texts));
    pages.extend(errors(texts));
    pages
}

fn sign_in(texts: &Texts) -> Vec<(&'static str, Page)> {
    let stub = |host: bool| Some(Stub { app: texts.app.clone(), host: host.then(|| texts.host.clone()) });
    let bare = SignIn { offers_registration: true, ..SignIn::default() };
    let asked = SignIn { stub: stub(false), request: Some(texts.request.clone()), ..bare.clone() };
    let known = SignIn { username: texts.user.clone(), stub: stub(true), ..asked.clone() };
    let noticed = |notice| Page::SignIn(SignIn { notice: Some(notice), ..known.clone() });
    let missing = |username, password| {
        let missing = MissingFields { username, password };
        Page::SignIn(SignIn { missing, ..asked.clone() })
    };
    let which = WhichAccount {
        stub: stub(true),
        request: asked.request.clone(),
        user: texts.user.clone(),
        can_continue: true,
    };
    vec![
        ("sign-in", Page::SignIn(bare)),
        ("sign-in-stub", Page::SignIn(asked.clone())),
        ("sign-in-known", Page::SignIn(known.clone())),
        ("sign-in-wrong", noticed(SignInNotice::WrongPassword)),
        ("sign-in-throttled", noticed(SignInNotice::Throttled { seconds: 700 })),
        ("sign-in-busy", noticed(SignInNotice::Busy)),
        ("sign-in-one-missing", missing(false, true)),
        ("sign-in-both-missing", missing(true, true)),
        ("confirm", Page::SignIn(SignIn { is_username_fixed: true, ..known.clone() })),
        ("which-account", Page::WhichAccount(which.clone())),
        ("which-account-other-only", Page::WhichAccount(WhichAccount { can_continue: false, ..which })),
    ]
}

fn register(texts: &Texts) -> Vec<(&'static str, Page)> {
    use RegisterError::{
        EmailUnreadable, PasswordCommon, PasswordEqual, PasswordLong, PasswordShort, UsernameCharacters,
        UsernameLength, UsernameOuterSpace, UsernameScripts, UsernameUnusable,
    };
    let filled = |errors: &[RegisterError]| {
        let (request, username) = (Some(texts.request.clone()), texts.user.clone());
        let (email, errors) = (texts.email.clone(), errors.to_vec());
        Register { stub: None, request, username, email, errors, notice: None }
    };
    let noticed = |notice| Page::Register(Register { notice: Some(notice), ..filled(&[]) });
    vec![
        (
            "register",
            Page::Register(Register { request: Some(texts.request.clone()), ..Register::default() }),
        ),
        ("register-one-error", Page::Register(filled(&[UsernameUnusable]))),
        ("register-three-errors", Page::Register(filled(&[PasswordShort, UsernameLength, EmailUnreadable]))),
        ("register-space", Page::Register(filled(&[UsernameOuterSpace, PasswordLong { max: 256 }]))),
        ("register-characters", Page::Register(filled(&[UsernameCharacters, PasswordCommon]))),
        ("register-scripts", Page::Register(filled(&[UsernameScripts, PasswordEqual]))),
        ("register-throttled", noticed(RegisterNotice::Throttled { seconds: 20 })),
        ("register-busy", noticed(RegisterNotice::Busy)),
        ("registration-closed", Page::RegistrationClosed),
    ]
}

fn of_clients(texts: &Texts) -> Vec<(&'static str, Page)> {
    let builtin = |name: &str| Scope { name: name.to_owned(), text: None };
    let own = ScopeText { title: texts.app.clone(), sentence: Some(texts.app.clone()) };
    let consent = |destination, scopes: Vec<Scope>| {
        Page::Consent(Consent {
            app: texts.app.clone(),
            destination,
            scopes,
            user: texts.user.clone(),
            request: texts.request.clone(),
            sign_in_request: texts.request.clone(),
        })
    };
    let host = || Destination::Host(texts.host.clone());
    let four = ["openid", "profile", "email", "todos:read", "todos:write", "offline_access"].map(builtin);
    let rest = ["phone", "address", "todos:read"].map(builtin);
    let unknown =
        vec![builtin("openid"), builtin(&texts.code), Scope { name: "a".to_owned(), text: Some(own) }];
    let on = Continue {
        app: texts.app.clone(),
        user: texts.user.clone(),
        request: texts.request.clone(),
        sign_in_request: texts.request.clone(),
    };
    let fields = vec![("code".to_owned(), texts.code.clone()), (texts.code.clone(), "a b".to_owned())];
    let form_post = FormPost { app: texts.app.clone(), action: texts.action.clone(), fields };
    let stub = Stub { app: texts.app.clone(), host: Some(texts.host.clone()) };
    let sign_out = SignOut { stub: Some(stub), request: Some(texts.request.clone()) };
    vec![
        ("consent", consent(host(), four.to_vec())),
        ("consent-unknown-scope", consent(host(), unknown)),
        ("consent-device", consent(Destination::Device, rest.to_vec())),
        ("consent-write", consent(host(), vec![builtin("todos:write")])),
        ("continue", Page::Continue(on)),
        ("form-post", Page::FormPost(form_post)),
        ("sign-out", Page::SignOut(SignOut::default())),
        ("sign-out-asked", Page::SignOut(sign_out)),
    ]
}

fn errors(texts: &Texts) -> Vec<(&'static str, Page)> {
    let error = |kind| {
        Page::Error(ErrorPage {
            kind,
            code: texts.code.clone(),
            request_id: "019acb5e-7d0a-7b6c-8f6e-0242ac120002".to_owned(),
            time: "2026-11-30T03:20:00Z".to_owned(),
            client_id: (kind == ErrorKind::BadLink).then(|| texts.app.clone()),
        })
    };
    vec![
        ("sign-in-ended", Page::SignInEnded),
        ("signed-out", Page::SignedOut),
        ("account", Page::Account(Account { user: texts.user.clone() })),
        ("error-400", error(ErrorKind::BadLink)),
        ("error-403", error(ErrorKind::ForeignForm)),
        ("error-404", error(ErrorKind::NotFound)),
        ("error-500", error(ErrorKind::ServerError)),
    ]
}
