//! A service whose handler requires the scope `notes:read`. Its issuer is at <http://localhost:8000>.

use actix_web::{App, HttpServer, web};
use shared_claims::actix::{Authenticated, BearerAuth};
use shared_claims::required_scope;
use shared_claims::verifier::Verifier;

const ISSUER: &str = "http://localhost:8000";

required_scope!(NotesRead, "notes:read");

async fn notes(user: Authenticated<NotesRead>) -> String {
    format!("the notes of {}", user.sub)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let verifier = Verifier::builder(ISSUER).audience("notes-service").follow_feed().build().await?;
    let auth = web::Data::new(BearerAuth::new(verifier));
    HttpServer::new(move || App::new().app_data(auth.clone()).route("/notes", web::get().to(notes)))
        .bind("127.0.0.1:8002")?
        .run()
        .await?;
    Ok(())
}
