//! The HTTP endpoints, one per file. The only module that knows actix-web.

mod authorized;
mod body;
mod change;
mod create;
mod delete;
pub mod docs;
mod list;
mod location;
mod page;
mod refuse;
mod render;
mod scopes;
mod show;
mod whoami;

use actix_web::web::{self, ServiceConfig};
use service_kit::http::resource;
use shared_claims::actix::BearerAuth;

use crate::todos::Todos;

/// Registers the endpoints and the data that they need.
pub fn configure(config: &mut ServiceConfig, todos: &Todos, auth: &BearerAuth) {
    config
        .app_data(web::Data::new(todos.clone()))
        .app_data(web::Data::new(auth.clone()))
        .service(resource("/todos").get(list::list).post(create::create))
        .service(resource("/todos/{id}").get(show::show).put(change::change).delete(delete::delete))
        .service(resource("/whoami").get(whoami::whoami));
}
