//! Combines the names that two requirements need, at compile time.

use std::marker::PhantomData;

use super::Requirement;

/// The most scopes, or roles, that a tuple may require.
const MAX: usize = 32;

/// The requirements of both types together; each name appears once.
pub(super) struct Union<A, B>(PhantomData<(A, B)>);

impl<A: Requirement, B: Requirement> Union<A, B> {
    pub(super) const SCOPES: &'static Names = &Names::new().and(A::SCOPES).and(B::SCOPES);
    pub(super) const ROLES: &'static Names = &Names::new().and(A::ROLES).and(B::ROLES);
}

pub(super) struct Names {
    names: [&'static str; MAX],
    len: usize,
}

impl Names {
    const fn new() -> Self {
        Self { names: [""; MAX], len: 0 }
    }

    #[expect(clippy::indexing_slicing, reason = "at compile time, where it fails the build")]
    const fn and(mut self, more: &[&'static str]) -> Self {
        let mut at = 0;
        while at < more.len() {
            if !self.has(more[at]) {
                self.names[self.len] = more[at];
                self.len += 1;
            }
            at += 1;
        }
        self
    }

    #[expect(clippy::indexing_slicing, reason = "at compile time, where it fails the build")]
    const fn has(&self, name: &str) -> bool {
        let mut at = 0;
        while at < self.len {
            if is_same(self.names[at].as_bytes(), name.as_bytes()) {
                return true;
            }
            at += 1;
        }
        false
    }

    pub(super) const fn as_slice(&self) -> &[&'static str] {
        self.names.split_at(self.len).0
    }
}

#[expect(clippy::indexing_slicing, reason = "at compile time, where it fails the build")]
const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
