//! Every page in every state.

use super::super::*;
use super::texts::Texts;

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
    pages.extend(of_links(texts));
    pages.extend(of_account(texts));
    pages.extend(of_clients(texts));
    pages.extend(errors(texts));
    pages
}

fn sign_in(texts: &Texts) -> Vec<(&'static str, Page)> {
    let stub = |host: bool| Some(Stub { app: texts.app.clone(), host: host.then(|| texts.host.clone()) });
    let bare = SignIn { offers_registration: true, offers_reset: true, ..SignIn::default() };
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
        ("sign-in-after-reset", Page::SignIn(SignIn { is_reset: true, ..bare.clone() })),
        ("sign-in", Page::SignIn(bare)),
        ("sign-in-stub", Page::SignIn(asked.clone())),
        ("sign-in-known", Page::SignIn(known.clone())),
        ("sign-in-wrong", noticed(SignInNotice::WrongPassword)),
        ("sign-in-throttled", noticed(SignInNotice::Throttled { seconds: 700 })),
        ("sign-in-long-wait", noticed(SignInNotice::Throttled { seconds: 7200 })),
        ("sign-in-busy", noticed(SignInNotice::Busy)),
        ("sign-in-not-verified", noticed(SignInNotice::EmailNotVerified)),
        ("sign-in-one-missing", missing(false, true)),
        ("sign-in-both-missing", missing(true, true)),
        ("confirm", Page::SignIn(SignIn { is_username_fixed: true, ..known.clone() })),
        ("which-account", Page::WhichAccount(which.clone())),
        ("which-account-other-only", Page::WhichAccount(WhichAccount { can_continue: false, ..which })),
    ]
}

fn register(texts: &Texts) -> Vec<(&'static str, Page)> {
    use RegisterError::{
        EmailMissing, EmailUnreadable, PasswordCommon, PasswordEqual, PasswordLong, PasswordShort,
        UsernameCharacters, UsernameLength, UsernameOuterSpace, UsernameScripts, UsernameUnusable,
    };
    let filled = |errors: &[RegisterError]| {
        let (request, username) = (Some(texts.request.clone()), texts.user.clone());
        let (email, errors) = (texts.email.clone(), errors.to_vec());
        Register { request, username, email, errors, ..Register::default() }
    };
    let noticed = |notice| Page::Register(Register { notice: Some(notice), ..filled(&[]) });
    let invited = Register {
        email: texts.email.clone(),
        is_email_required: true,
        invitation: Some(texts.request.clone()),
        ..Register::default()
    };
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
        ("register-throttled", noticed(FormNotice::Throttled { seconds: 20 })),
        ("register-busy", noticed(FormNotice::Busy)),
        ("register-invited", Page::Register(invited)),
        (
            "register-email-missing",
            Page::Register(Register { is_email_required: true, ..filled(&[EmailMissing]) }),
        ),
        ("registration-closed", Page::RegistrationClosed),
        ("check-mail", Page::CheckMail(texts.email.clone())),
    ]
}

fn of_links(texts: &Texts) -> Vec<(&'static str, Page)> {
    let (token, user) = (texts.request.clone(), texts.user.clone());
    let reset = ResetPassword { token: token.clone(), user: user.clone(), ..ResetPassword::default() };
    let verify = VerifyEmail { token, user, email: texts.email.clone(), ..VerifyEmail::default() };
    let asked = VerifyEmail { asks_password: true, ..verify.clone() };
    let throttled = Some(FormNotice::Throttled { seconds: 700 });
    let missing = Forgot { identifier: texts.user.clone(), is_missing: true, notice: None };
    vec![
        ("forgot", Page::Forgot(Forgot::default())),
        ("forgot-missing", Page::Forgot(missing.clone())),
        ("forgot-throttled", Page::Forgot(Forgot { is_missing: false, notice: throttled, ..missing })),
        ("forgot-sent", Page::ForgotSent),
        ("forgot-no-mail", Page::NoMail(NoMail::Forgot)),
        (
            "reset-common",
            Page::ResetPassword(ResetPassword {
                error: Some(RegisterError::PasswordCommon),
                ..reset.clone()
            }),
        ),
        (
            "reset-busy",
            Page::ResetPassword(ResetPassword { notice: Some(FormNotice::Busy), ..reset.clone() }),
        ),
        ("reset", Page::ResetPassword(reset)),
        ("verify", Page::VerifyEmail(verify)),
        (
            "verify-wrong",
            Page::VerifyEmail(VerifyEmail { error: Some(PasswordError::Wrong), ..asked.clone() }),
        ),
        (
            "verify-empty",
            Page::VerifyEmail(VerifyEmail { error: Some(PasswordError::Empty), ..asked.clone() }),
        ),
        ("verify-throttled", Page::VerifyEmail(VerifyEmail { notice: throttled, ..asked.clone() })),
        ("verify-password", Page::VerifyEmail(asked)),
        ("verified", Page::EmailVerified),
        ("dead-reset", Page::DeadLink(LinkKind::Reset)),
        ("dead-verification", Page::DeadLink(LinkKind::Verification)),
        ("dead-invitation", Page::DeadLink(LinkKind::Invitation)),
    ]
}

