"""OAuth client and resource server libraries of other projects, tested against our issuer."""
