-- How many codes were redeemed for a user in the last minute is asked at each redemption.
CREATE INDEX authorization_codes_user_id_consumed_at_ms ON authorization_codes (user_id, consumed_at_ms);
DROP INDEX authorization_codes_user_id;
