//! A proxy in front that the settings do not name.

use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;

use crate::helpers::{PASSWORD, ServiceSettings};

/// Sends logins as a proxy on this machine does, and returns the lines of the log that speak of it.
async fn lines_about_the_proxy(settings: ServiceSettings) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let service = settings.start_logging_to(std::fs::File::create(&log).unwrap()).await;
    for number in 0..120 {
        let form = [("username", "nobody"), ("password", PASSWORD)];
        let request = service.client.post(format!("{}/auth/token", service.url)).form(&form);
        let sent = request.header("X-Forwarded-For", format!("198.51.100.{number}")).send().await;
        assert_eq!(sent.unwrap().status(), 401);
    }
    assert!(service.terminate().success());
    let text = std::fs::read_to_string(&log).unwrap();
    text.lines().filter(|line| line.contains("http.trusted_proxies")).map(str::to_owned).collect()
}

#[actix_web::test]
async fn a_proxy_that_is_not_trusted_is_named_once_in_the_log() {
    let database = TestDatabase::create(Backend::Sqlite);
    let lines = lines_about_the_proxy(ServiceSettings::on(&database)).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("127.0.0.1") && lines[0].contains("WARN"), "{}", lines[0]);
    assert!(!lines[0].contains("198.51.100."), "no address of a caller: {}", lines[0]);
    let trusting = ServiceSettings::on(&database).with("AUTH__HTTP__TRUSTED_PROXIES", "127.0.0.0/8");
    assert!(lines_about_the_proxy(trusting).await.is_empty());
}
