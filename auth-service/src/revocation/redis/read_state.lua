-- Returns the state of the list. KEYS: epoch, as_of, events, entries, database, evicted.
-- ARGV: '1' to read memory and eviction figures too.
local memory, stats = '', ''
if ARGV[1] == '1' then
  memory = redis.call('INFO', 'memory')
  stats = redis.call('INFO', 'stats')
end
return {
  string.format('%.0f', now_ms()),
  run_id(),
  get(KEYS[1]) or '',
  get(KEYS[5]) or '',
  last_id(KEYS[3]),
  has_noted_entries(KEYS[3], KEYS[4]) and '1' or '0',
  get(KEYS[2]) or '0',
  string.match(memory, 'used_memory:(%d+)') or '0',
  string.match(memory, 'maxmemory:(%d+)') or '0',
  string.match(memory, 'maxmemory_policy:([%w-]+)') or '',
  string.match(stats, 'evicted_keys:(%d+)') or '0',
  get(KEYS[6]) or '',
}
