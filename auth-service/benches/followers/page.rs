//! Parsed responses of the feed. Followers that get the same bytes share the parsed result, so it is parsed once.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// The number of different responses that are kept.
const REMEMBERED: usize = 64;

/// How long a follower with the default bound of 30 s lets the service hold its request, in seconds.
const HOLD_SECONDS: u32 = 3;

/// A parsed response, and the requests that may follow it.
pub(crate) struct Page {
    /// The sequence number that it reaches.
    pub(crate) reached: i64,
    /// Whether there was no later fact when it was read.
    pub(crate) complete: bool,
    /// A request for later facts, which the service holds until there are some.
    pub(crate) follow: Vec<u8>,
    /// A request for later facts, which is not held.
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

    /// A request for the list from its beginning.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.request("")
    }

    /// A request with the headers that a mirror of `shared-claims` sends.
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
