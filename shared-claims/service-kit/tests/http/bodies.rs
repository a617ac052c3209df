//! Invalid bodies and parameters.

use crate::start;
use crate::wire::{get, post, send};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn a_valid_body_is_accepted() {
    let service = start();
    for kind in [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"]
    {
        let response = post(service.address, "/notes", kind, r#"{"title":"é","unknown":1}"#);
        assert_eq!((response.status, response.json()["title"].as_str()), (200, Some("é")), "{kind}");
    }
    let response = post(service.address, "/login", FORM, "username=a+b&password=%E2%82%AC");
    assert_eq!(response.json()["username"], "a b");
    assert_eq!(response.json()["password"], "€");
    let response = get(service.address, "/page?limit=3&cursor=a%26b");
    assert_eq!(
        (response.json()["limit"].as_u64(), response.json()["cursor"].as_str()),
        (Some(3), Some("a&b"))
    );
}

#[test]
fn another_content_type_is_415() {
    let service = start();
    for kind in
        ["text/plain", FORM, "application/json; charset=latin1", "application/jsonp", "*/*", "json", ""]
    {
        post(service.address, "/notes", kind, r#"{"title":"x"}"#).problem(415);
    }
    let without =
        "POST /notes HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 13\r\n\r\n{\"title\":\"x\"}";
    send(service.address, without).problem(415);
    for kind in [JSON, "multipart/form-data; boundary=x", "text/plain"] {
        post(service.address, "/login", kind, "username=a&password=b").problem(415);
    }
    post(service.address, "/plain-json", "text/plain", r#"{"title":"x"}"#).problem(415);
}

#[test]
fn a_body_above_64_kib_is_413_however_it_is_sent() {
    let service = start();
    let body = |length: usize| format!(r#"{{"title":"{}"}}"#, "a".repeat(length - 12));
    assert_eq!(post(service.address, "/notes", JSON, body(64 * 1024)).status, 200);
    post(service.address, "/notes", JSON, body(64 * 1024 + 1)).problem(413);
    post(service.address, "/plain-json", JSON, body(64 * 1024 + 1)).problem(413);
    post(service.address, "/login", FORM, format!("username={}", "a".repeat(64 * 1024))).problem(413);
    let announced = "POST /notes HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: 100000000\r\n\r\n{";
    send(service.address, announced).problem(413);
    let mut chunked =
        b"POST /notes HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..80 {
        chunked.extend_from_slice(format!("400\r\n{}\r\n", "a".repeat(1024)).as_bytes());
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    send(service.address, chunked).problem(413);
}

#[test]
fn invalid_json_is_400_and_is_not_quoted() {
    let service = start();
    let deep = format!("{{\"x\":{}", "[".repeat(60_000));
    for body in [
        "",
        "{",
        "{\"title\":hunter2}",
        "{\"title\":\"x\"} trailing",
        "\u{feff}{}",
        "{\"title\":\"\0\"}",
        deep.as_str(),
    ] {
        let response = post(service.address, "/notes", JSON, body);
        response.problem(400);
        assert!(!response.body.contains("hunter2"));
    }
    post(service.address, "/notes", JSON, b"{\"title\":\"\xff\xfe\"}").problem(400);
    post(service.address, "/notes", JSON, br#"{"title":"\ud800"}"#).problem(400);
    post(service.address, "/plain-json", JSON, "{").problem(400);
}

#[test]
fn a_field_of_the_wrong_type_is_422_and_named() {
    let service = start();
    let errors = |body: &str| post(service.address, "/notes", JSON, body).errors();
    assert_eq!(errors("{}"), ["title: is required"]);
    assert_eq!(errors(r#"{"title":null}"#), ["title: must be a string"]);
    assert_eq!(errors(r#"{"title":5}"#), ["title: must be a string"]);
    assert_eq!(errors(r#"{"title":"a","size":"hunter2"}"#), ["size: must be a whole number, not negative"]);
    assert_eq!(errors(r#"{"title":"a","size":-1}"#), ["size: must be a whole number, not negative"]);
    assert_eq!(errors(r#"{"title":"a","tags":["b",7]}"#), ["tags[1]: must be a string"]);
    assert_eq!(errors(r#"{"title":"a","title":"b"}"#), ["title: is given twice"]);
    assert_eq!(errors(r#"["a title"]"#), ["body: must be an object"]);
    assert_eq!(errors(r#""hunter2""#), ["body: must be an object"]);
    let form = |body: &str| post(service.address, "/login", FORM, body).errors();
    assert_eq!(form(""), ["username: is required"]);
    assert_eq!(form("username=a"), ["password: is required"]);
    assert_eq!(form("username=a&username=b&password=c"), ["username: is given twice"]);
    assert_eq!(form("username=a&password=c&limit=900"), ["limit: is too large"]);
    assert_eq!(get(service.address, "/page?limit=many").errors(), ["limit: must be a whole number"]);
}

#[test]
fn invalid_utf_8_and_nul_are_400() {
    let service = start();
    post(service.address, "/login", FORM, "username=%ff&password=b").problem(400);
    post(service.address, "/login", FORM, b"username=\xff&password=b").problem(400);
    post(service.address, "/login", FORM, "username=a%00b&password=b").problem(400);
    post(service.address, "/login", FORM, "user%00name=a&password=b").problem(400);
    post(service.address, "/notes", JSON, r#"{"title":"a\u0000b"}"#).problem(400);
    post(service.address, "/notes", JSON, r#"{"title":"a","tags":["\u0000"]}"#).problem(400);
    get(service.address, "/page?cursor=%ff").problem(400);
    get(service.address, "/page?cursor=%00").problem(400);
}

#[test]
fn a_password_may_contain_any_character() {
    let service = start();
    let response = post(service.address, "/login", FORM, "username=a&password=a%00b");
    assert_eq!(response.json()["password"], "a\0b");
    let response = post(service.address, "/notes", JSON, r#"{"title":"a","new_password":"a\u0000b"}"#);
    assert_eq!(response.json()["new_password"], "a\0b");
    // A `%` without two hexadecimal digits is plain text.
    assert_eq!(post(service.address, "/login", FORM, "username=100%&password=%zz").json()["password"], "%zz");
}

#[test]
fn a_path_parameter_that_does_not_parse_is_404() {
    let service = start();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    assert_eq!(get(service.address, &format!("/notes/{id}")).body, id);
    for path in
        ["/notes/1", "/notes/%00", "/notes/%ff", "/notes/..%2f..%2fetc", "/notes/' OR 1=1", "/notes/x/y"]
    {
        get(service.address, &path.replace(' ', "%20")).problem(404);
    }
}

#[test]
fn a_form_is_percent_encoded_utf_8_whatever_its_charset_says() {
    let service = start();
    for charset in ["ISO-8859-1", "us-ascii", "utf-8", "UTF-16", "nonsense"] {
        let kind = format!("{FORM}; charset={charset}");
        let response = post(service.address, "/login", &kind, "username=a&password=%E2%82%AC");
        assert_eq!((response.status, response.json()["password"].as_str()), (200, Some("€")), "{charset}");
    }
}

#[test]
fn an_encoded_body_is_415_with_accept_encoding() {
    let service = start();
    for (path, kind, body) in
        [("/notes", JSON, r#"{"title":"x"}"#), ("/login", FORM, "username=a&password=b")]
    {
        for coding in ["gzip", "br", "gzip, identity", "x"] {
            let kind = format!("{kind}\r\nContent-Encoding: {coding}");
            let response = post(service.address, path, &kind, body);
            response.problem(415);
            assert_eq!(response.header("accept-encoding"), Some("identity"), "{coding}");
        }
        let kind = format!("{kind}\r\nContent-Encoding: identity");
        assert_eq!(post(service.address, path, &kind, body).status, 200);
    }
}
