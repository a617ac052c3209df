//! The metadata of a client (RFC 7591 §2): the properties that an operator chooses. This is the one place that defines
//! them. The options of `clients create` and `clients update`, the changes, the names in audit events, and the output of
//! the commands follow from it.
//!
//! Two other lists of these properties remain, and do not compile if one is missing there: the row of the table in
//! `storage::clients`, because only `storage` may use Diesel, and the configuration's `DeclaredClient`, because serde's
//! `flatten` would lose the key in the message about a value of the wrong type.

#[cfg(test)]
mod tests;

use clap::Args;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use shared_claims::scope::Scopes;

use crate::domain::{ALLOWED_GRANTS, Client, GrantType, InvalidClient, LogoutUri, RedirectUri, option_name};

/// The metadata of a client as an operator writes it; `None` for what is not given. The comments of the fields are the
/// help texts of the options.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientMetadata {
    /// A name for people
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Whether it is a public client, which has no secret: a program on a user's machine or in a browser
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub public: Option<bool>,
    /// The grant types it may use: `authorization_code`, `refresh_token`, `client_credentials`, `password`
    #[arg(long, value_delimiter = ',', value_name = "GRANTS")]
    pub grants: Option<Vec<String>>,
    /// The scopes its tokens may have, separated by spaces
    #[arg(long, value_delimiter = ' ', value_name = "SCOPES")]
    pub scopes: Option<Vec<String>>,
    /// The resource servers its tokens may be for; default: `tokens.audience`
    #[arg(long, value_delimiter = ',', value_name = "AUDIENCES")]
    pub audiences: Option<Vec<String>>,
    /// The allowed redirect URIs, which are compared as exact text
    #[arg(long, value_delimiter = ',', value_name = "URIS")]
    pub redirect_uris: Option<Vec<String>>,
    /// The allowed redirect URIs after a logout
    #[arg(long, value_delimiter = ',', value_name = "URIS")]
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// The URI to which logout tokens are posted (Back-Channel Logout); empty: none are sent
    #[arg(long, value_name = "URI")]
    pub backchannel_logout_uri: Option<String>,
    /// Let a confidential client ask for a code without PKCE
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub pkce_optional: Option<bool>,
    /// Whether it is part of your own product: its users are never asked for consent
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub first_party: Option<bool>,
    /// Lifetime of its access tokens, or `default` for the one in the settings
    #[arg(long, value_parser = Lifetime::parse, value_name = "SECONDS")]
    pub access_ttl: Option<Lifetime>,
    /// Lifetime of its refresh tokens, or `default` for the one in the settings
    #[arg(long, value_parser = Lifetime::parse, value_name = "SECONDS")]
    pub refresh_ttl: Option<Lifetime>,
}

/// A lifetime in seconds; `None` for the default from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub Option<i64>);

impl Lifetime {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "default" => Ok(Self(None)),
            _ => text
                .parse()
                .map(|seconds| Self(Some(seconds)))
                .map_err(|_| "a number of seconds, or `default`"),
        }
    }
}

impl ClientMetadata {
    /// Parses what is given and applies it to a client, if the result is valid. What is not given stays unchanged.
    pub fn apply(&self, client: &Client) -> Result<Client, InvalidClient> {
        let Self {
            name,
            public,
            grants,
            scopes,
            audiences,
            redirect_uris,
            post_logout_redirect_uris,
            backchannel_logout_uri,
            pkce_optional,
            first_party,
            access_ttl,
            refresh_ttl,
        } = self;
        let now = client.clone();
        let changed = Client {
            name: name.clone().unwrap_or(now.name),
            is_public: public.unwrap_or(now.is_public),
            grants: grants.as_deref().map_or(Ok(now.grants), parse_grants)?,
            scopes: scopes.as_deref().map_or(Ok(now.scopes), parse_scopes)?,
            audiences: audiences.clone().map_or(now.audiences, distinct),
            redirect_uris: redirect_uris
                .as_deref()
                .map_or(Ok(now.redirect_uris), |uris| parse_uris("redirect_uris", uris))?,
            post_logout_redirect_uris: post_logout_redirect_uris
                .as_deref()
                .map_or(Ok(now.post_logout_redirect_uris), |uris| {
                    parse_uris("post_logout_redirect_uris", uris)
                })?,
            backchannel_logout_uri: backchannel_logout_uri
                .as_deref()
                .map_or(Ok(now.backchannel_logout_uri), parse_logout_uri)?,
            pkce_optional: pkce_optional.unwrap_or(now.pkce_optional),
            is_first_party: first_party.unwrap_or(now.is_first_party),
            access_ttl_s: access_ttl.map_or(now.access_ttl_s, |Lifetime(seconds)| seconds),
            refresh_ttl_s: refresh_ttl.map_or(now.refresh_ttl_s, |Lifetime(seconds)| seconds),
            ..now
        };
        changed.check()?;
        Ok(changed)
    }

