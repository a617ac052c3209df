use super::*;

const ADDRESS: &str = "Ada@example.org";

fn user() -> User {
    User {
        id: Uuid::from_u128(1),
        username: "ada".to_owned(),
        email: Some(ADDRESS.to_owned()),
        email_verified: true,
        pending_email: None,
        is_self_registered: true,
        is_active: true,
        roles: Vec::new(),
        token_cut_ms: None,
        created_at_ms: 0,
    }
}

fn link(purpose: LinkPurpose) -> MailedLink {
    MailedLink::new(purpose, Some((Uuid::from_u128(1), 3)), ADDRESS, "ada@example.org".to_owned(), 0)
}

#[test]
fn each_purpose_has_its_time() {
    for (purpose, end_ms) in [
        (LinkPurpose::Reset, 3_600_000),
        (LinkPurpose::Verify, 86_400_000),
        (LinkPurpose::Change, 86_400_000),
        (LinkPurpose::Invitation, 604_800_000),
    ] {
        assert_eq!(link(purpose).expires_at_ms, end_ms);
        assert_eq!(LinkPurpose::parse(purpose.as_str()), Some(purpose));
    }
    let reset = link(LinkPurpose::Reset);
    assert_eq!(reset.state(Some((&user(), 3)), 3_599_999), LinkState::Live);
    assert_eq!(reset.state(Some((&user(), 3)), 3_600_000), LinkState::Over);
}

#[test]
fn a_reset_depends_on_user_credentials_and_verified_address() {
    let reset = link(LinkPurpose::Reset);
    let changed = |change: fn(&mut User), version| {
        let mut user = user();
        change(&mut user);
        reset.state(Some((&user, version)), 1)
    };
    assert_eq!(changed(|_| {}, 3), LinkState::Live);
    assert_eq!(changed(|user| user.email = Some("ADA@EXAMPLE.ORG".to_owned()), 3), LinkState::Live);
    assert_eq!(changed(|_| {}, 4), LinkState::Over);
    assert_eq!(changed(|user| user.is_active = false, 3), LinkState::Over);
    assert_eq!(changed(|user| user.email_verified = false, 3), LinkState::Over);
    assert_eq!(changed(|user| user.email = Some("b@example.org".to_owned()), 3), LinkState::Over);
    assert_eq!(changed(|user| user.id = Uuid::from_u128(2), 3), LinkState::Over);
    assert_eq!(reset.state(None, 1), LinkState::Over, "the user was deleted");
    assert_eq!(MailedLink { ended_at_ms: Some(0), ..reset }.state(Some((&user(), 3)), 1), LinkState::Over);
}

#[test]
fn a_verification_is_of_the_address_that_it_was_sent_to() {
    let unverified = User { email_verified: false, ..user() };
    let verify = link(LinkPurpose::Verify);
    assert_eq!(verify.state(Some((&unverified, 3)), 1), LinkState::Live);
    assert_eq!(verify.state(Some((&user(), 3)), 1), LinkState::Over, "verified already");
    let change = link(LinkPurpose::Change);
    assert_eq!(change.state(Some((&user(), 3)), 1), LinkState::Over, "nothing is pending");
    let pending = |address: &str| User { pending_email: Some(address.to_owned()), ..user() };
    assert_eq!(change.state(Some((&pending("ADA@example.org"), 3)), 1), LinkState::Live);
    assert_eq!(change.state(Some((&pending("c@example.org"), 3)), 1), LinkState::Over);
}

#[test]
fn an_invitation_belongs_to_nobody() {
    let invitation = MailedLink { user_id: None, version: 0, ..link(LinkPurpose::Invitation) };
    assert_eq!(invitation.state(None, 1), LinkState::Live);
    assert_eq!(invitation.state(Some((&user(), 0)), 1), LinkState::Over);
    let used = MailedLink { used: Some(LinkUse { at_ms: 1, version: 0 }), ..invitation };
    assert_eq!(used.state(None, 1), LinkState::Used);
}

#[test]
fn a_used_reset_is_repeated_three_times_within_a_minute() {
    let used = MailedLink { used: Some(LinkUse { at_ms: 1_000, version: 4 }), ..link(LinkPurpose::Reset) };
    assert_eq!(used.state(Some((&user(), 4)), 60_999), LinkState::Replayable);
    assert_eq!(used.state(Some((&user(), 4)), 61_000), LinkState::Used);
    assert_eq!(used.state(Some((&user(), 5)), 2_000), LinkState::Used, "changed again");
    let disabled = User { is_active: false, ..user() };
    assert_eq!(used.state(Some((&disabled, 4)), 2_000), LinkState::Used);
    assert_eq!(MailedLink { replays: 3, ..used.clone() }.state(Some((&user(), 4)), 2_000), LinkState::Used);
    let verified = MailedLink { purpose: LinkPurpose::Verify, ..used };
    assert_eq!(verified.state(Some((&user(), 4)), 2_000), LinkState::Used);
}
