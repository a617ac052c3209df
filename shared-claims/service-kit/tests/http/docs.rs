//! `/openapi.json` and `/docs`.

use crate::{get, start};

#[test]
fn the_document_is_served_as_json() {
    let service = start();
    let response = get(service.address, "/openapi.json");
    assert_eq!(response.json()["info"]["title"], "A small service");
    let flow = &response.json()["components"]["securitySchemes"]["password"]["flows"]["password"];
    assert_eq!(flow["tokenUrl"], "/auth/token");
    assert_eq!(response.json()["servers"][0]["url"], "/base");
}

#[test]
fn the_page_and_all_files_that_it_loads_are_served_by_the_service() {
    let service = start();
    for path in ["/docs", "/docs/", "/base/docs", "/base/docs/"] {
        let page = get(service.address, path);
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(policy.contains("connect-src 'self' http://auth.example:8000;"), "{policy}");
        // The URLs as a browser resolves them, below whatever path a proxy serves the page at.
        let address = url::Url::parse(&format!("https://example.com{path}")).unwrap();
        let files =
            page.body.split('"').filter(|part| [".css", ".js", ".png"].iter().any(|end| part.ends_with(end)));
        let links: Vec<String> = files.map(|file| address.join(file).unwrap().path().to_owned()).collect();
        assert_eq!(links.len(), 4, "{links:?}");
        for link in links {
            let file = get(service.address, &link);
            assert_eq!(file.status, 200, "{link}");
            assert!(file.body.len() > 100, "{link}");
            let kind = file.header("content-type").unwrap();
            assert!(kind.contains("javascript") || kind.contains("css") || kind.contains("png"), "{kind}");
        }
        assert!(!page.body.contains("http"), "the page loads something from another origin");
    }
    get(service.address, "/docs/nothing.js").problem(404);
    get(service.address, "/docs/..%2f..%2fCargo.toml").problem(404);
}
