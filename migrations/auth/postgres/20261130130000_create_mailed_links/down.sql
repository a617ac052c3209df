DROP INDEX users_verified_email;
DELETE FROM meta WHERE name = 'verified_addresses_taken';
ALTER TABLE users DROP COLUMN is_self_registered;
ALTER TABLE users DROP COLUMN pending_email;
DROP TABLE mailed_links;
