DROP INDEX revocations_session_id;
ALTER TABLE revocations DROP COLUMN session_id;
