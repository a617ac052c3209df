//! The pages of the own account with lists: where a person is signed in, and the connected applications.

use std::borrow::Cow;

use askama::Template;
use service_kit::timestamp::rfc3339;

use super::scopes;
use super::scopes::Scope;
use super::templates::{AccountHead, Frame, Renderer};
use super::texts::{Phrase, Texts, unturned};

/// The page with the person's sessions.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// The user who is signed in.
    pub user: String,
    /// The time, in milliseconds.
    pub now_ms: i64,
    /// The sessions, last used first.
    pub rows: Vec<SessionRow>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
    /// Whether there are sessions besides this browser's.
    pub has_others: bool,
    /// What the post before did.
    pub done: Option<Done>,
}

/// A device, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The browser, or another program.
    pub program: Option<String>,
    /// The operating system, or the kind of device.
    pub system: Option<String>,
}

/// How a session is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionName {
    /// By the application that it belongs to.
    App(String),
    /// By the device that it began on.
    Device(Device),
}

/// A session.
#[derive(Clone, Debug, Default)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// The device that it began on.
    pub device: Device,
    /// The application that it belongs to, if it does to one.
    pub app: Option<String>,
    /// The applications that were opened with it.
    pub apps: Vec<String>,
    /// The address that it began from.
    pub address: Option<String>,
    /// When it was last used, in milliseconds.
    pub last_used_at_ms: i64,
    /// When it began, in milliseconds.
    pub began_at_ms: i64,
    /// Whether it is the session of this browser.
    pub is_current: bool,
}

/// The page with the connected applications.
#[derive(Clone, Debug, Default)]
pub struct Applications {
    /// The user who is signed in.
    pub user: String,
    /// The time, in milliseconds.
    pub now_ms: i64,
    /// The applications, last used first.
    pub rows: Vec<AppRow>,
    /// What the post before did.
    pub done: Option<Done>,
}

/// An application.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// Its client id.
    pub client_id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Whether it is part of the operator's own product.
    pub is_first_party: bool,
    /// When it was allowed, in milliseconds.
    pub allowed_at_ms: i64,
    /// When it was last used, in milliseconds.
    pub last_used_at_ms: i64,
}

/// What a post did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// This session is signed out.
    SignedOut(SessionName),
    /// No session is left but this browser's.
    OthersSignedOut,
    /// This application is disconnected.
    Disconnected(String),
}

#[derive(Template)]
#[template(path = "sessions.html")]
pub(super) struct SessionsTemplate<'a> {
    frame: Frame<'a>,
    account: AccountHead<'a>,
    view: &'a Sessions,
    rows: Vec<SessionView<'a>>,
    next: Option<String>,
    done: Option<Phrase<'a>>,
}

struct SessionView<'a> {
    view: &'a SessionRow,
    apps: &'a [String],
    title: String,
    /// Whether the title is the name of an application, which nobody translates.
    is_name: bool,
    /// The device, where the title does not name it.
    device: Option<String>,
    used: String,
    began: String,
    moment: String,
}

#[derive(Template)]
#[template(path = "applications.html")]
pub(super) struct ApplicationsTemplate<'a> {
    frame: Frame<'a>,
    account: AccountHead<'a>,
    rows: Vec<AppView<'a>>,
    done: Option<Phrase<'a>>,
}

struct AppView<'a> {
    view: &'a AppRow,
    name: Cow<'a, str>,
    can: String,
    used: String,
    allowed: String,
    moment: String,
}

/// How long a session counts as in use after it was noted, in milliseconds. A use is noted once a minute.
const IN_USE_MS: i64 = 120_000;

