//! The program.

use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    auth_service::cli::main().await
}
