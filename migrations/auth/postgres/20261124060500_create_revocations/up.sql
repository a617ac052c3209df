-- Every revocation, in the order of commits.
CREATE TABLE revocations (
    seq BIGINT NOT NULL PRIMARY KEY,
    -- jti, sid, sub, client, key
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    at_ms BIGINT,
    exp_s BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX revocations_kind_subject_id ON revocations (kind, subject_id);
CREATE INDEX revocations_exp_s ON revocations (exp_s);

-- One row: its lock, held until the commit, makes seq gapless and in the order of commits.
CREATE TABLE revocation_log (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    last_seq BIGINT NOT NULL
);
INSERT INTO revocation_log (id, last_seq) VALUES (1, 0);
