-- Appends facts after their predecessor and, with the last of them, renews the proof that the list is complete. If
-- facts cannot be appended, the proof is not renewed: a proof states that every fact that was committed before its
-- time is in the list.
-- KEYS: epoch, as_of, events, entries, database, then one per fact.
-- ARGV: epoch, run_id, the last stream id that these facts follow, the last stream id after them,
--       the TIME taken before the snapshot ('' = no renewal), the proof's life in ms, the database's id,
--       the number of the last fact, then the facts.
if get(KEYS[1]) ~= ARGV[1] then return 'epoch' end
if run_id() ~= ARGV[2] then return 'run_id' end
if last_id(KEYS[3]) ~= ARGV[3] then return 'predecessor' end
if not has_noted_entries(KEYS[3], KEYS[4]) then return 'entries' end
if delivered(KEYS[5], ARGV[7]) > tonumber(ARGV[8]) then return 'older' end
if #KEYS > 5 and is_beyond_bound() then return 'full' end
may_exceed_maxmemory(KEYS[3])
put_facts(KEYS[3], 6, 9)
redis.call('SET', KEYS[5], ARGV[7] .. ':' .. ARGV[8])
note_entries(KEYS[3], KEYS[4])
set_last_id(KEYS[3], ARGV[4])
if ARGV[5] ~= '' then
  local current = tonumber(get(KEYS[2]) or '')
  if not current or tonumber(ARGV[5]) > current then
    prove(KEYS[1], KEYS[2], ARGV[1], ARGV[5], ARGV[6])
  end
end
return 'ok'
