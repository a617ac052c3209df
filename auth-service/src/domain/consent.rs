//! What a user allowed a client.

use shared_claims::scope::Scopes;

/// The consent of a user for a client, remembered until the user disconnects the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// The scopes that were allowed.
    pub scope: Scopes,
    /// The resources that were allowed.
    pub audience: Vec<String>,
}

impl Consent {
    /// Whether everything of `other` was allowed.
    pub fn covers(&self, other: &Self) -> bool {
        other.scope.is_subset(&self.scope) && other.audience.iter().all(|one| self.audience.contains(one))
    }

    /// This consent together with a further one.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let words = self.scope.iter().chain(other.scope.iter()).collect::<Vec<_>>().join(" ");
        let mut audience = self.audience.clone();
        audience.extend(other.audience.iter().filter(|one| !self.audience.contains(one)).cloned());
        Self { scope: Scopes::parse(&words).unwrap_or_else(|_| self.scope.clone()), audience }
    }

    /// The scopes of `other` that were not allowed yet. All of them if a resource is new: a scope means more at a further
    /// resource.
    pub fn missing_of(&self, other: &Self) -> Vec<String> {
        let is_new_audience = other.audience.iter().any(|one| !self.audience.contains(one));
        let missing = other.scope.iter().filter(|scope| is_new_audience || !self.scope.contains(scope));
        missing.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(scope: &str, audience: &[&str]) -> Consent {
        let audience = audience.iter().map(|&one| one.to_owned()).collect();
        Consent { scope: Scopes::parse(scope).unwrap(), audience }
    }

    #[test]
    fn only_what_is_new_is_asked_for() {
        let allowed = consent("openid email", &["a"]);
        assert!(allowed.covers(&consent("email openid", &["a"])));
        assert_eq!(allowed.missing_of(&consent("openid profile", &["a"])), ["profile"]);
        assert_eq!(allowed.missing_of(&consent("openid email", &["a", "b"])), ["openid", "email"]);
        let both = allowed.and(&consent("profile email", &["b", "a"]));
        assert_eq!(both, consent("openid email profile", &["a", "b"]));
        assert!(both.covers(&allowed) && !allowed.covers(&both));
    }
}
