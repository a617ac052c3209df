//! A service whose handler requires the scope `notes:read`. Its issuer is at <http://localhost:8000>.

use axum::{Extension, Router, routing::get};
use shared_claims::required_scope;
use shared_claims::tower::BearerLayer;
use shared_claims::verifier::{Verified, Verifier};

const ISSUER: &str = "http://localhost:8000";

required_scope!(NotesRead, "notes:read");

async fn notes(Extension(user): Extension<Verified>) -> String {
    format!("the notes of {}", user.sub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let verifier = Verifier::builder(ISSUER).audience("notes-service").follow_feed().build().await?;
    let bearer = BearerLayer::new(verifier).require::<NotesRead>();
    let app = Router::new().route("/notes", get(notes)).route_layer(bearer);
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8002").await?, app).await?;
    Ok(())
}
