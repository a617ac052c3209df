//! `auth-service users invite` and `users send-verification`.

use clap::{Args, ValueEnum};
use serde::Serialize;
use service_kit::timestamp::rfc3339;

use super::super::output::Report;
use super::super::{Context, Failure};
use crate::domain::{Email, LinkPurpose};

#[derive(Args)]
pub(super) struct InviteArguments {
    /// The address
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Print the link instead of mailing it. Whoever has it can register: it is for EMAIL alone
    #[arg(long)]
    print: bool,
    /// The language of the mail
    #[arg(long, value_enum, default_value = "en")]
    language: Language,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    En,
    De,
}

impl Language {
    fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }
}

/// An invitation, for programs.
#[derive(Serialize)]
struct Invitation<'a> {
    email: &'a str,
    /// Whether the link goes to the address by mail. Otherwise it is here.
    is_mailed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
}

pub(super) async fn run(arguments: &InviteArguments, context: &Context) -> Result<Report, Failure> {
    let InviteArguments { email: typed, print, language } = arguments;
    let email = Email::parse(typed).map_err(|rule| format!("the address {rule}"))?;
    let users = context.users();
    if *print || !context.sends_mail() {
        let invited = users.make_invitation(&email).await?;
        let (link, ends_at) = (context.invitation_link(&invited.token), rfc3339(invited.ends_at_ms));
        let text = format!("Give this link to {typed}. It works once, until {ends_at}:\n{link}");
        let invitation =
            Invitation { email: typed, is_mailed: false, link: Some(link), ends_at: Some(ends_at) };
        return Report::new(&invitation, text);
    }
    users.invite(&email, Some(language.tag())).await?;
    let days = LinkPurpose::Invitation.life_s() / 86_400;
    let text = format!("A mail to {typed} is on its way. Its link works once, for {days} days.");
    Report::new(&Invitation { email: typed, is_mailed: true, link: None, ends_at: None }, text)
}

/// Why the verification mail of a user is not sent.
pub(super) fn why_nothing_to_verify(user: &crate::domain::User) -> Option<String> {
    let name = &user.username;
    match &user.email {
        None => Some(format!("{name} has no address: users set-email {name} EMAIL")),
        Some(_) if user.email_verified => Some(format!("the address of {name} is verified already")),
        Some(_) => None,
    }
}
