-- Removes the expired entries at the beginning of the stream. KEYS: epoch, events, entries. ARGV: epoch, the first
-- stream id to keep.
if get(KEYS[1]) ~= ARGV[1] then return 0 end
if not has_noted_entries(KEYS[2], KEYS[3]) then return 0 end
local trimmed = redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
note_entries(KEYS[2], KEYS[3])
return trimmed
