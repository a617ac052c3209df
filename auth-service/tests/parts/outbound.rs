//! The HTTP client for addresses that others chose: it cannot be led into the network of the service, and no receiver
//! holds it up or fills its memory.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use auth_service::outbound::{CALLS_PER_HOST, CallError, Outbound, OutboundSettings, Resolve};
use futures_util::future::join_all;
use shared_claims::clock::{Clock as _, SystemClock};
use shared_claims::testing::free_port;
use url::Url;

use crate::receiver::{Answer, Receiver};

fn settings(allowed: &[&str]) -> OutboundSettings {
    let allowed_networks = allowed.iter().map(|network| network.parse().unwrap()).collect();
    OutboundSettings { allowed_networks, allows_http: true }
}

async fn post(outbound: &Outbound, url: &str) -> Result<u16, CallError> {
    outbound.post_form(&Url::parse(url).unwrap(), "logout_token=x".to_owned()).await
}

/// A call, and how many milliseconds it took.
async fn timed(outbound: &Outbound, url: &str) -> (Result<u16, CallError>, u64) {
    let began_ms = SystemClock.boot_ms();
    let answered = post(outbound, url).await;
    (answered, SystemClock.boot_ms() - began_ms)
}

/// Answers each look-up with the next list of addresses, the last one again and again.
struct Script(Mutex<Vec<Vec<&'static str>>>);

impl Resolve for Script {
    fn resolve(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        assert_eq!(name, "app.example");
        let mut lists = self.0.lock().unwrap();
        let list = if lists.len() > 1 { lists.remove(0) } else { lists[0].clone() };
        let found = list.iter().map(|address| address.parse().unwrap()).collect();
        Box::pin(async move { Ok(found) })
    }
}

fn scripted(allowed: &[&str], lists: Vec<Vec<&'static str>>) -> Outbound {
    Outbound::resolving_by(settings(allowed), Arc::new(Script(Mutex::new(lists))))
}

#[tokio::test]
async fn a_form_is_posted_and_the_status_is_returned() {
    let outbound = Outbound::new(settings(&["127.0.0.1"]));
    for status in [200, 204, 400, 503] {
        let receiver = Receiver::start(Answer::Status(status)).await;
        assert_eq!(post(&outbound, &receiver.url()).await, Ok(status));
        let request = receiver.received().remove(0);
        assert!(request.head.starts_with("POST /backchannel HTTP/1.1\r\n"), "{}", request.head);
        assert!(request.head.contains("content-type: application/x-www-form-urlencoded"), "{}", request.head);
        assert!(!request.head.to_ascii_lowercase().contains("accept-encoding"), "{}", request.head);
        assert_eq!(request.body, "logout_token=x");
    }
}

/// A name that is public at the first try and private at the second one.
#[tokio::test]
async fn a_name_is_resolved_anew_for_each_call_and_only_checked_addresses_are_called() {
    let public = Receiver::start_at("127.0.0.2:0", Answer::Status(200)).await;
    let port = public.address.port();
    let private = Receiver::start_at(&format!("127.0.0.1:{port}"), Answer::Status(200)).await;
    let url = format!("http://app.example:{port}/");
    let outbound = scripted(&["127.0.0.2"], vec![vec!["127.0.0.2"], vec!["127.0.0.1"]]);
    assert_eq!(post(&outbound, &url).await, Ok(200));
    assert_eq!(post(&outbound, &url).await, Err(CallError::NotAllowed));
    // Of several addresses the good ones are called.
    let outbound = scripted(&["127.0.0.2"], vec![vec!["127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"]]);
    assert_eq!(post(&outbound, &url).await, Ok(200));
    let private_only =
        ["10.0.0.1", "169.254.169.254", "fd00::1", "64:ff9b::7f00:1", "::ffff:7f00:1", "0.0.0.0"];
    let outbound = scripted(&[], vec![private_only.to_vec()]);
    assert_eq!(post(&outbound, &url).await, Err(CallError::NotAllowed));
    assert_eq!((public.connections(), private.connections()), (2, 0));
}

#[tokio::test]
async fn other_notations_of_an_address_are_the_address() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let port = receiver.address.port();
    let outbound = Outbound::new(settings(&["192.0.2.0/24"]));
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "169.254.169.254",
        "[fe80::1]",
    ];
    let calls = hosts.map(|host| {
        let outbound = outbound.clone();
        async move { (host, post(&outbound, &format!("http://{host}:{port}/")).await) }
    });
    for (host, answered) in join_all(calls).await {
        // Not every resolver knows a name with a dot at its end.
        let is_refused = matches!(answered, Err(CallError::NotAllowed | CallError::NotResolved));
        assert!(is_refused, "{host}: {answered:?}");
    }
    assert_eq!(receiver.connections(), 0);
    let local = Outbound::new(settings(&["127.0.0.0/8"]));
    for host in ["2130706433", "[::ffff:127.0.0.1]", "localhost"] {
        assert_eq!(post(&local, &format!("http://{host}:{port}/")).await, Ok(200), "{host}");
    }
}

