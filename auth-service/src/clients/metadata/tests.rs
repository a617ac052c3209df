//! Tests of the metadata of clients.

use clap::Command;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::domain::ClientId;

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn billing() -> Client {
    Client {
        name: "Billing".to_owned(),
        grants: vec![GrantType::ClientCredentials],
        audiences: vec!["todo-service".to_owned()],
        ..Client::blank(ClientId::parse("billing").unwrap(), 0)
    }
}

#[test]
fn the_output_has_the_names_of_the_options() {
    let options = ClientMetadata::augment_args(Command::new("test"));
    let options: Vec<_> = options.get_arguments().filter_map(clap::Arg::get_long).collect();
    let texts = CurrentMetadata::of(&billing());
    let names: Vec<_> = texts.texts().map(|(name, _)| name).collect();
    assert_eq!(names, options);
}

#[test]
fn values_are_parsed_or_the_property_is_named() {
    let metadata = ClientMetadata {
        grants: Some(list(&["password", "refresh_token", "password"])),
        scopes: Some(list(&["todos:read", "openid", "todos:read"])),
        redirect_uris: Some(list(&["https://app.example/cb", "https://app.example/cb"])),
        ..ClientMetadata::default()
    };
    let client = metadata.apply(&billing()).unwrap();
    assert_eq!(client.grants, [GrantType::Password, GrantType::RefreshToken]);
    assert_eq!(Some(&client.scopes), Scopes::parse("todos:read openid").ok().as_ref());
    assert_eq!(client.redirect_uris.len(), 1);
    assert_eq!(client.audiences, ["todo-service"]);
    let cleared = ClientMetadata { scopes: Some(list(&[""])), ..ClientMetadata::default() }.without_blanks();
    assert_eq!(cleared.apply(&client).unwrap().scopes, Scopes::default());
    let changed = CurrentMetadata::of(&client).changed_from(&CurrentMetadata::of(&billing()));
    assert_eq!(changed.as_deref(), Some("grants scopes redirect-uris"));

    let secret = "hunter2\"";
    let none = ClientMetadata::default;
    for (field, metadata) in [
        ("grants", ClientMetadata { grants: Some(list(&[secret])), ..none() }),
        ("scopes", ClientMetadata { scopes: Some(list(&[secret])), ..none() }),
        ("redirect_uris", ClientMetadata { redirect_uris: Some(list(&[secret])), ..none() }),
        (
            "post_logout_redirect_uris",
            ClientMetadata { post_logout_redirect_uris: Some(list(&[secret])), ..none() },
        ),
    ] {
        let invalid = metadata.apply(&billing()).unwrap_err();
        assert_eq!(invalid.field, field);
        assert!(!invalid.to_string().contains("hunter2"), "{invalid}");
    }
}

fn changes() -> impl Strategy<Value = ClientMetadata> {
    let grants = prop::sample::subsequence(GrantType::ALL.map(GrantType::as_str).to_vec(), 0..=4);
    let uris = prop::sample::subsequence(vec!["https://a.example/cb", "https://b.example/"], 0..=2);
    let owned = |items: Vec<&str>| items.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let names = prop::sample::select(vec!["", "Billing", "App"]).prop_map(str::to_owned);
    (
        option::of(names),
        option::of(any::<bool>()),
        option::of(grants.prop_map(owned)),
        option::of(prop::collection::vec("[a-z]{0,3}", 0..3)),
        option::of(uris.prop_map(owned)),
        option::of(any::<bool>()),
        option::of(option::of(-1..100_000_i64).prop_map(Lifetime)),
    )
        .prop_map(|(name, public, grants, audiences, redirect_uris, pkce_optional, access_ttl)| {
            ClientMetadata {
                name,
                public,
                grants,
                audiences,
                redirect_uris,
                pkce_optional,
                access_ttl,
                ..ClientMetadata::default()
            }
        })
}

proptest! {
    /// For any sequence of changes: the result is valid, what was left out is unchanged, and applying the same
    /// change again changes nothing.
    #[test]
    fn a_change_keeps_a_client_valid(changes in prop::collection::vec(changes(), 1..6)) {
        let mut client = billing();
        for change in changes {
            let Ok(changed) = change.apply(&client) else { continue };
            let names = |client: &Client| client.grants.iter().map(|grant| grant.as_str()).collect::<Vec<_>>();
            prop_assert_eq!(changed.check(), Ok(()));
            prop_assert_eq!(change.apply(&changed), Ok(changed.clone()));
            prop_assert_eq!(&changed.name, change.name.as_ref().unwrap_or(&client.name));
            prop_assert_eq!(changed.is_public, change.public.unwrap_or(client.is_public));
            let expected = change.grants.clone().unwrap_or_else(|| list(&names(&client)));
            prop_assert_eq!(names(&changed), expected);
            let Lifetime(access_ttl_s) = change.access_ttl.unwrap_or(Lifetime(client.access_ttl_s));
            prop_assert_eq!(changed.access_ttl_s, access_ttl_s);
            prop_assert_eq!((&changed.id, &changed.scopes), (&client.id, &client.scopes));
            client = changed;
        }
    }
}
