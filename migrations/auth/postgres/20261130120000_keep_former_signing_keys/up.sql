-- The public parts of signing keys that have left the key set. They verify nothing but `id_token_hint`s.
CREATE TABLE former_signing_keys (
    kid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    modulus TEXT NOT NULL,
    exponent TEXT NOT NULL,
    left_at_ms BIGINT NOT NULL
);
