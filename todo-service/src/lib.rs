//! The todo-service: a resource server of Latchkey. It verifies tokens by itself and keeps todos, each user's apart.

pub mod config;
pub mod domain;
pub mod http;
pub mod observe;
pub mod startup;
pub mod storage;
pub mod todos;
