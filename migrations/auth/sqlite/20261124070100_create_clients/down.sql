DROP INDEX sessions_client_id;
ALTER TABLE sessions DROP COLUMN audience;
DROP TABLE authorization_codes;
DROP TABLE client_registry;
DROP TABLE client_secrets;
DROP TABLE clients;
