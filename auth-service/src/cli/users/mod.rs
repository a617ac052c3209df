//! `auth-service users`.

mod import;
mod invite;
mod locks;
mod password;

use clap::{Args, Subcommand};
use service_kit::timestamp::rfc3339;

use self::import::ImportArguments;
use self::invite::InviteArguments;
use self::password::PasswordSource;
use super::output::{Format, Report, table};
use super::{Context, Failure};
use crate::accounts::{CreateUserRequest, InvalidField, UserCreation, UserDetails};
use crate::domain::{Email, RoleNames, User, Username};
use crate::http::UserResponse;
use crate::passwords::PasswordOwner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a user
    Create(CreateArguments),
    /// Invite somebody by mail to register, also while registration is closed
    Invite(InviteArguments),
    /// Mail the link again with which a user verifies the address
    SendVerification(UserArgument),
    /// List the users, by name
    List(ListArguments),
    /// Show a user
    Show(UserArgument),
    /// Disable a user: every session ends, every token is revoked
    Disable(UserArgument),
    /// Enable a user; former sessions and tokens stay revoked
    Enable(UserArgument),
    /// End the locks of a user and forget the failed logins, on all servers at once
    Unlock(UnlockArguments),
    /// Replace a user's password: every session ends, every token is revoked
    SetPassword(SetPasswordArguments),
    /// Replace a user's roles; access tokens that carry a removed role are revoked, sessions go on
    SetRoles(SetRolesArguments),
    /// Replace a user's e-mail address; sessions go on
    SetEmail(SetEmailArguments),
    /// Change the claims about a user that applications read from /oauth2/userinfo
    SetClaims(SetClaimsArguments),
    /// End every session and revoke every token of a user, who may log in again
    RevokeTokens(UserArgument),
    /// Delete a user for good: every session ends, every token is revoked
    Delete(UserArgument),
    /// Create users with password hashes of another program: all users of the file, or none
    Import(ImportArguments),
}

#[derive(Args)]
struct CreateArguments {
    /// The name to log in with
    #[arg(value_name = "NAME")]
    name: String,
    /// The e-mail address
    #[arg(long)]
    email: Option<String>,
    /// The roles that the user's tokens carry, separated by commas
    #[arg(long, value_name = "A,B", default_value = "")]
    roles: String,
    #[command(flatten)]
    password: PasswordSource,
}

#[derive(Args)]
struct ListArguments {
    /// The most users to list
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// List users whose names come after this one: the last name of the previous list
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
}

#[derive(Args)]
struct UnlockArguments {
    /// The user: name, verified e-mail address or id
    #[arg(value_name = "USER")]
    user: String,
}

#[derive(Args)]
struct SetPasswordArguments {
    #[command(flatten)]
    user: UserArgument,
    #[command(flatten)]
    password: PasswordSource,
}

#[derive(Args)]
struct SetRolesArguments {
    #[command(flatten)]
    user: UserArgument,
    /// All roles of the user, separated by commas; '' for none
    #[arg(value_name = "ROLES", required_unless_present = "option")]
    roles: Option<String>,
    /// All roles of the user, given as an option as in `users create`
    #[arg(long = "roles", value_name = "A,B", id = "option", conflicts_with = "roles")]
    option: Option<String>,
}

#[derive(Args)]
struct SetEmailArguments {
    #[command(flatten)]
    user: UserArgument,
    /// The new address
    #[arg(value_name = "EMAIL")]
    email: String,
    /// The address is known to be the user's: whoever else had it verified keeps it unverified
    #[arg(long)]
    verified: bool,
}

#[derive(Args)]
struct SetClaimsArguments {
    #[command(flatten)]
    user: UserArgument,
    /// A JSON object of claims, for example '{"name": "Ada", "nickname": null}'; null removes a claim
    #[arg(value_name = "JSON")]
    claims: String,
}

