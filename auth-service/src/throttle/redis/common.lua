-- Functions that both scripts share. Each script is sent as the constant UNDER_WAY_MS, this file and its own text.
--
-- They do what `AttemptCounter` in src/domain/attempt_counter.rs does; a test compares both. All numbers are whole and below
-- 2^53, so that they are exact here. A counter is a MessagePack array: when a rate is empty again (microseconds), when each
-- failure of a window stops to count (milliseconds), and the numbers and the ends (milliseconds) of the attempts under way.

-- How much longer a counter is kept than it counts, because replicas may have different clocks.
local KEPT_MS = 2000

local function new_state() return { 0, {}, {}, {} } end

-- Reads a counter; nil if there is none. A key that another program has set to something else counts as missing.
local function load_state(key)
  local packed = redis.pcall('GET', key)
  if type(packed) ~= 'string' then return nil end
  local ok, state = pcall(cmsgpack.unpack, packed)
  if not ok or type(state) ~= 'table' or #state ~= 4 or type(state[1]) ~= 'number' then return nil end
  for i = 2, 4 do
    if type(state[i]) ~= 'table' then return nil end
  end
  if #state[3] ~= #state[4] then return nil end
  return state
end

-- The rule in ARGV[i], ARGV[i + 1] and ARGV[i + 2]: its kind ('rate' or 'window'), the limit, and its time in milliseconds.
local function rule_at(i)
  local rule = { is_rate = ARGV[i] == 'rate', limit = tonumber(ARGV[i + 1]), ms = tonumber(ARGV[i + 2]) }
  rule.all_us = rule.ms * 1000
  rule.step_us = math.max(math.floor(rule.all_us / rule.limit), 1)
  return rule
end

-- Drops what has ended. Nothing counts for longer than its rule says, even if the clock was set back: returns whether
-- something did.
local function forget_ended(state, rule, now)
  local ids, ends, is_set_back = {}, {}, false
  local function no_later(at, latest)
    if at <= latest then return at end
    is_set_back = true
    return latest
  end
  for i = 1, #state[4] do
    local ends_at = no_later(state[4][i], now + UNDER_WAY_MS)
    if ends_at > now then
      ids[#ids + 1] = state[3][i]
      ends[#ends + 1] = ends_at
    end
  end
  state[3], state[4] = ids, ends
  if rule.is_rate then
    state[1] = no_later(state[1], (now + rule.ms) * 1000)
  else
    local failures = {}
    for i = 1, #state[2] do
      local ends_at = no_later(state[2][i], now + rule.ms)
      if ends_at > now then failures[#failures + 1] = ends_at end
    end
    state[2] = failures
  end
  return is_set_back
end

local function used_us(state, now) return math.max(state[1] - now * 1000, 0) end

local function rounded_up_ms(us) return math.floor((us + 999) / 1000) end

local function give_back(state, attempt)
  local ids, ends = {}, {}
  for i = 1, #state[3] do
    if state[3][i] ~= attempt then
      ids[#ids + 1] = state[3][i]
      ends[#ends + 1] = state[4][i]
    end
  end
  state[3], state[4] = ids, ends
end

-- Counts a failure. Returns whether it filled the counter.
local function fail(state, rule, attempt, now)
  give_back(state, attempt)
  forget_ended(state, rule, now)
  if rule.is_rate then
    local used = math.min(used_us(state, now) + rule.step_us, rule.all_us)
    state[1] = now * 1000 + used
    return used + rule.step_us > rule.all_us
  end
  local failures = state[2]
  local had = #failures
  if had >= rule.limit then table.remove(failures, 1) end
  failures[#failures + 1] = now + rule.ms
  return had + 1 == rule.limit
end

local function empty_at_ms(state)
  local at = rounded_up_ms(state[1])
  for i = 1, #state[2] do at = math.max(at, state[2][i]) end
  for i = 1, #state[4] do at = math.max(at, state[4][i]) end
  return at
end

local function is_empty(state, now)
  return #state[4] == 0 and #state[2] == 0 and state[1] <= now * 1000
end

local function redis_now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Writes counters and their places in the index, whose scores are the times on Redis's clock at which they expire. The
-- last bytes of a key are the counter's name. `SET` comes first: once a script has deleted something, a full Redis would
-- let it write without a bound.
local function save_all(index, counters, now)
  local time = redis_now_ms()
  for _, counter in ipairs(counters) do
    if not is_empty(counter.state, now) then
      local life = empty_at_ms(counter.state) - now + KEPT_MS
      redis.call('SET', counter.key, cmsgpack.pack(counter.state), 'PX', string.format('%.0f', life))
      redis.call('ZADD', index, string.format('%.0f', time + life), string.sub(counter.key, -16))
    end
  end
  for _, counter in ipairs(counters) do
    if is_empty(counter.state, now) then
      redis.call('DEL', counter.key)
      redis.call('ZREM', index, string.sub(counter.key, -16))
    end
  end
  -- Each step adds at most a few counters to the index, and removes as many that have expired.
  local expired = redis.call('ZRANGE', index, '-inf', string.format('%.0f', time), 'BYSCORE', 'LIMIT', '0', '8')
  if #expired > 0 then redis.call('ZREM', index, unpack(expired)) end
end
