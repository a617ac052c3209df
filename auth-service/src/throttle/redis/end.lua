-- Ends an attempt in each of these counters.
-- KEYS: the index, then the counters.
-- ARGV: now (milliseconds, the caller's clock), the number of the attempt (8 bytes), then for each counter how it ended
--       ('failed', 'not_judged' or 'succeeded') and its rule.
-- Returns for each counter 1 if this failure filled it, else 0.
local index, now, attempt = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local counters, filled = {}, {}
for i = 2, #KEYS do
  local first = 3 + 4 * (i - 2)
  local ended, rule = ARGV[first], rule_at(first + 1)
  local state = load_state(KEYS[i])
  filled[i - 1] = 0
  -- There is nothing to end in a counter that is gone, but a failure counts in any case.
  if state or ended == 'failed' then
    state = state or new_state()
    if ended == 'failed' then
      if fail(state, rule, attempt, now) then filled[i - 1] = 1 end
    else
      give_back(state, attempt)
      if ended == 'succeeded' then state[1], state[2] = 0, {} end
      forget_ended(state, rule, now)
    end
    counters[#counters + 1] = { key = KEYS[i], state = state }
  end
end
save_all(index, counters, now)
return filled