/// The argument that names a user.
#[derive(Args)]
struct UserArgument {
    /// The user: name or id
    #[arg(value_name = "USER")]
    user: String,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let users = context.users();
    match arguments.command {
        Command::Create(arguments) => create(&arguments, context).await,
        Command::Invite(arguments) => invite::run(&arguments, context).await,
        Command::SendVerification(UserArgument { user }) => send_verification(&user, context).await,
        Command::List(arguments) => list(&arguments, context).await,
        Command::Show(UserArgument { user }) => {
            let found = users.find(&user).await?.ok_or_else(|| unknown_user(&user))?;
            locks::report_user(found, context).await
        }
        Command::Disable(UserArgument { user }) => {
            let changed = users.disable(&user).await?;
            report_change(&user, changed, "is disabled. Every session has ended, every token is revoked.")
        }
        Command::Enable(UserArgument { user }) => {
            let changed = users.enable(&user).await?;
            report_change(&user, changed, "is enabled.")
        }
        Command::Unlock(UnlockArguments { user }) => {
            let unlocked = users.unlock(&user).await?;
            report_change(&user, unlocked, "has no lock any more, and no failed login counts.")
        }
        Command::SetPassword(arguments) => set_password(&arguments, context).await,
        Command::SetRoles(arguments) => set_roles(&arguments, context).await,
        Command::SetEmail(SetEmailArguments { user: UserArgument { user }, email, verified }) => {
            let email = Email::parse(&email).map_err(|rule| format!("the address {rule}"))?;
            let changed = users.set_email(&user, email, verified).await?;
            report_user(changed.ok_or_else(|| unknown_user(&user))?, context).await
        }
        Command::SetClaims(SetClaimsArguments { user: UserArgument { user }, claims }) => {
            let changed = users.set_claims(&user, claims).await?;
            report_user(changed.ok_or_else(|| unknown_user(&user))?, context).await
        }
        Command::RevokeTokens(UserArgument { user }) => {
            let changed = users.revoke_tokens(&user).await?;
            report_change(&user, changed, "has no session any more, and every token is revoked.")
        }
        Command::Delete(UserArgument { user }) => {
            let changed = users.delete(&user).await?;
            report_change(&user, changed, "is deleted. Every session has ended, every token is revoked.")
        }
        Command::Import(arguments) => import::run(&arguments, context).await,
    }
}

async fn create(arguments: &CreateArguments, context: &Context) -> Result<Report, Failure> {
    let CreateArguments { name, email, roles, password } = arguments;
    let details = UserDetails::parse(CreateUserRequest { username: name, email: email.as_deref(), roles })
        .map_err(|invalid| describe_invalid(&invalid))?;
    let taken = || Failure::from(format!("the name {name:?} is taken, or looks like one that is taken"));
    let users = context.users();
    // Checked before the operator is asked for a password.
    if users.is_taken(&details.username).await? {
        return Err(taken());
    }
    let owner = PasswordOwner { username: name, email: email.as_deref() };
    let hash = password.read_and_hash(owner, context).await?;
    match users.create(details, hash).await? {
        UserCreation::Created(user) => {
            let text = user_as_text(&user);
            Report::new(&UserResponse::from(*user), text)
        }
        UserCreation::Taken => Err(taken()),
    }
}

async fn send_verification(name_or_id: &str, context: &Context) -> Result<Report, Failure> {
    if !context.sends_mail() {
        return Err(
            "this service sends no mail (mail.transport): users set-email NAME EMAIL --verified".into()
        );
    }
    let users = context.users();
    let found = users.find(name_or_id).await?.ok_or_else(|| unknown_user(name_or_id))?;
    if let Some(why) = invite::why_nothing_to_verify(&found) {
        return Err(why.into());
    }
    let sent = users.send_verification(name_or_id).await?;
    report_change(name_or_id, sent, "gets a mail with a link that verifies the address.")
}

