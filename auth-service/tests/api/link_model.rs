//! Random sequences of what can happen to mailed links and their account, compared with a model of docs/accounts.md that
//! shares no code with the service: which links work at each moment, and which password is the account's.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reqwest::StatusCode;
use serde_json::json;
use service_kit::database::Backend;

use crate::helpers::{PASSWORD, TestApp, Tokens, spawn_app};

const PASSWORDS: [&str; 3] =
    [PASSWORD, "a different horse with other staples", "the third horse of a long row of them"];
const REPLAY_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

/// One step. Links are given by their distance from the newest one, passwords by their place.
#[derive(Clone, Copy, Debug)]
enum Step {
    Forgot,
    AskForAddress(u8),
    Reset { back: usize, password: usize },
    Verify { back: usize },
    ChangePassword(usize),
    Disable,
    Enable,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let back = || prop_oneof![4 => Just(0_usize), 2 => Just(1), 1 => Just(2)];
    prop_oneof![
        5 => Just(Step::Forgot),
        2 => (0..3_u8).prop_map(Step::AskForAddress),
        8 => (back(), 0..3_usize).prop_map(|(back, password)| Step::Reset { back, password }),
        4 => back().prop_map(|back| Step::Verify { back }),
        1 => (0..3_usize).prop_map(Step::ChangePassword),
        1 => Just(Step::Disable),
        2 => Just(Step::Enable),
        3 => select(vec![1, REPLAY_MS - 1, REPLAY_MS, HOUR_MS - 1, HOUR_MS, 24 * HOUR_MS]).prop_map(Step::Wait),
    ]
}

/// What the model knows of a link.
#[derive(Debug)]
struct Link {
    token: String,
    /// The new address, if the link is not one for a reset.
    address: Option<String>,
    ends_ms: u64,
    is_ended: bool,
    /// When it was used, and how many changes the account had seen then.
    used: Option<(u64, u32)>,
    replays: u32,
}

struct Model<'a> {
    app: &'a TestApp,
    name: String,
    address: String,
    pending: Option<String>,
    password: usize,
    is_active: bool,
    now_ms: u64,
    /// Changes of the password, and the times that the account was enabled or disabled.
    changes: u32,
    links: Vec<Link>,
}

impl<'a> Model<'a> {
    async fn new(app: &'a TestApp, name: String) -> Self {
        let address = format!("{name}@example.org");
        app.verified(&name, &address).await;
        let (pending, links) = (None, Vec::new());
        Self { app, name, address, pending, password: 0, is_active: true, now_ms: 0, changes: 0, links }
    }

    fn end_links(&mut self) {
        self.links.iter_mut().filter(|link| link.used.is_none()).for_each(|link| link.is_ended = true);
    }

    fn chosen(&mut self, back: usize) -> Option<usize> {
        self.links.len().checked_sub(back + 1)
    }

    /// Whether a link works for a reset (`None`) or for this address.
    fn is_live(&self, link: &Link) -> bool {
        let wanted = link.address.as_ref().is_none_or(|address| self.pending.as_ref() == Some(address));
        self.is_active && !link.is_ended && link.used.is_none() && self.now_ms < link.ends_ms && wanted
    }

