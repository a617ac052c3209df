-- Functions that all scripts share. Each script is sent as the contract's names (FIELD_KIND and so on, see mod.rs), this file
-- and its own text.

-- Returns the `run_id` of `INFO server`, which changes with every start and every failover.
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Reads a string key. A key that another program has set to another type counts as missing, because an error would
-- keep the scripts from repairing the list.
local function get(key)
  if redis.call('TYPE', key).ok ~= 'string' then return false end
  return redis.call('GET', key)
end

local function is_stream(key) return redis.call('TYPE', key).ok == 'stream' end

-- Allows the script to exceed `maxmemory`. Redis lets a script finish once it has written, and counts PERSIST as a
-- write. PERSIST changes nothing here, because a stream in its final place never expires. So the list can be proven,
-- repaired and extended even if Redis is full and refuses other writes. Facts are few and small, but there is a
-- bound: beyond it nothing more is written, the proof expires, and verifiers refuse tokens.
local function may_exceed_maxmemory(stream)
  redis.call('PERSIST', stream)
end

-- Whether that bound is reached: `maxmemory` plus a quarter of it, and at least plus 16 MiB.
local function is_beyond_bound()
  local memory = redis.call('INFO', 'memory')
  local limit = tonumber(string.match(memory, 'maxmemory:(%d+)') or '0')
  if limit == 0 then return false end
  local used = tonumber(string.match(memory, 'used_memory:(%d+)') or '0')
  return used > limit + math.max(limit / 4, 16777216)
end

-- Returns the last id that the stream has assigned, even if that entry was removed; '' if there is no stream. A list
-- in its final place always has a stream, even if it is empty: a missing stream was lost.
local function last_id(stream)
  if not is_stream(stream) then return '' end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

-- Whether the stream has the number of entries that was noted after the last change of this service. Another number
-- shows that another program has trimmed the stream or deleted entries.
local function has_noted_entries(stream, entries)
  return is_stream(stream) and redis.call('XLEN', stream) == tonumber(get(entries) or '-1')
end

local function note_entries(stream, entries)
  redis.call('SET', entries, redis.call('XLEN', stream))
end

-- Moves the stream's last id forward without adding an entry. Needed because expired facts are not written.
local function set_last_id(stream, id)
  if last_id(stream) == id then return end
  if redis.call('EXISTS', stream) == 0 then
    redis.call('XGROUP', 'CREATE', stream, 'none', '0', 'MKSTREAM')
    redis.call('XGROUP', 'DESTROY', stream, 'none')
  end
  if id ~= '0-0' then redis.call('XSETID', stream, id) end
end

-- Appends facts to a stream and sets their keys. KEYS[first_key] is the key of the first fact; ARGV[first_arg] is the
-- first of five values for each fact: seq, kind, id, at ('' without a cut), exp (seconds).
local function put_facts(stream, first_key, first_arg)
  local arg = first_arg
  for k = first_key, #KEYS do
    local seq, kind, id, at, exp = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4]
    arg = arg + 5
    if at == '' then
      redis.call('XADD', stream, seq .. '-0', FIELD_KIND, kind, FIELD_ID, id, FIELD_EXP, exp)
      redis.call('SET', KEYS[k], PRESENT, 'EXAT', exp)
    else
      redis.call('XADD', stream, seq .. '-0', FIELD_KIND, kind, FIELD_ID, id, FIELD_AT, at, FIELD_EXP, exp)
      -- If there is a cut already, the later cut and the later expiry are kept.
      local current = tonumber(get(KEYS[k]) or '')
      local cut = at
      if current and current > tonumber(at) then cut = string.format('%.0f', current) end
      local ends = tonumber(exp) * 1000
      local left = redis.call('PTTL', KEYS[k])
      if left > 0 and now_ms() + left > ends then ends = now_ms() + left end
      redis.call('SET', KEYS[k], cut, 'PXAT', string.format('%.0f', ends))
    end
  end
end

-- Whether the first id is that of a state of the same database that an `after-restore` has replaced since: an id is a UUID,
-- or a UUID, a hyphen, and another UUID that is later with each `after-restore`.
local function is_replaced_by(id, other)
  if string.sub(id, 1, 36) ~= string.sub(other, 1, 36) then return false end
  local earlier, later = string.sub(id, 37), string.sub(other, 37)
  if later == '' or string.sub(later, 1, 1) ~= '-' then return false end
  return earlier < later
end

-- The number of the newest fact of this database that was delivered: the text is `<database id>:<number>`. -1 if the key names
-- another database, and more than any number if it names a later state of this one. A text without a number was written before
-- there were numbers.
local function delivered(key, database)
  local text = get(key) or ''
  if text == database then return 0 end
  local id, seq = string.match(text, '^(.*):(%d+)$')
  if not id then return -1 end
  if is_replaced_by(database, id) then return math.huge end
  if id ~= database then return -1 end
  return tonumber(seq)
end

-- Declares the list complete until `taken` + `ttl`, both in milliseconds on Redis's clock.
local function prove(epoch_key, as_of_key, epoch, taken, ttl)
  local ends = string.format('%.0f', tonumber(taken) + tonumber(ttl))
  redis.call('SET', epoch_key, epoch, 'PXAT', ends)
  redis.call('SET', as_of_key, taken, 'PXAT', ends)
end
