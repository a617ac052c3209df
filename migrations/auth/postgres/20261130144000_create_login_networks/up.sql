-- The networks from which each account logged in lately. A caller from one of them is no stranger to the account.
CREATE TABLE login_networks (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A keyed hash of an IPv4 address, or of the first 64 bits of an IPv6 address: no row holds an address.
    network BYTEA NOT NULL,
    -- Of the user at the login: a change of the password makes the account's networks unknown.
    credentials_version BIGINT NOT NULL,
    -- Written once a day at most.
    last_login_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, network)
);
CREATE INDEX login_networks_network ON login_networks (network, last_login_at_ms);
CREATE INDEX login_networks_last_login_at_ms ON login_networks (last_login_at_ms);
