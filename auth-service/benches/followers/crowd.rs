//! Followers of the feed, each on its own connection. All run on the one thread of the bench.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use shared_claims::testing::eventually;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::arrivals::Arrivals;
use crate::page::{Page, Pages};
use crate::wire::Connection;

/// The number of followers that read their first list at the same time. The start is not part of the measurement.
const STARTING_AT_ONCE: usize = 32;

/// The longest pause of a follower after an error response or a broken connection. Each pause is a random part of it.
const RETRY: Duration = Duration::from_millis(500);

const WAIT_LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Crowd {
    pub(crate) tally: Arc<Tally>,
    tasks: Vec<JoinHandle<()>>,
}

/// Counts over all followers.
pub(crate) struct Tally {
    pub(crate) arrivals: Arrivals,
    /// The number of responses other than 200, and of broken connections.
    pub(crate) not_ok: AtomicU64,
    pub(crate) answers: AtomicU64,
    /// The bytes of requests and responses, without the overhead of TCP and IP.
    pub(crate) bytes: AtomicU64,
    following: AtomicUsize,
    address: SocketAddr,
    pages: Pages,
    starting: Semaphore,
}

impl Crowd {
    /// Starts `size` followers, and waits until each has the whole list.
    pub(crate) async fn of(size: usize, address: SocketAddr) -> Self {
        let tally = Arc::new(Tally {
            arrivals: Arrivals::at(size),
            not_ok: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            following: AtomicUsize::new(0),
            address,
            pages: Pages::of(address.to_string()),
            starting: Semaphore::new(STARTING_AT_ONCE),
        });
        let tasks = (0..size).map(|_| tokio::spawn(follow(Arc::clone(&tally)))).collect();
        eventually("all followers have the list", WAIT_LIMIT, async || {
            tally.following.load(Ordering::Relaxed) == size
        })
        .await;
        Self { tally, tasks }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn follow(tally: Arc<Tally>) {
    let (mut page, connection) = first_page(&tally).await;
    tally.following.fetch_add(1, Ordering::Relaxed);
    let (mut opened, mut well) = (Ok(connection), true);
    loop {
        if let Ok(mut connection) = opened {
            while let Ok(next) = ask(&tally, &mut connection, Some(&page), well).await {
                if let Some(next) = next {
                    tally.arrivals.learnt(page.reached, next.reached);
                    (well, page) = (next.complete, next);
                } else {
                    well = false;
                    tally.pause().await;
                }
            }
        }
        well = false;
        tally.pause().await;
        opened = Connection::open(tally.address).await;
    }
}

/// Reads the list to its end.
async fn first_page(tally: &Tally) -> (Arc<Page>, Connection) {
    let _permit = tally.starting.acquire().await.unwrap();
    loop {
        if let Ok(mut connection) = Connection::open(tally.address).await {
            let mut page = ask(tally, &mut connection, None, false).await;
            while let Ok(Some(read)) = &page {
                if read.complete {
                    return (Arc::clone(read), connection);
                }
                page = ask(tally, &mut connection, Some(read), false).await;
            }
        }
        tally.pause().await;
    }
}

/// Sends a request and reads the response. `None` if it is not a page of the list.
async fn ask(
    tally: &Tally,
    connection: &mut Connection,
    page: Option<&Arc<Page>>,
    hold: bool,
) -> io::Result<Option<Arc<Page>>> {
    let whole;
    let request = match page {
        None => {
            whole = tally.pages.whole();
            &whole
        }
        Some(page) if hold => &page.follow,
        Some(page) => &page.catch_up,
    };
    let answer = connection.ask(request).await?;
    tally.answers.fetch_add(1, Ordering::Relaxed);
    tally.bytes.fetch_add((request.len() + answer.length) as u64, Ordering::Relaxed);
    Ok((answer.status == 200).then(|| tally.pages.read(answer.body)))
}

impl Tally {
    async fn pause(&self) {
        self.not_ok.fetch_add(1, Ordering::Relaxed);
        sleep(RETRY.mul_f64(rand::random())).await;
    }
}
