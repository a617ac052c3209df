//! Decides what follows in a sign-in for a client: a page, an error for the client, or a code.
//!
//! The decision is made anew at each step, from the request, the client and the person's session as they are now. Nothing
//! of an earlier decision is trusted.

use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::authorization_request::{AuthorizationError, AuthorizationRequest};
use super::{Client, Consent};

/// How long a sign-in counts as one that was made for this request, or for a change of the account, in milliseconds.
pub const STEP_UP_MS: i64 = 600_000;

/// The person who is signed in in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The user.
    pub user_id: Uuid,
    /// When the user signed in, in milliseconds.
    pub signed_in_at_ms: i64,
}

/// How the decision was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By an address that was opened, which may have been prepared by somebody else.
    Opened,
    /// By the post of this request's own form.
    Posted,
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct SignInState<'a> {
    /// The request.
    pub request: &'a AuthorizationRequest,
    /// The redirect URI of the request.
    pub redirect_uri: &'a str,
    /// The client, as it is now.
    pub client: &'a Client,
    /// When the request began, in milliseconds.
    pub began_at_ms: i64,
    /// Who is signed in.
    pub signed_in: Option<SignedIn>,
    /// The user for whom the answer must be, if the request names one.
    pub expected_user: Option<Uuid>,
    /// What the signed-in user has allowed the client before.
    pub remembered: Option<&'a Consent>,
    /// What the signed-in user has allowed by the form that was just posted.
    pub allowed_now: Option<&'a Consent>,
    /// The account that the posted form named, if it is the one that is signed in: it was chosen by the person.
    pub has_chosen: bool,
    /// Whether the user signed in by the form that was just posted.
    pub has_just_signed_in: bool,
    /// How the decision was asked for.
    pub arrival: Arrival,
    /// The time.
    pub now_ms: i64,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// The sign-in form.
    SignIn,
    /// The sign-in form for the user who is signed in already.
    ConfirmIdentity,
    /// The choice of an account. "Continue as" is offered only if the request allows the account that is signed in.
    ChooseAccount {
        /// Whether the account that is signed in may be chosen.
        may_continue: bool,
    },
    /// The consent page.
    Consent {
        /// The scopes to show: those that were not allowed yet.
        scopes: Vec<String>,
    },
    /// The page that asks before a native application continues.
    Continue,
    /// An error for the client.
    Refuse(AuthorizationError),
    /// A code for the client.
    Grant,
}

impl SignInState<'_> {
    /// The consent that the request needs.
    pub fn needed_consent(&self) -> Consent {
        let grant = &self.request.grant;
        Consent { scope: grant.scope_to_allow(), audience: grant.audience.clone() }
    }

    /// Decides what follows.
    pub fn next(&self) -> SignInStep {
        let prompt = self.request.prompt;
        let page_or = |page: SignInStep, error: AuthorizationError| {
            if prompt.none { SignInStep::Refuse(error) } else { page }
        };
        let Some(signed_in) = self.signed_in else {
            return page_or(SignInStep::SignIn, AuthorizationError::LoginRequired);
        };
        if self.expected_user.is_some_and(|expected| expected != signed_in.user_id) {
            // Somebody else signed in for this request: the client must not get a code of another user.
            if self.has_signed_in_for_this(signed_in) {
                return SignInStep::Refuse(AuthorizationError::LoginRequired);
            }
            return page_or(
                SignInStep::ChooseAccount { may_continue: false },
                AuthorizationError::LoginRequired,
            );
        }
        if !self.is_recent_enough(signed_in) {
            return page_or(SignInStep::ConfirmIdentity, AuthorizationError::LoginRequired);
        }
        if prompt.select_account && !self.has_chosen && !self.has_signed_in_for_this(signed_in) {
            return SignInStep::ChooseAccount { may_continue: true };
        }
        if let Some(scopes) = self.scopes_to_ask_for() {
            return page_or(SignInStep::Consent { scopes }, AuthorizationError::ConsentRequired);
        }
        if self.arrival == Arrival::Opened && self.client.is_native_at(self.redirect_uri) {
            return page_or(SignInStep::Continue, AuthorizationError::InteractionRequired);
        }
        SignInStep::Grant
    }

    /// Whether the user signed in after the request began, and not long ago.
    fn has_signed_in_for_this(&self, signed_in: SignedIn) -> bool {
        // The clocks of two replicas differ, so the times alone do not tell that the sign-in came after the beginning.
        let is_later = self.has_just_signed_in || signed_in.signed_in_at_ms > self.began_at_ms;
        is_later && self.now_ms <= signed_in.signed_in_at_ms.saturating_add(STEP_UP_MS)
    }

    /// Whether the sign-in satisfies `prompt=login` and `max_age`. Ages are compared in whole seconds, as `auth_time` has
    /// them.
    fn is_recent_enough(&self, signed_in: SignedIn) -> bool {
        if self.has_signed_in_for_this(signed_in) {
            return true;
        }
        let age_s = self.now_ms.div_euclid(1000).saturating_sub(signed_in.signed_in_at_ms.div_euclid(1000));
        let is_young = self.request.max_age_s.is_none_or(|most| most > 0 && age_s <= most);
        !self.request.prompt.login && is_young
    }

    /// The scopes that the user has to be asked for; `None` if there is nothing to ask.
    fn scopes_to_ask_for(&self) -> Option<Vec<String>> {
        if self.client.is_first_party {
            return None;
        }
        let needed = self.needed_consent();
        if self.allowed_now.is_some_and(|allowed| allowed.covers(&needed)) {
            return None;
        }
        if self.request.prompt.consent {
            return Some(needed.scope.iter().map(str::to_owned).collect());
        }
        let nothing = Consent { scope: Scopes::default(), audience: Vec::new() };
        let known = self.remembered.unwrap_or(&nothing);
        let known = self.allowed_now.map_or_else(|| known.clone(), |allowed| known.and(allowed));
        (!known.covers(&needed)).then(|| known.missing_of(&needed))
    }
}
