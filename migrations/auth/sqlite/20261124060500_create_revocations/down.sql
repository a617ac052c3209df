DROP TABLE revocation_log;
DROP TABLE revocations;
