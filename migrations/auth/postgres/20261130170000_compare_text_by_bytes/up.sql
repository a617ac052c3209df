-- Every text column that is unique or looked up is compared by its bytes. With a collation of the operating system, an
-- update of its C library changes the order, and the index then finds rows no more and admits duplicates.
--
-- No row is written anew, but the indexes of these columns are. Until the end, nobody else reads or writes these tables,
-- so they are locked in one step, in one order.
LOCK TABLE users, clients, sessions, refresh_tokens, browser_sessions, authorization_codes, consents, mailed_links, client_secrets,
    revocations, signing_keys, secrets, meta IN ACCESS EXCLUSIVE MODE;

ALTER TABLE users ALTER COLUMN id TYPE TEXT COLLATE "C", ALTER COLUMN username_key TYPE TEXT COLLATE "C",
    ALTER COLUMN username_skeleton TYPE TEXT COLLATE "C";
ALTER TABLE clients ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE sessions ALTER COLUMN id TYPE TEXT COLLATE "C", ALTER COLUMN user_id TYPE TEXT COLLATE "C",
    ALTER COLUMN client_id TYPE TEXT COLLATE "C";
ALTER TABLE refresh_tokens ALTER COLUMN session_id TYPE TEXT COLLATE "C";
ALTER TABLE browser_sessions ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE authorization_codes ALTER COLUMN user_id TYPE TEXT COLLATE "C", ALTER COLUMN client_id TYPE TEXT COLLATE "C";
ALTER TABLE consents ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE mailed_links ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE client_secrets ALTER COLUMN client_id TYPE TEXT COLLATE "C";
ALTER TABLE revocations ALTER COLUMN kind TYPE TEXT COLLATE "C", ALTER COLUMN subject_id TYPE TEXT COLLATE "C";
ALTER TABLE signing_keys ALTER COLUMN kid TYPE TEXT COLLATE "C", ALTER COLUMN state TYPE TEXT COLLATE "C";
ALTER TABLE secrets ALTER COLUMN name TYPE TEXT COLLATE "C";
ALTER TABLE meta ALTER COLUMN name TYPE TEXT COLLATE "C";