    async fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Forgot => self.forgot().await,
            Step::AskForAddress(number) => self.ask_for_address(number).await,
            Step::Reset { back, password } => self.reset(back, password).await?,
            Step::Verify { back } => self.verify(back).await?,
            Step::ChangePassword(password) => self.change_password(password).await,
            Step::Disable => {
                self.app.disable(&self.name).await;
                (self.is_active, self.changes) = (false, self.changes + 1);
                self.end_links();
            }
            Step::Enable => {
                self.app.administration().enable(&self.name).await.unwrap().unwrap();
                if !self.is_active {
                    (self.is_active, self.changes) = (true, self.changes + 1);
                }
            }
            Step::Wait(ms) => {
                self.app.clock.advance_ms(ms);
                self.now_ms += ms;
            }
        }
        for (number, password) in PASSWORDS.iter().enumerate() {
            let expected = self.is_active && number == self.password;
            let works = self.app.login_status(&self.name, password).await == StatusCode::OK;
            if works != expected {
                return Err(format!("password {number} works: {works}"));
            }
        }
        Ok(())
    }

    async fn forgot(&mut self) {
        let before = self.app.mails_to(&self.address).await.len();
        self.app.forgot(&self.name).await;
        let mails = self.app.mails_to(&self.address).await;
        assert_eq!(mails.len() - before, usize::from(self.is_active));
        if self.is_active {
            let token = mails.last().unwrap().token();
            self.links.push(Link {
                token,
                address: None,
                ends_ms: self.now_ms + HOUR_MS,
                is_ended: false,
                used: None,
                replays: 0,
            });
        }
    }

    async fn ask_for_address(&mut self, number: u8) {
        if !self.is_active {
            return;
        }
        let address = format!("{}-{number}@example.net", self.name);
        let access = self.access().await;
        let body = json!({ "email": address, "password": PASSWORDS[self.password] });
        let asked = self.app.post("/auth/email").bearer_auth(access).json(&body).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::ACCEPTED);
        for link in self.links.iter_mut().filter(|link| link.address.is_some() && link.used.is_none()) {
            link.is_ended = true;
        }
        let token = self.app.last_token(&address).await;
        self.pending = Some(address.clone());
        self.links.push(Link {
            token,
            address: Some(address),
            ends_ms: self.now_ms + 24 * HOUR_MS,
            is_ended: false,
            used: None,
            replays: 0,
        });
    }

    async fn reset(&mut self, back: usize, password: usize) -> Result<(), String> {
        let Some(at) = self.chosen(back) else { return Ok(()) };
        let link = &self.links[at];
        let is_reset = link.address.is_none();
        let (works, repeats) = match link.used {
            None => (is_reset && self.is_live(link), false),
            Some((used_ms, changes)) => {
                let is_recent = self.now_ms < used_ms + REPLAY_MS;
                let is_same = self.is_active && changes == self.changes && password == self.password;
                (false, is_reset && is_recent && is_same && link.replays < 3)
            }
        };
        let status = self.app.reset(&link.token, PASSWORDS[password]).await;
        if (status == StatusCode::NO_CONTENT) != (works || repeats) {
            return Err(format!("{status} for {link:?}"));
        }
        if works {
            (self.password, self.pending, self.changes) = (password, None, self.changes + 1);
            self.end_links();
            let link = &mut self.links[at];
            (link.is_ended, link.used) = (false, Some((self.now_ms, self.changes)));
        }
        if repeats {
            self.links[at].replays += 1;
        }
        Ok(())
    }

    async fn verify(&mut self, back: usize) -> Result<(), String> {
        let Some(at) = self.chosen(back) else { return Ok(()) };
        let link = &self.links[at];
        let works = link.address.is_some() && self.is_live(link);
        let status = self.app.verify(&link.token, PASSWORDS[self.password]).await;
        if (status == StatusCode::NO_CONTENT) != works {
            return Err(format!("{status} for {link:?}"));
        }
        if works {
            self.address = link.address.clone().unwrap();
            self.pending = None;
            self.end_links();
            let link = &mut self.links[at];
            (link.is_ended, link.used) = (false, Some((self.now_ms, self.changes)));
        }
        Ok(())
    }

    async fn change_password(&mut self, password: usize) {
        if !self.is_active {
            return;
        }
        let access = self.access().await;
        let body =
            json!({ "current_password": PASSWORDS[self.password], "new_password": PASSWORDS[password] });
        let changed = self.app.post("/auth/password").bearer_auth(access).json(&body).send().await.unwrap();
        assert_eq!(changed.status(), StatusCode::NO_CONTENT);
        (self.password, self.pending, self.changes) = (password, None, self.changes + 1);
        self.end_links();
    }

    async fn access(&self) -> String {
        Tokens::of(self.app.try_login(&self.name, PASSWORDS[self.password]).await).await.access
    }
}

fn run(backend: Backend, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(spawn_app(backend, |settings| {
        settings.throttle.enabled = false;
        // The clock runs far ahead here. Key rotation is tested elsewhere.
        settings.keys.rotate_after_days = 0;
    }));
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let users = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 5..20), |steps| {
        users.set(users.get() + 1);
        runtime.block_on(async {
            let mut model = Model::new(&app, format!("user{}", users.get())).await;
            for (at, step) in steps.iter().enumerate() {
                let done = model.step(*step).await;
                done.map_err(|error| TestCaseError::fail(format!("step {at}, {step:?}: {error}")))?;
            }
            Ok(())
        })
    });
    runtime.block_on(async move { drop(app) });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn links_follow_the_model_on_sqlite() {
    run(Backend::Sqlite, 12);
}

#[test]
fn links_follow_the_model_on_postgresql() {
    run(Backend::Postgres, 8);
}
