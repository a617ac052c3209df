use std::sync::mpsc;

use tokio::task::JoinHandle;

use super::*;

const LONG: Duration = Duration::from_secs(600);

fn network(number: u8) -> CallerNetwork {
    CallerNetwork::of(Some(&format!("192.0.2.{number}")))
}

fn pool(queue_limit: usize, max_wait: Duration) -> Arc<HashPool> {
    Arc::new(HashPool::new(PoolSettings { workers: 1, queue_limit, max_wait }))
}

fn start(
    pool: &Arc<HashPool>,
    who: u8,
    work: impl FnOnce() + Send + 'static,
) -> JoinHandle<Result<(), PasswordError>> {
    let pool = Arc::clone(pool);
    let work = move |_: &_| {
        work();
        Ok(())
    };
    tokio::spawn(async move { pool.run(network(who), work).await })
}

/// Occupies the only thread until the sender is used or dropped.
async fn occupy(pool: &Arc<HashPool>) -> (mpsc::Sender<()>, JoinHandle<Result<(), PasswordError>>) {
    let (open, gate) = mpsc::channel();
    let running = start(pool, 1, move || {
        let _ = gate.recv();
    });
    while pool.0.lock().busy == 0 {
        tokio::task::yield_now().await;
    }
    (open, running)
}

async fn until_waiting(pool: &HashPool, number: usize) {
    while pool.status().waiting < number {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_queue_has_a_limit_and_gives_each_network_its_turn() {
    let pool = pool(3, LONG);
    let (open, running) = occupy(&pool).await;
    let (done, order) = mpsc::channel();
    let mut waiting = Vec::new();
    for (number, (who, name)) in [(1, "a1"), (1, "a2"), (1, "a3")].into_iter().enumerate() {
        let done = done.clone();
        waiting.push(start(&pool, who, move || done.send(name).unwrap()));
        until_waiting(&pool, number + 1).await;
    }
    assert!(matches!(start(&pool, 1, || ()).await.unwrap(), Err(PasswordError::Overloaded(_))));
    let last = start(&pool, 2, move || done.send("b1").unwrap());
    // It takes the place of the last one of the longest line.
    assert!(matches!(waiting.pop().unwrap().await.unwrap(), Err(PasswordError::Overloaded(_))));
    open.send(()).unwrap();
    for ended in waiting.into_iter().chain([running, last]) {
        ended.await.unwrap().unwrap();
    }
    assert_eq!(order.iter().collect::<Vec<_>>(), ["a1", "b1", "a2"]);
    let status = pool.status();
    assert_eq!((status.refused, status.waiting), (2, 0));
}

#[tokio::test]
async fn who_would_wait_too_long_is_refused_at_once() {
    let pool = pool(100, LONG);
    let (open, running) = occupy(&pool).await;
    pool.0.lock().turn = LONG;
    // Its turn is expected after exactly the longest wait.
    let second = start(&pool, 1, || ());
    until_waiting(&pool, 1).await;
    assert!(matches!(start(&pool, 1, || ()).await.unwrap(), Err(PasswordError::Overloaded(_))));
    assert_eq!(pool.status().refused, 1);
    open.send(()).unwrap();
    assert!(running.await.unwrap().is_ok() && second.await.unwrap().is_ok());
}

#[tokio::test]
async fn who_waits_too_long_is_refused_then() {
    let pool = pool(100, Duration::from_millis(20));
    let (open, running) = occupy(&pool).await;
    let waiting = start(&pool, 2, || panic!("its turn must not come"));
    assert!(matches!(waiting.await.unwrap(), Err(PasswordError::Overloaded(_))));
    assert_eq!(pool.status().waiting, 0);
    open.send(()).unwrap();
    // Whoever has its turn is answered, however long that takes.
    assert!(running.await.unwrap().is_ok());
}

#[tokio::test]
async fn work_goes_on_without_its_request_and_after_a_panic() {
    let pool = pool(100, LONG);
    let (open, running) = occupy(&pool).await;
    let (done, finished) = mpsc::channel();
    let waiting = start(&pool, 1, move || done.send(()).unwrap());
    until_waiting(&pool, 1).await;
    running.abort();
    waiting.abort();
    assert!(running.await.is_err() && waiting.await.is_err());
    open.send(()).unwrap();
    tokio::task::spawn_blocking(move || finished.recv()).await.unwrap().unwrap();
    let panicked = start(&pool, 1, || panic!("a bug")).await.unwrap();
    assert!(matches!(panicked, Err(PasswordError::Panicked)));
    assert!(start(&pool, 1, || ()).await.unwrap().is_ok());
}

#[tokio::test]
async fn threads_that_hash_have_a_lower_priority() {
    let pool = pool(100, LONG);
    let asked = pool.run(network(1), |_| Ok(rustix::process::getpriority_process(None).unwrap()));
    assert_eq!(asked.await.unwrap(), NICENESS);
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), 0);
}
