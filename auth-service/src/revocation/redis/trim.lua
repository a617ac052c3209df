-- Forgets the stream's expired head. KEYS: epoch, events. ARGV: epoch, the first stream id that still counts.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
return redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
