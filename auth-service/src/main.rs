//! The auth-service program.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::server::run_program(auth_service::cli::main())
}