async fn list(arguments: &ListArguments, context: &Context) -> Result<Report, Failure> {
    let after = arguments.after.as_deref().map(Username::parse).transpose();
    let after = after.map_err(|rule| format!("--after: the name {rule}"))?;
    let users = context.users().list(after, arguments.limit.unwrap_or(i64::MAX)).await?;
    let text = users_as_table(&users);
    Report::new(&documents(users), text)
}

async fn set_password(arguments: &SetPasswordArguments, context: &Context) -> Result<Report, Failure> {
    let user = &arguments.user.user;
    let users = context.users();
    // Checked before the operator is asked for a password.
    let found = users.find(user).await?.ok_or_else(|| unknown_user(user))?;
    let owner = PasswordOwner { username: &found.username, email: found.email.as_deref() };
    let hash = arguments.password.read_and_hash(owner, context).await?;
    let changed = users.set_password(user, hash).await?;
    report_change(user, changed, "has a new password. Every session has ended, every token is revoked.")
}

async fn set_roles(arguments: &SetRolesArguments, context: &Context) -> Result<Report, Failure> {
    let SetRolesArguments { user: UserArgument { user }, roles, option } = arguments;
    let roles = RoleNames::parse(roles.as_deref().or(option.as_deref()).unwrap_or_default())?;
    let changed = context.users().set_roles(user, roles).await?.ok_or_else(|| unknown_user(user))?;
    let names = changed.roles.join(", ");
    let text = if names.is_empty() { "has no roles.".to_owned() } else { format!("has the roles {names}.") };
    report_change(user, Some(changed), &text)
}

/// The report about a user. The text also has the claims that an operator set.
async fn report_user(user: User, context: &Context) -> Result<Report, Failure> {
    let claims = claims_as_text(&user, context).await?;
    let lines: Vec<_> = std::iter::once(user_as_text(&user)).chain(claims).collect();
    Report::new(&UserResponse::from(user), lines.join("\n"))
}

/// A line for each claim that an operator set.
async fn claims_as_text(user: &User, context: &Context) -> Result<Vec<String>, Failure> {
    let profile = context.users().profile(user.id).await?;
    let claims = profile.as_object().iter().map(|(name, value)| format!("claim     {name}: {value}"));
    Ok(claims.collect())
}

/// The report of a change: `text` follows the username. Fails if there was no such user.
fn report_change(name_or_id: &str, changed: Option<User>, text: &str) -> Result<Report, Failure> {
    let user = changed.ok_or_else(|| unknown_user(name_or_id))?;
    let text = format!("{} {text}", user.username);
    Report::new(&UserResponse::from(user), text)
}

fn unknown_user(name_or_id: &str) -> String {
    format!("there is no user {name_or_id:?}")
}

/// Formats the fields that break a rule as one line.
fn describe_invalid(fields: &[InvalidField]) -> String {
    fields.iter().map(|invalid| format!("{} {}", invalid.field, invalid.rule)).collect::<Vec<_>>().join("; ")
}

/// The JSON documents for users, which are the same as in the response of registration.
fn documents(users: Vec<User>) -> Vec<UserResponse> {
    users.into_iter().map(UserResponse::from).collect()
}

/// Formats a user as text, one line for each property.
fn user_as_text(user: &User) -> String {
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
        format!("roles     {}", role_list(roles)),
        format!("created   {}", rfc3339(*created_at_ms)),
    ]
    .join("\n")
}

fn users_as_table(users: &[User]) -> String {
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            [
                user.id.to_string(),
                user.username.clone(),
                state(user.is_active).to_owned(),
                role_list(&user.roles),
                rfc3339(user.created_at_ms),
            ]
        })
        .collect();
    table(["ID", "USERNAME", "STATE", "ROLES", "CREATED"], &rows)
}

fn state(is_active: bool) -> &'static str {
    if is_active { "active" } else { "disabled" }
}

fn role_list(roles: &[String]) -> String {
    if roles.is_empty() { "-".to_owned() } else { roles.join(",") }
}
