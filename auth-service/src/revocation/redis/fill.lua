-- Adds facts to a new stream next to the current one. KEYS: the new stream, then one per fact.
-- ARGV: the stream's life in ms if it is never put in place, then the facts. Returns the number of facts in the stream,
-- or -1 if Redis is full.
if is_beyond_bound() then return -1 end
may_exceed_maxmemory(KEYS[1])
put_facts(KEYS[1], 2, 2)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('XLEN', KEYS[1])
