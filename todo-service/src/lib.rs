//! The todo-service: a resource server of Latchkey. It verifies tokens itself and stores the todos of each user
//! separately.

pub mod config;
pub mod domain;
pub mod http;
pub mod observe;
pub mod startup;
pub mod storage;
pub mod todos;