#[tokio::test]
async fn only_https_is_called_unless_the_issuer_is_local() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let outbound = Outbound::new(OutboundSettings { allows_http: false, ..settings(&["127.0.0.1"]) });
    assert_eq!(post(&outbound, &receiver.url()).await, Err(CallError::Insecure));
    assert_eq!(receiver.connections(), 0);
    // A receiver that speaks no TLS.
    let url = receiver.url().replace("http:", "https:");
    receiver.answer(Answer::Nonsense);
    assert!(matches!(post(&outbound, &url).await, Err(CallError::NotConnected | CallError::TimedOut)));
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = Receiver::start(Answer::Status(200)).await;
    let outbound = Outbound::new(settings(&["127.0.0.1"]));
    for to in ["http://169.254.169.254/latest/meta-data/".to_owned(), target.url()] {
        let receiver = Receiver::start(Answer::Redirect(to)).await;
        assert_eq!(post(&outbound, &receiver.url()).await, Ok(302));
        assert_eq!(receiver.received().len(), 1);
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn receivers_that_never_answer_or_never_end_are_given_up() {
    let outbound = Outbound::new(settings(&["127.0.0.1"]));
    let receivers = [
        (Answer::Never, Err(CallError::TimedOut), 4_500..6_000),
        (Answer::Slowly, Err(CallError::TimedOut), 4_500..6_000),
        (Answer::Nonsense, Err(CallError::NoAnswer), 900..2_000),
        (Answer::Endless, Ok(200), 0..2_000),
        (Answer::EndlessHead, Err(CallError::NoAnswer), 900..3_000),
        (Answer::EndlessLine, Err(CallError::NoAnswer), 900..3_000),
    ];
    let calls = receivers.map(|(answer, expected, times)| {
        let outbound = outbound.clone();
        async move {
            let receiver = Receiver::start(answer.clone()).await;
            let (answered, took_ms) = timed(&outbound, &receiver.url()).await;
            assert_eq!(answered, expected, "{answer:?}");
            assert!(times.contains(&took_ms), "{answer:?}: {took_ms} ms");
            // What the buffers of both sides of the connection hold.
            assert!(receiver.sent() < 20_000_000, "{answer:?}: {}", receiver.sent());
        }
    });
    join_all(calls).await;
}

/// What the time of a failed call tells: nothing about why.
#[tokio::test]
async fn refused_filtered_and_unknown_take_the_same_time() {
    let outbound = Outbound::new(settings(&["127.0.0.1"]));
    let refused = format!("http://127.0.0.1:{}/", free_port());
    let calls = [
        (refused.as_str(), CallError::NotConnected),
        ("http://10.0.0.1/", CallError::NotAllowed),
        ("http://169.254.169.254/", CallError::NotAllowed),
        ("http://localhost:1/", CallError::NotConnected),
        ("http://nobody.invalid/", CallError::NotResolved),
    ];
    for (url, expected) in calls {
        let (answered, took_ms) = timed(&outbound, url).await;
        assert_eq!(answered, Err(expected), "{url}");
        assert!((1_000..1_400).contains(&took_ms), "{url}: {took_ms} ms");
    }
}

#[tokio::test]
async fn a_host_gets_a_few_calls_at_a_time() {
    let outbound = Outbound::new(settings(&["127.0.0.1"]));
    let (asleep, awake) = (Receiver::start(Answer::Never).await, Receiver::start(Answer::Status(200)).await);
    let url = asleep.url();
    let calls: Vec<_> = (0..=CALLS_PER_HOST).map(|_| post(&outbound, &url)).collect();
    let awake_url = awake.url();
    let (answers, other) = tokio::join!(join_all(calls), post(&outbound, &awake_url));
    assert_eq!(other, Ok(200));
    let busy = answers.iter().filter(|answer| **answer == Err(CallError::Busy)).count();
    assert_eq!((busy, asleep.most_open()), (1, CALLS_PER_HOST));
    asleep.answer(Answer::Status(200));
    assert_eq!(post(&outbound, &asleep.url()).await, Ok(200), "the turns are given back");
}
