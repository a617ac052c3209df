//! The service through its HTTP surface, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod audit;
mod auth_cookies;
mod auth_logout;
mod auth_refresh;
mod auth_register;
mod auth_sessions;
mod auth_token;
mod bounds;
mod browser;
mod clients;
mod clients_registry;
mod clocks;
mod conformance;
mod cors;
mod feed;
mod feed_many;
mod foreign_tokens;
mod helpers;
mod issuer_path;
mod keys;
mod metrics_page;
mod month;
mod oauth2_client_credentials;
mod oauth2_code;
mod oauth2_introspect;
mod oauth2_password;
mod oauth2_refresh;
mod oauth2_revoke;
mod oauth2_token;
mod page_headers;
mod pruning;
mod races;
mod refresh_model;
mod refresh_replay;
mod session_limits;
mod sign_in;
mod sign_in_bounds;
mod sign_in_model;
mod sign_in_races;
mod sign_in_requests;
mod startup;
mod userinfo;
mod users;
mod well_known;
