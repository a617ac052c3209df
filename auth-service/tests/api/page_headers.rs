//! The headers of every route of the hosted pages, and that none of them is reached from another origin's script.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use auth_service::domain::Client;

use crate::helpers::clients::client;
use crate::helpers::person::{OWN_ORIGIN, Person, request};
use crate::helpers::{TestApp, both_with, spawn_app};
use service_kit::database::Backend;

/// Where the form of a page can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// At a client, also after further redirects: browsers apply `form-action` to all of them.
    AtAClient,
    /// At a page of ours.
    WithUs,
    /// There is no form: the answer is a redirect.
    Nowhere,
}

/// Every route, and where the form of the page that it shows can end. A new route belongs here.
const ROUTES: [(&str, Ends, Ends); 17] = [
    // Path, for nobody, for somebody who is signed in.
    ("/", Ends::Nowhere, Ends::Nowhere),
    ("/login", Ends::AtAClient, Ends::AtAClient),
    ("/register", Ends::AtAClient, Ends::AtAClient),
    ("/consent", Ends::Nowhere, Ends::Nowhere),
    ("/continue", Ends::Nowhere, Ends::Nowhere),
    ("/logout", Ends::WithUs, Ends::AtAClient),
    ("/oauth2/logout", Ends::WithUs, Ends::AtAClient),
    ("/account", Ends::Nowhere, Ends::WithUs),
    ("/forgot-password", Ends::WithUs, Ends::WithUs),
    ("/reset-password?token=lkm_x", Ends::WithUs, Ends::WithUs),
    ("/verify-email?token=lkm_x", Ends::WithUs, Ends::WithUs),
    ("/account/email", Ends::Nowhere, Ends::WithUs),
    ("/account/security", Ends::Nowhere, Ends::WithUs),
    ("/account/sessions", Ends::Nowhere, Ends::WithUs),
    ("/account/applications", Ends::Nowhere, Ends::WithUs),
    ("/oauth2/authorize", Ends::WithUs, Ends::WithUs),
    ("/oauth2/authorize?REQUEST", Ends::Nowhere, Ends::Nowhere),
];