    /// Removes blank items from the lists, as options have them: `--scopes ""` gives one, and means the empty list.
    #[must_use]
    pub fn without_blanks(mut self) -> Self {
        let lists = [
            &mut self.grants,
            &mut self.scopes,
            &mut self.audiences,
            &mut self.redirect_uris,
            &mut self.post_logout_redirect_uris,
        ];
        for items in lists.into_iter().flatten() {
            let trimmed = items.iter().map(|item| item.trim().to_owned());
            *items = trimmed.filter(|item| !item.is_empty()).collect();
        }
        self
    }
}

fn parse_grants(grants: &[String]) -> Result<Vec<GrantType>, InvalidClient> {
    let parsed = grants.iter().map(|grant| GrantType::parse(grant)).collect::<Option<Vec<_>>>();
    parsed.map(distinct).ok_or_else(|| InvalidClient::new("grants", ALLOWED_GRANTS))
}

fn parse_scopes(scopes: &[String]) -> Result<Scopes, InvalidClient> {
    Scopes::parse(&distinct(scopes.to_vec()).join(" "))
        .map_err(|invalid| InvalidClient::new("scopes", format!("a list of scopes; {invalid}")))
}

fn parse_uris(field: &'static str, uris: &[String]) -> Result<Vec<RedirectUri>, InvalidClient> {
    let parsed = uris.iter().map(|uri| RedirectUri::parse(uri)).collect::<Result<Vec<_>, _>>();
    parsed
        .map(distinct)
        .map_err(|invalid| InvalidClient::new(field, format!("a list of URIs; each {invalid}")))
}

/// An empty text means none.
fn parse_logout_uri(text: &str) -> Result<Option<LogoutUri>, InvalidClient> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = LogoutUri::parse(text).map(Some);
    parsed.map_err(|invalid| InvalidClient::new("backchannel_logout_uri", invalid.to_string()))
}

fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// The metadata that a client has: each property with its name and its value. Serializes as a map.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentMetadata([(&'static str, Value); 12]);

impl CurrentMetadata {
    /// Reads the metadata of a client.
    pub fn of(client: &Client) -> Self {
        let Client {
            name,
            is_public,
            grants,
            scopes,
            audiences,
            redirect_uris,
            post_logout_redirect_uris,
            backchannel_logout_uri,
            pkce_optional,
            is_first_party,
            access_ttl_s,
            refresh_ttl_s,
            // Not chosen by the operator as metadata.
            id: _,
            is_active: _,
            is_declared: _,
            token_cut_ms: _,
            created_at_ms: _,
            updated_at_ms: _,
        } = client;
        let uris = |uris: &[RedirectUri]| uris.iter().map(RedirectUri::as_str).collect::<Value>();
        Self([
            ("name", json!(name)),
            ("public", json!(is_public)),
            ("grants", grants.iter().map(|grant| grant.as_str()).collect()),
            ("scopes", scopes.iter().collect()),
            ("audiences", json!(audiences)),
            ("redirect_uris", uris(redirect_uris)),
            ("post_logout_redirect_uris", uris(post_logout_redirect_uris)),
            ("backchannel_logout_uri", json!(backchannel_logout_uri.as_ref().map(LogoutUri::as_str))),
            ("pkce_optional", json!(pkce_optional)),
            ("first_party", json!(is_first_party)),
            ("access_ttl", json!(access_ttl_s)),
            ("refresh_ttl", json!(refresh_ttl_s)),
        ])
    }

    /// Each property as the name of its option and its value as text.
    pub fn texts(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let text = |(name, value): &(&'static str, Value)| {
            let is_unset_lifetime = value.is_null() && name.ends_with("_ttl");
            (option_name(name), if is_unset_lifetime { "default".to_owned() } else { text(value) })
        };
        self.0.iter().map(text)
    }

    /// The option names of the properties that differ from those of `other`, separated by spaces; `None` if none does.
    pub(super) fn changed_from(&self, other: &Self) -> Option<String> {
        let pairs = self.0.iter().zip(&other.0);
        let names: Vec<_> =
            pairs.filter(|(now, before)| now != before).map(|((name, _), _)| option_name(name)).collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

impl Serialize for CurrentMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
