//! Ends the sessions of 2,000 users by command while 1,000 followers wait.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::crowd::Crowd;
use crate::issuer::{Issuer, PASSWORD};
use crate::report::row;

const USERS: usize = 2_000;
const FOLLOWERS: usize = 1_000;

/// The number of commands that run at the same time.
const COMMANDS: usize = 4;

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn measure() {
    let issuer = Issuer::start().await;
    import(&issuer);
    for user in 0..USERS {
        issuer.log_in(&name(user)).await;
    }
    let crowd = Crowd::of(FOLLOWERS, issuer.address).await;
    let tally = &crowd.tally;
    sleep(Duration::from_secs(4)).await;
    let before_kib = issuer.resident_kib();
    let last = issuer.last_place().await + USERS as i64;
    tally.not_ok.store(0, Ordering::Relaxed);
    let (bytes, used) = (tally.bytes.load(Ordering::Relaxed), issuer.processor_seconds());

    let began = Instant::now();
    let names = Arc::new(Mutex::new((0..USERS).map(name).collect::<Vec<_>>()));
    let mut commands = JoinSet::new();
    for _ in 0..COMMANDS {
        let names = Arc::clone(&names);
        let template = issuer.command();
        commands.spawn_blocking(move || {
            loop {
                let Some(name) = names.lock().unwrap().pop() else { return };
                let mut command = Command::new(template.get_program());
                command.env_clear();
                command.envs(template.get_envs().filter_map(|(key, value)| Some((key, value?))));
                let done = command.args(["users", "revoke-tokens", &name]).output().unwrap();
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            }
        });
    }
    let most_kib = AtomicU64::new(0);
    let watching = async {
        loop {
            most_kib.fetch_max(issuer.resident_kib() as u64, Ordering::Relaxed);
            sleep(Duration::from_millis(50)).await;
        }
    };
    let commanding = async { while commands.join_next().await.transpose().unwrap().is_some() {} };
    tokio::select! {
        () = commanding => {}
        () = watching => {}
    }
    let ended = Instant::now();
    assert!(tally.arrivals.wait_for_all(last, LIMIT).await, "not all followers have the whole list");
    let behind = *tally.arrivals.micros_since(last, ended).last().unwrap();
    let figure = format!(
        "{:.1} s, {:.0} facts a second; the last {:.2} s later; {} answers not 200",
        (ended - began).as_secs_f64(),
        USERS as f64 / (ended - began).as_secs_f64(),
        behind as f64 / 1e6,
        tally.not_ok.load(Ordering::Relaxed),
    );
    row(
        "2,000 users' sessions ended by command, 1,000 followers: the commands, and until the last follower has all",
        "-",
        &figure,
    );
    let used = issuer.processor_seconds() - used;
    let bytes = (tally.bytes.load(Ordering::Relaxed) - bytes) as f64 / FOLLOWERS as f64 / 1024.0;
    let figure = format!("{used:.1} s, {bytes:.0} KiB");
    row("the same: processor time of the auth-service, bytes for each follower", "-", &figure);
    sleep(Duration::from_secs(4)).await;
    let mib =
        [before_kib, most_kib.load(Ordering::Relaxed) as f64, issuer.resident_kib()].map(|kib| kib / 1024.0);
    let figure = format!("{:.0} MiB, {:.0} MiB, {:.0} MiB", mib[0], mib[1], mib[2]);
    row("the same: memory of the auth-service before, at the most, afterwards", "-", &figure);
}

fn name(user: usize) -> String {
    format!("user-{user:04}")
}

/// Imports the users, who all have the same password hash.
fn import(issuer: &Issuer) {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let line = |user| format!("{{\"username\":\"{}\",\"password_hash\":\"{hash}\"}}\n", name(user));
    let file = issuer.directory.path().join("users.jsonl");
    std::fs::write(&file, (0..USERS).map(line).collect::<String>()).unwrap();
    let made = issuer.command().args(["users", "import"]).arg(&file).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
