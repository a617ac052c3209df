-- Puts a filled stream in place under a new epoch, if no other auth-service has repaired the list in the meantime.
-- KEYS: epoch, as_of, events, entries, database, evicted, the filled stream.
-- ARGV: the bad epoch that was seen ('' = none), run_id, the new epoch, the database's id, the number of facts,
--       the last stream id, the TIME taken before the snapshot, the proof's life in ms,
--       how many keys Redis had evicted when the filling began, the number of the last fact.
if (get(KEYS[1]) or '') ~= ARGV[1] then return 'epoch' end
if run_id() ~= ARGV[2] then return 'run_id' end
if redis.call('XLEN', KEYS[7]) ~= tonumber(ARGV[5]) then return 'incomplete' end
if delivered(KEYS[5], ARGV[4]) > tonumber(ARGV[10]) then return 'older' end
-- From here on the stream does not expire.
may_exceed_maxmemory(KEYS[7])
set_last_id(KEYS[7], ARGV[6])
redis.call('RENAME', KEYS[7], KEYS[3])
redis.call('SET', KEYS[5], ARGV[4] .. ':' .. ARGV[10])
redis.call('SET', KEYS[6], ARGV[9])
note_entries(KEYS[3], KEYS[4])
prove(KEYS[1], KEYS[2], ARGV[3], ARGV[7], ARGV[8])
return 'ok'
