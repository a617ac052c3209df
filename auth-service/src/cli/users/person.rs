//! The form in which commands print a user: the same document as the response of registration.

use service_kit::timestamp::rfc3339;

use super::super::table::table;
use crate::domain::User;

pub(super) use crate::http::UserResponse as Person;

/// A list of users.
pub(super) type People = Vec<Person>;

/// Formats a user as text, one line for each property.
pub(super) fn shown(user: &User) -> String {
    let User { id, username, email, email_verified, is_active, roles, created_at_ms, .. } = user;
    let email = match email {
        Some(email) if *email_verified => format!("{email} (verified)"),
        Some(email) => email.clone(),
        None => "-".to_owned(),
    };
    [
        format!("id        {id}"),
        format!("username  {username}"),
        format!("email     {email}"),
        format!("state     {}", state(*is_active)),
        format!("roles     {}", named(roles)),
        format!("created   {}", rfc3339(*created_at_ms)),
    ]
    .join("\n")
}

/// Formats users as a table.
pub(super) fn tabled(users: &[User]) -> String {
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            [
                user.id.to_string(),
                user.username.clone(),
                state(user.is_active).to_owned(),
                named(&user.roles),
                rfc3339(user.created_at_ms),
            ]
        })
        .collect();
    table(["ID", "USERNAME", "STATE", "ROLES", "CREATED"], &rows)
}

fn state(is_active: bool) -> &'static str {
    if is_active { "active" } else { "disabled" }
}

fn named(roles: &[String]) -> String {
    if roles.is_empty() { "-".to_owned() } else { roles.join(",") }
}
