//! Verification of access tokens: key set, signature, claims, revocation.
