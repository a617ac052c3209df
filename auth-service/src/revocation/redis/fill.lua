-- Fills a new stream beside the standing one. KEYS: the new stream, then one per fact.
-- ARGV: its life in ms should nobody put it in place, then the facts. Answers how many it holds, or -1 where Redis is full.
if is_beyond_bound() then return -1 end
may_exceed_maxmemory(KEYS[1])
put_facts(KEYS[1], 2, 2)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('XLEN', KEYS[1])
