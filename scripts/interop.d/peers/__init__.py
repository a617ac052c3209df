"""OAuth client libraries and resource servers of others, against our issuer."""
