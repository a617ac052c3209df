-- Locks of budgets of guesses. A lock is a row, so that it survives the store of the counters.
CREATE TABLE login_locks (
    -- A keyed hash of the account or the identifier, and of how the account knows the caller: no row holds a typed name.
    budget BLOB NOT NULL PRIMARY KEY,
    -- Null: the lock of an identifier that nobody has.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- How the account knows the callers who share the budget: not at all, by a device, or by a network.
    callers TEXT NOT NULL,
    -- How many locks there were in a row. Each lasts twice as long as the one before.
    locks BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    -- When the row of locks ends: a day after the lock.
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX login_locks_user_id ON login_locks (user_id);
CREATE INDEX login_locks_expires_at_ms ON login_locks (expires_at_ms);

-- What is counted for an account over all its budgets. An account without a row has the defaults.
CREATE TABLE guess_accounts (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- How often a reset or an operator forgot everything that was counted: counters and locks of an earlier generation
    -- belong to nobody.
    generation BIGINT NOT NULL DEFAULT 0,
    -- The failures with cookies of known devices.
    cookie_failures BIGINT NOT NULL DEFAULT 0,
    -- Cookies that were set before do not count.
    cookies_valid_from_ms BIGINT NOT NULL DEFAULT 0
);
