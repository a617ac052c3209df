//! `GET /whoami` of a todo-service with a good token, beside `GET /healthz` of the same process, which checks nothing and
//! (at the default level) logs nothing.

use actix_web::web;

use crate::process::{Place, log_in, register};
use crate::report::{median, row};
use crate::wrk::requests_a_second;

const ROUNDS: usize = 5;

pub(crate) async fn measure() {
    let place = Place::new(None);
    let auth = place.auth_service();
    auth.ready().await;
    register(&auth).await;
    let todo = place.todo_service();
    todo.ready().await;
    let (url, token) = (todo.url.clone(), log_in(&auth).await);
    web::block(move || compare(&url, &token)).await.unwrap();
}

fn compare(url: &str, token: &str) {
    let [mut bare, mut checked] = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        bare.push(requests_a_second(&format!("{url}/healthz"), None));
        checked.push(requests_a_second(&format!("{url}/whoami"), Some(token)));
    }
    let (bare, checked) = (median(&mut bare), median(&mut checked));
    let figure = format!("{checked:.0} of {bare:.0} requests/s: {:.0} %", 100.0 * checked / bare);
    row("todo-service: `/whoami`, checked and logged, of `/healthz`, neither", "-", &figure);
}
