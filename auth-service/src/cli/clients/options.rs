//! The options that describe a client.

use clap::Args;

use crate::domain::ClientWords;

/// The options of `create` and `update`. An empty list (`--scopes ""`) clears the value.
#[derive(Args)]
pub(super) struct Options {
    /// Whether it is a public client, which has no secret: a program on a user's machine or in a browser
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    public: Option<bool>,
    /// The grant types it may use: `authorization_code`, `refresh_token`, `client_credentials`, `password`
    #[arg(long, value_delimiter = ',', value_name = "GRANTS")]
    grants: Option<Vec<String>>,
    /// The scopes its tokens may have, separated by spaces
    #[arg(long, value_delimiter = ' ', value_name = "SCOPES")]
    scopes: Option<Vec<String>>,
    /// The resource servers its tokens may be for; default: `tokens.audience`
    #[arg(long, value_delimiter = ',', value_name = "AUDIENCES")]
    audiences: Option<Vec<String>>,
    /// The allowed redirect URIs, which are compared as exact text
    #[arg(long, value_delimiter = ',', value_name = "URIS")]
    redirect_uris: Option<Vec<String>>,
    /// The allowed redirect URIs after a logout
    #[arg(long, value_delimiter = ',', value_name = "URIS")]
    post_logout_redirect_uris: Option<Vec<String>>,
    /// Let a confidential client ask for a code without PKCE
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pkce_optional: Option<bool>,
    /// Lifetime of its access tokens, or `default` for the one in the settings
    #[arg(long, value_parser = lifetime, value_name = "SECONDS")]
    access_ttl: Option<Lifetime>,
    /// Lifetime of its refresh tokens, or `default` for the one in the settings
    #[arg(long, value_parser = lifetime, value_name = "SECONDS")]
    refresh_ttl: Option<Lifetime>,
}

/// A lifetime in seconds; `None` for the default from the settings.
#[derive(Clone, Copy)]
struct Lifetime(Option<i64>);

fn lifetime(text: &str) -> Result<Lifetime, &'static str> {
    match text {
        "default" => Ok(Lifetime(None)),
        _ => text
            .parse()
            .map(|seconds| Lifetime(Some(seconds)))
            .map_err(|_| "a number of seconds, or `default`"),
    }
}

impl Options {
    /// Turns the options into the words of a client change, with this name.
    pub(super) fn into_words(self, name: Option<String>) -> ClientWords {
        let list = |items: Option<Vec<String>>| {
            let items = items?.into_iter().map(|item| item.trim().to_owned());
            Some(items.filter(|item| !item.is_empty()).collect())
        };
        ClientWords {
            name,
            is_public: self.public,
            grants: list(self.grants),
            scopes: list(self.scopes),
            audiences: list(self.audiences),
            redirect_uris: list(self.redirect_uris),
            post_logout_redirect_uris: list(self.post_logout_redirect_uris),
            pkce_optional: self.pkce_optional,
            access_ttl_s: self.access_ttl.map(|Lifetime(seconds)| seconds),
            refresh_ttl_s: self.refresh_ttl.map(|Lifetime(seconds)| seconds),
        }
    }
}