fn of_account(texts: &Texts) -> Vec<(&'static str, Page)> {
    let bare = Account { user: texts.user.clone(), sends_mail: true, ..Account::default() };
    let with = |is_confirmed| Account { email: Some((texts.email.clone(), is_confirmed)), ..bare.clone() };
    let asked = Account {
        pending_email: Some(texts.host.clone()),
        done: Some(AccountDone::AddressAsked),
        ..with(true)
    };
    let address = ChangeAddress { user: texts.user.clone(), ..ChangeAddress::default() };
    let (wrong, empty) = (Some(PasswordError::Wrong), Some(PasswordError::Empty));
    let unreadable =
        ChangeAddress { email: texts.email.clone(), is_unreadable: true, password: empty, ..address.clone() };
    let security = Security { user: texts.user.clone(), ..Security::default() };
    vec![
        ("account", Page::Account(with(false))),
        ("account-confirmed", Page::Account(with(true))),
        ("account-sent", Page::Account(Account { done: Some(AccountDone::LinkSent), ..with(false) })),
        (
            "account-throttled",
            Page::Account(Account { notice: Some(FormNotice::Throttled { seconds: 700 }), ..with(false) }),
        ),
        ("account-asked", Page::Account(asked)),
        ("account-no-mail", Page::Account(Account { sends_mail: false, ..with(false) })),
        ("account-no-address", Page::Account(bare)),
        ("address-wrong", Page::ChangeAddress(ChangeAddress { password: wrong, ..address.clone() })),
        ("address", Page::ChangeAddress(address)),
        ("address-two-errors", Page::ChangeAddress(unreadable)),
        ("address-no-mail", Page::NoMail(NoMail::ChangeAddress)),
        ("security-wrong", Page::Security(Security { current: wrong, ..security.clone() })),
        (
            "security-two-errors",
            Page::Security(Security {
                current: empty,
                new: Some(RegisterError::PasswordShort),
                ..security.clone()
            }),
        ),
        ("security-busy", Page::Security(Security { notice: Some(FormNotice::Busy), ..security.clone() })),
        ("security-changed", Page::Security(Security { is_changed: true, ..security.clone() })),
        ("security", Page::Security(security)),
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
        ("signed-out", Page::SignedOut(SignedOut::default())),
        (
            "signed-out-connected",
            Page::SignedOut(SignedOut {
                request: Some(texts.request.clone()),
                apps: vec![texts.app.clone(), texts.host.clone()],
                is_return_unknown: true,
            }),
        ),
        ("sessions", sessions(texts, 3)),
        ("sessions-one", sessions(texts, 1)),
        ("applications", applications(texts, 2)),
        ("applications-none", applications(texts, 0)),
        ("error-400", error(ErrorKind::BadLink)),
        ("error-403", error(ErrorKind::ForeignForm)),
        ("error-404", error(ErrorKind::NotFound)),
        ("error-500", error(ErrorKind::ServerError)),
    ]
}

/// Noon on 26 November 2026.
const NOW_MS: i64 = 1_795_694_400_000;

fn sessions(texts: &Texts, count: usize) -> Page {
    let here = SessionRow {
        id: "019acb5e-7d0a-7b6c-8f6e-0242ac120002".to_owned(),
        device: Device { program: Some("Firefox".to_owned()), system: Some("Linux".to_owned()) },
        apps: vec![texts.app.clone(), texts.host.clone()],
        address: Some(texts.host.clone()),
        last_used_at_ms: NOW_MS,
        began_at_ms: NOW_MS - 13_680_000,
        is_current: true,
        app: None,
    };
    let unknown = SessionRow {
        id: "019acb5e-7d0a-7b6c-8f6e-0242ac120003".to_owned(),
        last_used_at_ms: NOW_MS - 7_200_000,
        began_at_ms: NOW_MS - 2_000_000_000,
        ..SessionRow::default()
    };
    let of_app = SessionRow {
        id: "019acb5e-7d0a-7b6c-8f6e-0242ac120004".to_owned(),
        app: Some(texts.app.clone()),
        apps: Vec::new(),
        is_current: false,
        last_used_at_ms: NOW_MS - 6 * 86_400_000,
        ..here.clone()
    };
    let is_alone = count == 1;
    Page::Sessions(Sessions {
        user: texts.user.clone(),
        now_ms: NOW_MS,
        rows: [here, unknown, of_app].into_iter().take(count).collect(),
        next: (!is_alone).then(|| "AAABjA-_".to_owned()),
        has_others: !is_alone,
        done: Some(if is_alone {
            Done::OthersSignedOut
        } else {
            Done::SignedOut(SessionName::App(texts.app.clone()))
        }),
    })
}

fn applications(texts: &Texts, count: usize) -> Page {
    let scope = |name: &str| Scope { name: name.to_owned(), text: None };
    let allowed = AppRow {
        client_id: texts.code.clone(),
        name: texts.app.clone(),
        scopes: [scope("openid"), scope("offline_access"), scope(&texts.code)].to_vec(),
        is_first_party: false,
        allowed_at_ms: NOW_MS - 2_000_000_000,
        last_used_at_ms: NOW_MS - 60_000 * 5,
    };
    let own = AppRow { is_first_party: true, last_used_at_ms: NOW_MS, ..allowed.clone() };
    Page::Applications(Applications {
        user: texts.user.clone(),
        now_ms: NOW_MS,
        rows: [allowed, own].into_iter().take(count).collect(),
        done: (count == 0).then(|| Done::Disconnected(texts.app.clone())),
    })
}
