import { named } from './redis-lua.ts';

/**
 * Gives back what was charged as unknown: ARGV holds epoch, id, and for what Redis has forgotten by now its charge, its
 * accounts and its state; and the words for the log of a hold that had expired, and of one that was settled.
 */
export const refund = named(
  'refund',
  ' flags=allow-oom',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local key = P .. 'h:' .. ARGV[2]
local v = redis.call('HMGET', key, 's', 'c', 'a', 'o')
local nanos, names = tonumber(v[2] or ARGV[3]), v[3] or ARGV[4]
if v[1] and v[4] ~= 'unknown' then return { 'OK', v[1], 0 } end
local was = v[1] or ARGV[5]
for name in string.gmatch(names, '[^\\n]+') do
  local account = P .. 'a:' .. name
  if redis.call('EXISTS', account) == 1 then redis.call('HINCRBY', account, 's', str(-nanos)) end
end
redis.call('HSET', key, 's', was, 'w', '0', 'c', '0', 'a', names, 'n', '', 'r', '', 'o', 'refunded')
redis.call('PEXPIRE', key, DAY)
tell(clock(), was == 'settled' and ARGV[7] or ARGV[6])
return { 'OK', was, 1 }
`,
);

/**
 * Charges what a hold truly cost, once for each adjustment: ARGV holds epoch, id, adjustment, nanos, and for what Redis has
 * forgotten by now its charge and its accounts; and the words for the log.
 */
export const adjust = named(
  'adjust',
  ' flags=allow-oom',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local key = P .. 'h:' .. ARGV[2]
local v = redis.call('HMGET', key, 's', 'c', 'a', 'o')
if v[1] == 'held' or redis.call('HSETNX', key, 'x:' .. ARGV[3], '1') == 0 then return { 'OK', v[1] or '', 0 } end
local nanos, names = tonumber(ARGV[4]), v[3] or ARGV[6]
local more = nanos - tonumber(v[2] or ARGV[5])
for name in string.gmatch(names, '[^\\n]+') do
  local account = P .. 'a:' .. name
  if more ~= 0 and redis.call('EXISTS', account) == 1 then redis.call('HINCRBY', account, 's', str(more)) end
end
local outcome = v[4] or ''
if outcome == '' or outcome == 'unknown' or outcome == 'refunded' then outcome = 'adjusted' end
redis.call('HSET', key, 's', 'settled', 'w', '0', 'c', str(nanos), 'a', names, 'n', '', 'r', '', 'o', outcome)
redis.call('PEXPIRE', key, DAY)
tell(clock(), ARGV[7])
return { 'OK', 'settled', 1 }
`,
);

/** Says something in the ledger that changes no balance. */
export const note = named(
  'note',
  '',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
tell(clock(), ARGV[2])
return { 'OK' }
`,
);