fn check(path: &str, headers: &HeaderMap, ends: Ends) {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy = text("content-security-policy");
    for directive in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(directive), "{path}: {directive} in {policy}");
    }
    match ends {
        Ends::AtAClient => assert!(!policy.contains("form-action"), "{path}: {policy}"),
        Ends::WithUs => assert!(policy.contains("form-action 'self'"), "{path}: {policy}"),
        Ends::Nowhere => {}
    }
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(text("cache-control"), "no-store", "{path}");
    assert_eq!(text("referrer-policy"), "strict-origin", "{path}");
    assert_eq!(text("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(text("x-frame-options"), "DENY", "{path}");
    assert_eq!(text("cross-origin-resource-policy"), "same-origin", "{path}");
    assert!(text("permissions-policy").contains("camera=()"), "{path}");
    assert!(headers.get("access-control-allow-origin").is_none(), "{path}");
    let is_account = path.starts_with("/account") && ends != Ends::Nowhere;
    assert_eq!(text("cross-origin-opener-policy") == "same-origin", is_account, "{path}");
}

async fn app_with_client() -> TestApp {
    let app =
        spawn_app(Backend::Sqlite, |settings| "https://id.example".clone_into(&mut settings.issuer)).await;
    app.register("ada").await;
    app.add_client(Client { is_first_party: true, ..client("web1") }).await;
    app
}

#[tokio::test]
async fn every_page_and_every_redirect_and_error_has_the_headers_of_pages() {
    let app = app_with_client().await;
    let mut ada = Person::new(&app);
    let post = app.client.post(format!("{}/login", app.url)).header("origin", "https://id.example");
    let fields = [("username", "ada"), ("password", crate::helpers::PASSWORD)];
    let signed_in = post.form(&fields).send().await.unwrap();
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["__Host-session=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    ada.cookies.insert(name.to_owned(), value.to_owned());
    for (path, for_nobody, for_ada) in ROUTES {
        let path = path.replace("REQUEST", &request(&[]));
        let mut nobody = Person::new(&app);
        check(&path, &nobody.open(&path).await.headers, for_nobody);
        check(&path, &ada.open(&path).await.headers, for_ada);
        // A foreign form, and a page of a listed origin's script.
        if path != "/" && !path.starts_with("/oauth2") {
            let foreign =
                app.client.post(format!("{}{path}", app.url)).header("origin", "http://localhost:5173");
            let refused = foreign.form(&fields).send().await.unwrap();
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
            check("an error", refused.headers(), Ends::WithUs);
        }
        let preflight = app.client.request(Method::OPTIONS, format!("{}{path}", app.url));
        let preflight = preflight
            .header("origin", "http://localhost:5173")
            .header("access-control-request-method", "POST");
        let preflight = preflight.send().await.unwrap();
        assert!(preflight.headers().get("access-control-allow-origin").is_none(), "{path}");
    }
    let wrong = app.client.post(format!("{}/login", app.url)).header("origin", "https://id.example");
    let wrong = wrong.form(&[("username", "ada"), ("password", "wrong")]).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    check("a wrong password", wrong.headers(), Ends::AtAClient);
    assert_eq!(wrong.headers()["content-language"], "en");
    assert!(wrong.headers()["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
}

#[tokio::test]
async fn assets_may_be_kept_for_ever_and_below_a_path_everything_is_below_it() {
    for app in both_with(|settings| "https://h.example/id".clone_into(&mut settings.issuer)).await {
        app.add_client(Client { is_first_party: true, ..client("web1") }).await;
        let mut person = Person::new(&app);
        let begun = person.open(&format!("/id/oauth2/authorize?{}", request(&[]))).await;
        let location = begun.location.unwrap();
        assert!(location.starts_with("/id/login?request="), "{location}");
        // Behind a proxy that removes the path, and behind one that does not.
        for path in [location.as_str(), &location["/id".len()..]] {
            let page = person.open(path).await;
            assert_eq!(page.status, StatusCode::OK);
            for attribute in ["href=\"", "src=\"", "action=\""] {
                for target in page.html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                    assert!(target.starts_with("/id/") || target.starts_with('#'), "{attribute}{target}");
                }
            }
            let asset = page.html.split("href=\"").find(|rest| rest.contains(".css")).unwrap();
            let asset = app
                .client
                .get(format!("{}{}", app.url, asset.split('"').next().unwrap()))
                .send()
                .await
                .unwrap();
            assert_eq!(asset.status(), StatusCode::OK);
            assert_eq!(asset.headers()["cache-control"], "public, max-age=31536000, immutable");
            assert_eq!(asset.headers()["content-type"], "text/css; charset=utf-8");
        }
        let missing = app.client.get(format!("{}/assets/other.css", app.url)).send().await.unwrap();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn without_secure_cookies_the_name_has_no_prefix_and_a_suffix_keeps_instances_apart() {
    for app in both_with(|settings| {
        settings.cookies.secure = Some(false);
        settings.cookies.suffix = "-two".to_owned();
    })
    .await
    {
        app.register("ada").await;
        let post = app.client.post(format!("{}/login", app.url)).header("origin", OWN_ORIGIN);
        let fields = [("username", "ada"), ("password", crate::helpers::PASSWORD)];
        let cookie =
            post.form(&fields).send().await.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.starts_with("session-two=") && !cookie.contains("Secure"), "{cookie}");
        // The same cookie twice: a sibling domain may have set one of them.
        let pair = cookie.split(';').next().unwrap();
        let twice =
            app.client.get(format!("{}/account", app.url)).header("cookie", format!("{pair}; {pair}"));
        assert_eq!(twice.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn where_there_is_nothing_people_see_a_page_and_programs_get_a_problem() {
    let app = app_with_client().await;
    let get = |accept: &'static str, method: Method| {
        let request = app.client.request(method, format!("{}/acount", app.url));
        request.header("accept", accept).header("accept-language", "de").send()
    };
    let page = get("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Method::GET).await.unwrap();
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    check("nothing", page.headers(), Ends::WithUs);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let html = page.text().await.unwrap();
    assert!(html.contains("<h1>Diese Seite gibt es nicht</h1>") && html.contains("not_found"), "{html}");
    for (accept, method) in
        [("*/*", Method::GET), ("application/json", Method::GET), ("text/html", Method::POST)]
    {
        let problem = get(accept, method).await.unwrap();
        assert_eq!(problem.status(), StatusCode::NOT_FOUND, "{accept}");
        assert_eq!(problem.headers()["content-type"], "application/problem+json", "{accept}");
    }
}
