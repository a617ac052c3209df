//! The description of a client in a request to create or change it: unparsed and parsed.

use shared_claims::scope::Scopes;

use super::client::{ClientField, GRANTS, InvalidClient};
use super::{Client, GrantType, RedirectUri};

/// The unparsed description; `None` for what is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as the client has them")]
pub struct ClientWords {
    pub name: Option<String>,
    pub is_public: Option<bool>,
    pub grants: Option<Vec<String>>,
    pub scopes: Option<Vec<String>>,
    pub audiences: Option<Vec<String>>,
    pub redirect_uris: Option<Vec<String>>,
    pub post_logout_redirect_uris: Option<Vec<String>>,
    pub pkce_optional: Option<bool>,
    /// `Some(None)` selects the default from the settings.
    pub access_ttl_s: Option<Option<i64>>,
    /// `Some(None)` selects the default from the settings.
    pub refresh_ttl_s: Option<Option<i64>>,
}

impl ClientWords {
    /// Parses every value.
    pub fn parse(self) -> Result<ClientChange, InvalidClient> {
        let words = self;
        Ok(ClientChange {
            grants: words.grants.map(|grants| parse_grants(&grants)).transpose()?,
            scopes: words.scopes.map(|scopes| parse_scopes(&scopes)).transpose()?,
            audiences: words.audiences.map(distinct),
            redirect_uris: parse_uris(words.redirect_uris, ClientField::RedirectUris)?,
            post_logout_redirect_uris: parse_uris(
                words.post_logout_redirect_uris,
                ClientField::PostLogoutRedirectUris,
            )?,
            name: words.name,
            is_public: words.is_public,
            pkce_optional: words.pkce_optional,
            access_ttl_s: words.access_ttl_s,
            refresh_ttl_s: words.refresh_ttl_s,
        })
    }
}

fn parse_grants(grants: &[String]) -> Result<Vec<GrantType>, InvalidClient> {
    let parsed = grants.iter().map(|grant| GrantType::parse(grant)).collect::<Option<Vec<_>>>();
    parsed.map(distinct).ok_or_else(|| InvalidClient::new(ClientField::Grants, GRANTS))
}

fn parse_scopes(scopes: &[String]) -> Result<Scopes, InvalidClient> {
    Scopes::parse(&distinct(scopes.to_vec()).join(" "))
        .map_err(|invalid| InvalidClient::new(ClientField::Scopes, format!("a list of scopes; {invalid}")))
}

