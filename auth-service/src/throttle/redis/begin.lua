-- Counts an attempt in all of these counters, or in none.
-- KEYS: the index, then the counters.
-- ARGV: now (milliseconds, the caller's clock), the number of the attempt (8 bytes), 'under_way' or 'failed', the number of
--       counters from which on no new one is stored, then a rule for each counter.
-- Returns 1, the number of counters in the index, and for each counter whether it has room here (else it is not counted),
-- how many more may begin, and when it is empty again. Or 0, the number, the place of the counter that refuses, whether it
-- is full (2) or attempts under way fill it (1), and until when.
local index, now, attempt = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local fails, room = ARGV[3] == 'failed', tonumber(ARGV[4])
local live = redis.call('ZCARD', index)
local counters, placed, refusal, is_set_back = {}, {}, nil, false

local function refuse(place, kind, until_ms)
  if not refusal or kind > refusal[1] or (kind == refusal[1] and until_ms > refusal[2]) then
    refusal = { kind, until_ms, place }
  end
end

local function judge(place, state, rule)
  if forget_ended(state, rule, now) then is_set_back = true end
  local under_way = #state[4]
  local full_until
  if rule.is_rate then
    local used = used_us(state, now)
    if used + rule.step_us * (under_way + 1) <= rule.all_us then return end
    if used + rule.step_us > rule.all_us then full_until = rounded_up_ms(state[1] + rule.step_us - rule.all_us) end
  else
    local failures = #state[2]
    if failures + under_way < rule.limit then return end
    if failures >= rule.limit then full_until = state[2][1] or now end
  end
  if full_until then return refuse(place, 2, full_until) end
  local first = state[4][1] or now
  for i = 2, under_way do first = math.min(first, state[4][i]) end
  refuse(place, 1, first)
end

local added = 0
for place = 0, #KEYS - 2 do
  local counter = { key = KEYS[place + 2], rule = rule_at(5 + 3 * place), state = load_state(KEYS[place + 2]) }
  local has_room = counter.state or live + added < room
  if has_room then
    if not counter.state then
      added = added + 1
      counter.state = new_state()
    end
    judge(place, counter.state, counter.rule)
    placed[#placed + 1] = counter
  end
  counters[#counters + 1] = counter
end
if refusal then
  -- Otherwise what counts for too long would be shortened again and again, and never end.
  if is_set_back then save_all(index, placed, now) end
  return { 0, live, refusal[3], refusal[1], refusal[2] }
end

local reply = { 1, live }
for _, counter in ipairs(counters) do
  local state, rule = counter.state, counter.rule
  if not state then
    for _ = 1, 3 do reply[#reply + 1] = 0 end
  else
    if fails then
      fail(state, rule, attempt, now)
    else
      state[3][#state[3] + 1] = attempt
      state[4][#state[4] + 1] = now + UNDER_WAY_MS
    end
    local used, empty_at
    if rule.is_rate then
      used = math.floor((used_us(state, now) + rule.step_us - 1) / rule.step_us)
      empty_at = math.max(rounded_up_ms(state[1]), now)
    else
      used = #state[2]
      empty_at = state[2][used] or now
    end
    local left = math.max(rule.limit - used - #state[4], 0)
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = 1, left, empty_at
  end
end
save_all(index, placed, now)
return reply
