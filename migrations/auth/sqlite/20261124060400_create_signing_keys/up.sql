CREATE TABLE signing_keys (
    -- RFC 7638 thumbprint.
    kid TEXT NOT NULL PRIMARY KEY,
    -- next, active, retired
    state TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    -- base64url, as in the key set.
    modulus TEXT NOT NULL,
    exponent TEXT NOT NULL,
    -- PKCS#8, sealed with AES-256-GCM under keys.encryption_key, the kid as associated data.
    private_key BLOB NOT NULL,
    key_id TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    activates_at_ms BIGINT NOT NULL,
    retires_at_ms BIGINT
);
