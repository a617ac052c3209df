//! Answers of the feed, each read once: followers who get the same bytes share what they say.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// More different answers than that are not remembered.
const REMEMBERED: usize = 64;

/// How long a follower with the usual bound of 30 s lets its request be held, seconds.
const HOLD_SECONDS: u32 = 3;

/// What an answer says, and the requests that may follow it.
pub(crate) struct Page {
    /// The place in the log that it reaches.
    pub(crate) reached: i64,
    /// Whether no later fact was in the log when it was read.
    pub(crate) complete: bool,
    /// Asks for what comes later, and to be held until then.
    pub(crate) follow: Vec<u8>,
    /// Asks for what is there.
    pub(crate) catch_up: Vec<u8>,
}

pub(crate) struct Pages {
    host: String,
    known: Mutex<HashMap<Vec<u8>, Arc<Page>>>,
}

impl Pages {
    pub(crate) fn of(host: String) -> Self {
        Self { host, known: Mutex::default() }
    }

    /// Asks for the list from its beginning.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.request("")
    }

    /// With the headers that a mirror of `shared-claims` sends.
    fn request(&self, query: &str) -> Vec<u8> {
        let head = format!("GET /revocations{query} HTTP/1.1\r\naccept: application/json\r\n");
        let head = format!("{head}cache-control: no-cache\r\nuser-agent: latchkey-shared-claims/0.1.0\r\n");
        format!("{head}accept-encoding: gzip\r\nhost: {}\r\n\r\n", self.host).into_bytes()
    }

    pub(crate) fn read(&self, body: Vec<u8>) -> Arc<Page> {
        let mut known = self.known.lock().unwrap();
        if let Some(page) = known.get(&body) {
            return Arc::clone(page);
        }
        let mut text = String::new();
        if body.starts_with(&[0x1f, 0x8b]) {
            flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).expect("gzip");
        } else {
            text = String::from_utf8(body.clone()).expect("UTF-8");
        }
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let cursor = answer["cursor"].as_str().expect("a cursor");
        let reached = cursor.rsplit_once('.').expect("epoch and place").1;
        let page = Arc::new(Page {
            reached: reached.parse().expect("a place"),
            complete: answer["complete"] == true,
            follow: self.request(&format!("?after={cursor}&wait={HOLD_SECONDS}")),
            catch_up: self.request(&format!("?after={cursor}&wait=0")),
        });
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(body, Arc::clone(&page));
        page
    }
}
