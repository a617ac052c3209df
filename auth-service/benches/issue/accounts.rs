//! Measures whether the time of an answer tells whether there is such a user: thousands of requests about known and unknown
//! names, in turns. bcrypt is cheap here, so that it hides no difference.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::report::{percentile, row};
use crate::service::Service;

/// The requests about each kind of name.
const TRIES: usize = 2_000;
/// The users who exist.
const USERS: usize = 50;

/// A request, and what it asks for in try number `n` about a known (`true`) or an unknown name.
struct Question {
    what: &'static str,
    path: &'static str,
    body: fn(n: usize, is_known: bool) -> Value,
    /// The status of both answers.
    expected: u16,
}

fn name(n: usize, is_known: bool) -> String {
    if is_known { format!("known{:03}", n % USERS) } else { format!("other{:03}", n % USERS) }
}

fn address(n: usize, is_known: bool) -> String {
    format!("{}@example.org", name(n, is_known))
}

const QUESTIONS: [Question; 7] = [
    Question {
        what: "a login by name",
        path: "/auth/login",
        body: |n, is_known| json!({ "username": name(n, is_known), "password": "a wrong password" }),
        expected: 401,
    },
    Question {
        what: "a login by address",
        path: "/auth/login",
        body: |n, is_known| json!({ "username": address(n, is_known), "password": "a wrong password" }),
        expected: 401,
    },
    Question {
        what: "`forgot` by name",
        path: "/auth/password/forgot",
        body: |n, is_known| json!({ "identifier": name(n, is_known) }),
        expected: 202,
    },
    Question {
        what: "`forgot` by address",
        path: "/auth/password/forgot",
        body: |n, is_known| json!({ "identifier": address(n, is_known) }),
        expected: 202,
    },
    Question {
        what: "the verification mail again",
        path: "/auth/email/verify/request",
        body: |n, is_known| json!({ "identifier": name(n, is_known) }),
        expected: 202,
    },
    Question {
        what: "a registration with an address that somebody has",
        path: "/auth/register",
        body: |n, is_known| {
            let (kind, password) = (if is_known { 'k' } else { 'u' }, "a good long password");
            json!({ "username": format!("{kind}-new-{n}"), "password": password, "email": address(n, is_known) })
        },
        expected: 201,
    },
    Question {
        what: "a reset with a token that nobody has",
        path: "/auth/password/reset",
        body: |n, is_known| {
            // Both look like tokens. Those that count as known begin alike.
            let begin = if is_known { "A".repeat(38) } else { format!("{n:038}") };
            json!({ "token": format!("lkm_{begin}{n:04}A"), "password": "a good long password" })
        },
        expected: 400,
    },
];

pub(crate) fn measure(runtime: &Runtime) {
    runtime.block_on(async {
        let service = Service::start(None).await;
        for n in 0..USERS {
            let body = json!({
                "username": name(n, true), "password": "a good long password", "email": address(n, true),
            });
            assert_eq!(service.post_json("/auth/register", &body).await, 201);
            service.verify_email(&name(n, true), &address(n, true));
        }
        for question in &QUESTIONS {
            ask(&service, question).await;
        }
    });
}

async fn ask(service: &Service, question: &Question) {
    let mut micros = [Vec::new(), Vec::new()];
    for n in 0..TRIES {
        // The worker that sends mail is busy with earlier questions meanwhile. In this order (Thue-Morse) each kind follows
        // the other as often as itself, whatever number of questions lies between.
        let is_first_known = n.count_ones() % 2 == 0;
        for is_known in [is_first_known, !is_first_known] {
            let body = (question.body)(n, is_known);
            let began = Instant::now();
            let status = service.post_json(question.path, &body).await;
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            assert_eq!(status, question.expected, "{}", question.what);
            micros[usize::from(is_known)].push(took);
        }
    }
    for each in &mut micros {
        each.sort_unstable();
    }
    let [unknown, known] =
        micros.map(|each| (percentile(&each, 250), percentile(&each, 500), percentile(&each, 750)));
    let difference = (known.1 as f64 - unknown.1 as f64) / unknown.1 as f64 * 100.0;
    let what = format!("{}, known and unknown: median (quartiles) of {TRIES} each, in turns", question.what);
    let figure = format!(
        "{} ({}–{}) and {} ({}–{}) µs: {difference:+.1} %",
        known.1, known.0, known.2, unknown.1, unknown.0, unknown.2
    );
    row(&what, "< 10 % apart", &figure);
}
