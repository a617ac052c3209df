//! `auth-service mail`: looks at mails, and tries the settings. It needs no database.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::Failure;
use super::output::print;
use crate::config::{MailTransport, Settings};
use crate::domain::Email;
use crate::mail::{Letter, Locale, Outgoing, samples};
use crate::startup::{self, World};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a sample of a mail, as people get it
    Preview(PreviewArguments),
    /// Send a mail to an address at once, and print what is said to the mail server and by it
    Test(TestArguments),
}

#[derive(Args)]
struct PreviewArguments {
    /// The kind of mail to show
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(Letter::NAMES))]
    name: String,
    #[command(flatten)]
    language: Language,
    /// Print the HTML document instead of the text
    #[arg(long)]
    html: bool,
}

#[derive(Args)]
struct TestArguments {
    /// The address
    #[arg(value_name = "ADDRESS")]
    address: String,
    #[command(flatten)]
    language: Language,
}

#[derive(Args)]
struct Language {
    /// The language of the mail
    #[arg(long, value_name = "LANGUAGE", default_value = Locale::English.lang(), value_parser = PossibleValuesParser::new(Locale::ALL.map(Locale::lang)))]
    language: String,
}

impl Language {
    fn locale(&self) -> Locale {
        Locale::of_tag(&self.language).unwrap_or_default()
    }
}

pub(super) async fn run(arguments: Arguments, settings: &Settings) -> Result<(), Failure> {
    match arguments.command {
        Command::Preview(arguments) => preview(&arguments, settings),
        Command::Test(arguments) => test(&arguments, settings).await,
    }
}

fn preview(arguments: &PreviewArguments, settings: &Settings) -> Result<(), Failure> {
    let now_ms = World::system().clock.now_ms();
    let letters = samples(&settings.issuer, now_ms);
    let Some(letter) = letters.iter().find(|letter| letter.name() == arguments.name) else {
        return Err(format!("the mails are: {}", Letter::NAMES.join(", ")).into());
    };
    let mail = startup::mailer(settings)?.render(arguments.language.locale(), letter);
    if arguments.html {
        return print(mail.html.trim_end());
    }
    print(&format!("Subject: {}\n\n{}", mail.subject, mail.text.trim_end()))
}

async fn test(arguments: &TestArguments, settings: &Settings) -> Result<(), Failure> {
    let to = Email::parse(&arguments.address).map_err(|error| format!("ADDRESS {error}"))?;
    let mailer = startup::mailer(settings)?;
    let World { clock, random, .. } = World::system();
    let at_ms = clock.now_ms();
    print(&match settings.mail_transport() {
        MailTransport::None => "mail.transport is none".to_owned(),
        MailTransport::Folder => {
            format!("mail.transport is folder, mail.folder is {}", settings.mail.folder.display())
        }
        MailTransport::Smtp => {
            let url = settings.mail.smtp_url.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("mail.transport is smtp, mail.smtp_url is {url}")
        }
    })?;
    let outgoing = Outgoing {
        id: random.uuid(),
        to: &to,
        language: arguments.language.locale(),
        letter: &Letter::Test { at_ms },
        at_ms,
    };
    let sent = mailer.send(outgoing, &|line| {
        // Whoever closed the pipe still wants the mail to be sent.
        let _ = print(&format!("  {line}"));
    });
    match sent.await {
        Ok(()) => print("The mail was taken. Look whether it arrives, and not among the spam."),
        Err(error) => Err(format!("{}; {}", error.summary, error.advice).into()),
    }
}
