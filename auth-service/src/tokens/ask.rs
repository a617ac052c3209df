//! What a request asks for, and what it is granted.

use shared_claims::scope::Scopes;

/// The scope and resources that a request asks for. A part that is missing means everything that is allowed.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The requested scope.
    pub scope: Option<Scopes>,
    /// The requested resources (RFC 8707).
    pub resources: Vec<String>,
}

/// The scope and audience of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The scope.
    pub scope: Scopes,
    /// The audience.
    pub audience: Vec<String>,
}

/// The request asks for more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// A scope is not allowed.
    Scope,
    /// A resource is not allowed.
    Resource,
}

impl Ask {
    /// Narrows `most` to what the request asks for.
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
    /// The intersection with `other`.
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
