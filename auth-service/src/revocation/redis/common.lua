-- Shared by the scripts below; each is sent as common.lua followed by its own text.

-- The process id that `INFO server` gives: it changes with every start and every failover.
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A key that somebody else set to another type is as good as missing: an error would keep us from mending the list.
local function get(key)
  if redis.call('TYPE', key).ok ~= 'string' then return false end
  return redis.call('GET', key)
end

local function is_stream(key) return redis.call('TYPE', key).ok == 'stream' end

-- A script may go beyond `maxmemory` once it has written: then Redis lets it finish. Redis counts as a write what this does,
-- which changes nothing: none of our streams that are in place expires. So the list is proven, mended and extended by facts
-- also when Redis is full, which is when it holds out best that other keys are refused. Facts are few and small, but they
-- have a bound, too: beyond it nothing more is written (and the proof runs out, so that verifiers come to refuse).
local function may_exceed_maxmemory(stream)
  redis.call('PERSIST', stream)
end

-- Whether even that bound is reached: a quarter above `maxmemory`, and at least 16 MiB.
local function is_beyond_bound()
  local memory = redis.call('INFO', 'memory')
  local most = tonumber(string.match(memory, 'maxmemory:(%d+)') or '0')
  if most == 0 then return false end
  local used = tonumber(string.match(memory, 'used_memory:(%d+)') or '0')
  return used > most + math.max(most / 4, 16777216)
end

-- The last id the stream has given out, also when that entry is gone; '' where there is no stream. A list that is in place
-- has one always, also when it is empty: one that is missing was lost.
local function last_id(stream)
  if not is_stream(stream) then return '' end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

-- How many entries the stream holds is noted beside it with every change of ours: another number shows that somebody
-- else trimmed it, or deleted from it.
local function holds_what_was_noted(stream, entries)
  return is_stream(stream) and redis.call('XLEN', stream) == tonumber(get(entries) or '-1')
end

local function note_entries(stream, entries)
  redis.call('SET', entries, redis.call('XLEN', stream))
end

-- Moves the stream's last id forward without an entry: facts that have expired are not written any more.
local function set_last_id(stream, id)
  if last_id(stream) == id then return end
  if redis.call('EXISTS', stream) == 0 then
    redis.call('XGROUP', 'CREATE', stream, 'none', '0', 'MKSTREAM')
    redis.call('XGROUP', 'DESTROY', stream, 'none')
  end
  if id ~= '0-0' then redis.call('XSETID', stream, id) end
end

-- Appends facts to a stream and sets their keys. KEYS[first_key] is the first fact's key;
-- ARGV[first_arg] begins quintuples of seq, kind, id, at ('' without a cut), exp (seconds).
local function put_facts(stream, first_key, first_arg)
  local arg = first_arg
  for k = first_key, #KEYS do
    local seq, kind, id, at, exp = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4]
    arg = arg + 5
    if at == '' then
      redis.call('XADD', stream, seq .. '-0', 'kind', kind, 'id', id, 'exp', exp)
      redis.call('SET', KEYS[k], '1', 'EXAT', exp)
    else
      redis.call('XADD', stream, seq .. '-0', 'kind', kind, 'id', id, 'at', at, 'exp', exp)
      -- Of several cuts the latest counts, and the longest life.
      local standing = tonumber(get(KEYS[k]) or '')
      local cut = at
      if standing and standing > tonumber(at) then cut = string.format('%.0f', standing) end
      local ends = tonumber(exp) * 1000
      local left = redis.call('PTTL', KEYS[k])
      if left > 0 and now_ms() + left > ends then ends = now_ms() + left end
      redis.call('SET', KEYS[k], cut, 'PXAT', string.format('%.0f', ends))
    end
  end
end

-- Lets the list count as whole until `taken` + `ttl`, both milliseconds on Redis's clock.
local function prove(epoch_key, as_of_key, epoch, taken, ttl)
  local ends = string.format('%.0f', tonumber(taken) + tonumber(ttl))
  redis.call('SET', epoch_key, epoch, 'PXAT', ends)
  redis.call('SET', as_of_key, taken, 'PXAT', ends)
end