fn parse_uris(
    uris: Option<Vec<String>>,
    field: ClientField,
) -> Result<Option<Vec<RedirectUri>>, InvalidClient> {
    let Some(uris) = uris else { return Ok(None) };
    let parsed = uris.iter().map(|uri| RedirectUri::parse(uri)).collect::<Result<Vec<_>, _>>();
    let parsed =
        parsed.map_err(|invalid| InvalidClient::new(field, format!("a list of URIs; each {invalid}")));
    parsed.map(distinct).map(Some)
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

/// The parsed description; `None` for what stays unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as the client has them")]
pub struct ClientChange {
    pub name: Option<String>,
    pub is_public: Option<bool>,
    pub grants: Option<Vec<GrantType>>,
    pub scopes: Option<Scopes>,
    pub audiences: Option<Vec<String>>,
    pub redirect_uris: Option<Vec<RedirectUri>>,
    pub post_logout_redirect_uris: Option<Vec<RedirectUri>>,
    pub pkce_optional: Option<bool>,
    pub access_ttl_s: Option<Option<i64>>,
    pub refresh_ttl_s: Option<Option<i64>>,
}

impl ClientChange {
    /// Applies the change to a client, if the result is valid.
    pub fn apply(&self, client: &Client) -> Result<Client, InvalidClient> {
        let now = client.clone();
        let changed = Client {
            name: self.name.clone().unwrap_or(now.name),
            is_public: self.is_public.unwrap_or(now.is_public),
            grants: self.grants.clone().unwrap_or(now.grants),
            scopes: self.scopes.clone().unwrap_or(now.scopes),
            audiences: self.audiences.clone().unwrap_or(now.audiences),
            redirect_uris: self.redirect_uris.clone().unwrap_or(now.redirect_uris),
            post_logout_redirect_uris: self
                .post_logout_redirect_uris
                .clone()
                .unwrap_or(now.post_logout_redirect_uris),
            pkce_optional: self.pkce_optional.unwrap_or(now.pkce_optional),
            access_ttl_s: self.access_ttl_s.unwrap_or(now.access_ttl_s),
            refresh_ttl_s: self.refresh_ttl_s.unwrap_or(now.refresh_ttl_s),
            ..now
        };
        changed.check()?;
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ClientId;

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn words_are_understood_or_the_field_is_named() {
        let words = ClientWords {
            grants: Some(list(&["password", "refresh_token", "password"])),
            scopes: Some(list(&["todos:read", "openid", "todos:read"])),
            redirect_uris: Some(list(&["https://app.example/cb", "https://app.example/cb"])),
            ..ClientWords::default()
        };
        let change = words.parse().unwrap();
        assert_eq!(change.grants, Some(vec![GrantType::Password, GrantType::RefreshToken]));
        assert_eq!(change.scopes, Scopes::parse("todos:read openid").ok());
        assert_eq!(change.redirect_uris.map(|uris| uris.len()), Some(1));
        assert_eq!(change.audiences, None);
        let cleared = ClientWords { scopes: Some(list(&[])), ..ClientWords::default() }.parse().unwrap();
        assert_eq!(cleared.scopes, Some(Scopes::default()));

        let secret = "hunter2\"";
        for (field, words) in [
            (ClientField::Grants, ClientWords { grants: Some(list(&[secret])), ..ClientWords::default() }),
            (ClientField::Scopes, ClientWords { scopes: Some(list(&[secret])), ..ClientWords::default() }),
            (
                ClientField::RedirectUris,
                ClientWords { redirect_uris: Some(list(&[secret])), ..ClientWords::default() },
            ),
            (
                ClientField::PostLogoutRedirectUris,
                ClientWords { post_logout_redirect_uris: Some(list(&[secret])), ..ClientWords::default() },
            ),
        ] {
            let invalid = words.parse().unwrap_err();
            assert_eq!(invalid.field, field);
            assert!(!invalid.to_string().contains("hunter2"), "{invalid}");
        }
    }

    fn changes() -> impl Strategy<Value = ClientChange> {
        let grants = prop::sample::subsequence(GrantType::ALL.to_vec(), 0..=4);
        let uris = prop::sample::subsequence(
            ["https://a.example/cb", "https://b.example"]
                .map(|uri| RedirectUri::parse(uri).unwrap())
                .to_vec(),
            0..=2,
        );
        let names = prop::sample::select(vec!["", "Billing", "App"]).prop_map(str::to_owned);
        (
            option::of(names),
            option::of(any::<bool>()),
            option::of(grants),
            option::of(prop::collection::vec("[a-z]{0,3}", 0..3)),
            option::of(uris),
            option::of(any::<bool>()),
            option::of(option::of(-1..100_000_i64)),
        )
            .prop_map(
                |(name, is_public, grants, audiences, redirect_uris, pkce_optional, access_ttl_s)| {
                    ClientChange {
                        name,
                        is_public,
                        grants,
                        audiences,
                        redirect_uris,
                        pkce_optional,
                        access_ttl_s,
                        ..ClientChange::default()
                    }
                },
            )
    }

    proptest! {
        /// For any sequence of changes: the result is valid, what was left out is unchanged, and applying the same
        /// change again changes nothing.
        #[test]
        fn a_change_keeps_a_client_sound(changes in prop::collection::vec(changes(), 1..6)) {
            let mut client = Client {
                name: "Billing".to_owned(),
                grants: vec![GrantType::ClientCredentials],
                audiences: vec!["todo-service".to_owned()],
                ..Client::blank(ClientId::parse("billing").unwrap(), 0)
            };
            for change in changes {
                let Ok(changed) = change.apply(&client) else { continue };
                prop_assert_eq!(changed.check(), Ok(()));
                prop_assert_eq!(change.apply(&changed), Ok(changed.clone()));
                prop_assert_eq!(&changed.name, change.name.as_ref().unwrap_or(&client.name));
                prop_assert_eq!(changed.is_public, change.is_public.unwrap_or(client.is_public));
                prop_assert_eq!(&changed.grants, change.grants.as_ref().unwrap_or(&client.grants));
                prop_assert_eq!(changed.access_ttl_s, change.access_ttl_s.unwrap_or(client.access_ttl_s));
                prop_assert_eq!((&changed.id, &changed.scopes), (&client.id, &client.scopes));
                client = changed;
            }
        }
    }
}
