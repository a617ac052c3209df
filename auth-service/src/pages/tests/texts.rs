//! The texts that stand in the samples of the pages.

/// A text that breaks out of whatever it is written into without being escaped.
pub(super) const HOSTILE: &str = "<script>\"'&</script><b onload=x>";

/// The texts that a caller, a client or a user can choose.
pub(super) struct Texts {
    pub(super) user: String,
    pub(super) email: String,
    pub(super) app: String,
    pub(super) host: String,
    pub(super) request: String,
    pub(super) action: String,
    pub(super) code: String,
}

impl Texts {
    pub(super) fn plain() -> Self {
        Self {
            user: "ada.lovelace".to_owned(),
            email: "ada@example.org".to_owned(),
            app: "Fjordpost Reminders for Teams".to_owned(),
            host: "app.fjordpost.example".to_owned(),
            request: "c2VhbGVk-_0".to_owned(),
            action: "https://app.fjordpost.example/callback".to_owned(),
            code: "invalid_redirect_uri".to_owned(),
        }
    }

    pub(super) fn hostile() -> Self {
        let text = || HOSTILE.to_owned();
        Self {
            user: text(),
            email: text(),
            app: text(),
            host: text(),
            request: text(),
            action: text(),
            code: text(),
        }
    }

    pub(super) fn stressed() -> Self {
        Self {
            user: format!("Donaudampfschifffahrts{}", "gesellschaftskapitän".repeat(4)),
            app: format!("\u{202E}Donaudampfschifffahrtsgesellschaft 🎉 {}", "Mützenverleih".repeat(5)),
            host: format!("reminders-for-teams.{}.example", "fjordpost-handelsgesellschaft".repeat(2)),
            ..Self::plain()
        }
    }
}
