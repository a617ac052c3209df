//! The auth-service program.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::program::run(auth_service::cli::main())
}
