ALTER TABLE users ALTER COLUMN id TYPE TEXT COLLATE "default", ALTER COLUMN username_key TYPE TEXT COLLATE "default",
    ALTER COLUMN username_skeleton TYPE TEXT COLLATE "default";
ALTER TABLE clients ALTER COLUMN id TYPE TEXT COLLATE "default";
ALTER TABLE sessions ALTER COLUMN id TYPE TEXT COLLATE "default", ALTER COLUMN user_id TYPE TEXT COLLATE "default",
    ALTER COLUMN client_id TYPE TEXT COLLATE "default";
ALTER TABLE refresh_tokens ALTER COLUMN session_id TYPE TEXT COLLATE "default";
ALTER TABLE browser_sessions ALTER COLUMN user_id TYPE TEXT COLLATE "default";
ALTER TABLE authorization_codes ALTER COLUMN user_id TYPE TEXT COLLATE "default",
    ALTER COLUMN client_id TYPE TEXT COLLATE "default";
ALTER TABLE consents ALTER COLUMN user_id TYPE TEXT COLLATE "default";
ALTER TABLE mailed_links ALTER COLUMN user_id TYPE TEXT COLLATE "default";
ALTER TABLE client_secrets ALTER COLUMN client_id TYPE TEXT COLLATE "default";
ALTER TABLE revocations ALTER COLUMN kind TYPE TEXT COLLATE "default", ALTER COLUMN subject_id TYPE TEXT COLLATE "default";
ALTER TABLE signing_keys ALTER COLUMN kid TYPE TEXT COLLATE "default", ALTER COLUMN state TYPE TEXT COLLATE "default";
ALTER TABLE secrets ALTER COLUMN name TYPE TEXT COLLATE "default";
ALTER TABLE meta ALTER COLUMN name TYPE TEXT COLLATE "default";