impl<'a> Renderer<'a> {
    pub(super) fn sessions(&'a self, view: &'a Sessions) -> SessionsTemplate<'a> {
        let rows = view.rows.iter().map(|row| {
            let device = self.device(&row.device);
            SessionView {
                view: row,
                apps: &row.apps,
                title: row
                    .app
                    .as_deref()
                    .map_or_else(|| self.unknown_or(device.clone()), |app| unturned(app).into_owned()),
                is_name: row.app.is_some(),
                device: device.filter(|_| row.app.is_some()),
                used: self.texts.used(row.last_used_at_ms, view.now_ms),
                began: self.texts.date(row.began_at_ms),
                moment: rfc3339(row.began_at_ms),
            }
        });
        SessionsTemplate {
            frame: self.frame("where-signed-in", None),
            account: self.account_head("/account/sessions", &view.user),
            rows: rows.collect(),
            // A cursor has no character that a query would need to encode.
            next: view.next.as_ref().map(|next| self.site.path(&format!("/account/sessions?after={next}"))),
            done: self.done(view.done.as_ref()),
            view,
        }
    }

    pub(super) fn applications(&'a self, view: &'a Applications) -> ApplicationsTemplate<'a> {
        let rows = view.rows.iter().map(|row| {
            let words = scopes::in_words(self.texts, &row.scopes);
            let titles: Vec<_> = words.into_iter().map(|text| text.title).collect();
            AppView {
                view: row,
                name: unturned(&row.name),
                can: self.texts.text_with("can", "scopes", &titles.join(" · ")),
                used: self.texts.used(row.last_used_at_ms, view.now_ms),
                allowed: self.texts.date(row.allowed_at_ms),
                moment: rfc3339(row.allowed_at_ms),
            }
        });
        ApplicationsTemplate {
            frame: self.frame("applications", None),
            account: self.account_head("/account/applications", &view.user),
            rows: rows.collect(),
            done: self.done(view.done.as_ref()),
        }
    }

    /// A device in words; `None` if nothing is known of it.
    fn device(&self, device: &Device) -> Option<String> {
        match (&device.program, &device.system) {
            (Some(program), Some(system)) => {
                Some(self.texts.text_of("device-on", &[("program", program), ("system", system)]))
            }
            (Some(known), None) | (None, Some(known)) => Some(known.clone()),
            (None, None) => None,
        }
    }

    fn unknown_or(&self, device: Option<String>) -> String {
        device.unwrap_or_else(|| self.texts.text("unknown-device"))
    }

    fn done(&self, done: Option<&'a Done>) -> Option<Phrase<'a>> {
        Some(match done? {
            Done::SignedOut(SessionName::App(app)) => self.texts.phrase("is-signed-out", "device", app),
            Done::SignedOut(SessionName::Device(device)) => {
                let name = self.unknown_or(self.device(device));
                Phrase { value: Cow::Owned(name), ..self.texts.phrase("is-signed-out", "device", "") }
            }
            Done::OthersSignedOut => Phrase {
                before: self.texts.text("this-device-only"),
                value: Cow::Borrowed(""),
                after: String::new(),
            },
            Done::Disconnected(app) => self.texts.phrase("disconnected", "app", app),
        })
    }
}

const MONTHS: [&str; 12] = [
    "month-1", "month-2", "month-3", "month-4", "month-5", "month-6", "month-7", "month-8", "month-9",
    "month-10", "month-11", "month-12",
];

impl Texts<'_> {
    /// When something was last used: in words, because a person compares it with now.
    fn used(&self, at_ms: i64, now_ms: i64) -> String {
        let ago_ms = now_ms.saturating_sub(at_ms);
        if ago_ms < IN_USE_MS {
            return self.text("used-now");
        }
        self.text_with("last-used", "ago", &self.ago(ago_ms))
    }

    fn ago(&self, ago_ms: i64) -> String {
        let minutes = usize::try_from(ago_ms.div_euclid(60_000)).unwrap_or_default();
        match minutes {
            0 => self.text("ago-moment"),
            1..60 => self.counted("ago-minutes", minutes),
            60..1440 => self.counted("ago-hours", minutes.div_euclid(60)),
            _ => self.counted("ago-days", minutes.div_euclid(1440)),
        }
    }

    /// A date and a time of day, in UTC.
    pub(crate) fn date(&self, at_ms: i64) -> String {
        // 2026-11-26T08:12:00.000Z
        let text = rfc3339(at_ms);
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let number = |from, to| part(from, to).parse::<usize>().unwrap_or_default();
        let month = MONTHS.get(number(5, 7).saturating_sub(1)).copied().unwrap_or("month-1");
        let (day, month) = (number(8, 10).to_string(), self.text(month));
        self.text_of(
            "date",
            &[("day", &day), ("month", &month), ("year", part(0, 4)), ("time", part(11, 16))],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::locale::Locale;
    use super::super::texts::Catalogue;

    #[test]
    fn times_are_said_in_words() {
        let catalogue = Catalogue::load();
        let texts = catalogue.texts(Locale::English, "Latchkey");
        let minute = 60_000;
        for (ago_ms, expected) in [
            (0, "In use now"),
            (-5, "In use now"),
            (119_999, "In use now"),
            (2 * minute, "Last used 2 minutes ago"),
            (59 * minute, "Last used 59 minutes ago"),
            (60 * minute, "Last used one hour ago"),
            (120 * minute, "Last used 2 hours ago"),
            (1440 * minute, "Last used one day ago"),
            (6 * 1440 * minute, "Last used 6 days ago"),
        ] {
            assert_eq!(texts.used(1_700_000_000_000, 1_700_000_000_000 + ago_ms), expected);
        }
        assert_eq!(texts.ago(1), "a moment ago");
        assert_eq!(texts.ago(minute), "one minute ago");
    }

    #[test]
    fn dates_are_said_as_the_language_says_them() {
        let catalogue = Catalogue::load();
        for (locale, expected) in
            [(Locale::English, "3 November 2026, 17:40 UTC"), (Locale::German, "3. November 2026, 17:40 UTC")]
        {
            assert_eq!(catalogue.texts(locale, "Latchkey").date(1_793_727_600_000), expected);
        }
    }
}
