//! What a request asks for, and what it may be given.

use shared_claims::scope::Scopes;

/// What a request asks for; what it leaves open is all that it may have.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// What the token shall permit.
    pub scope: Option<Scopes>,
    /// The resources that it shall be for (RFC 8707).
    pub resources: Vec<String>,
}

/// What a token permits, and the resources that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What it permits.
    pub scope: Scopes,
    /// Whom it is for.
    pub audience: Vec<String>,
}

/// More was asked for than may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// A scope.
    Scope,
    /// A resource.
    Resource,
}

impl Ask {
    /// What is given of `most`.
    pub fn of(&self, most: Given) -> Result<Given, TooMuch> {
        let scope = match &self.scope {
            None => most.scope,
            Some(asked) if asked.is_subset(&most.scope) => asked.clone(),
            Some(_) => return Err(TooMuch::Scope),
        };
        if !self.resources.iter().all(|resource| most.audience.contains(resource)) {
            return Err(TooMuch::Resource);
        }
        let mut audience = most.audience;
        if !self.resources.is_empty() {
            audience.retain(|resource| self.resources.contains(resource));
        }
        Ok(Given { scope, audience })
    }
}

impl Given {
    /// What of this is also in `other`.
    pub(super) fn within(&self, other: &Self) -> Self {
        let audience = self.audience.iter().filter(|resource| other.audience.contains(resource));
        Self { scope: self.scope.intersection(&other.scope), audience: audience.cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(scope: &str, audience: &[&str]) -> Given {
        let audience = audience.iter().map(|&resource| resource.to_owned()).collect();
        Given { scope: Scopes::parse(scope).unwrap(), audience }
    }

    #[test]
    fn an_ask_narrows_and_never_widens() {
        let most = || given("a b c", &["x", "y"]);
        let ask = |scope: Option<&str>, resources: &[&str]| Ask {
            scope: scope.map(|scope| Scopes::parse(scope).unwrap()),
            resources: resources.iter().map(|&resource| resource.to_owned()).collect(),
        };
        assert_eq!(ask(None, &[]).of(most()), Ok(most()));
        assert_eq!(ask(Some("c a"), &["y", "y"]).of(most()), Ok(given("c a", &["y"])));
        assert_eq!(ask(None, &["y", "x"]).of(most()), Ok(most()));
        assert_eq!(ask(Some("a d"), &[]).of(most()), Err(TooMuch::Scope));
        assert_eq!(ask(None, &["x", "z"]).of(most()), Err(TooMuch::Resource));
        assert_eq!(ask(None, &["X"]).of(most()), Err(TooMuch::Resource));
        assert_eq!(given("a d", &["y", "z"]).within(&most()), given("a", &["y"]));
    }
}
