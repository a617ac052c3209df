-- Puts a filled stream in place under a new epoch, if nobody else has mended the list meanwhile.
-- KEYS: epoch, as_of, events, database, the filled stream.
-- ARGV: the bad epoch that was seen ('' = none), run_id, the new epoch, the database's id, the number of facts,
--       the last stream id, the TIME taken before the snapshot, the proof's life in ms.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 'epoch' end
if run_id() ~= ARGV[2] then return 'run_id' end
if redis.call('XLEN', KEYS[5]) ~= tonumber(ARGV[5]) then return 'incomplete' end
set_last_id(KEYS[5], ARGV[6])
redis.call('PERSIST', KEYS[5])
redis.call('RENAME', KEYS[5], KEYS[3])
redis.call('SET', KEYS[4], ARGV[4])
prove(KEYS[1], KEYS[2], ARGV[3], ARGV[7], ARGV[8])
return 'ok'
