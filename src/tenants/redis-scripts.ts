import type { Script } from '../redis.ts';
import { adjust, note, refund, settleForgotten } from './redis-corrections.ts';
import { named } from './redis-lua.ts';

/** Money of all accounts, pictures a minute and pictures in the air, or nothing of them. */
const reserve = named(
  'reserve',
  '',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local ask = cjson.decode(ARGV[2])
local t = clock()
local weight = #ask.holds
for _, hold in ipairs(ask.holds) do
  if redis.call('EXISTS', P .. 'h:' .. hold.id) == 1 then return { 'KNOWN' } end
end
local img, air = P .. 'img:' .. ask.tenant, P .. 'air:' .. ask.tenant
local wait, aloft, backlog = 0, 0, 0
if ask.perMinute >= 0 then
  backlog = drained(img, ask.perMinute, t)
  wait = math.max(0, math.ceil((backlog + (weight - ask.perMinute) * ask.periodMs) / ask.perMinute))
end
if ask.atOnce >= 0 then
  redis.call('ZREMRANGEBYSCORE', air, '-inf', str(t))
  aloft = redis.call('ZCARD', air)
end
local fast = ask.perMinute >= 0 and wait > 0
local many = ask.atOnce >= 0 and aloft + weight > ask.atOnce
if ask.enforce and (fast or many) then return { 'LIMITED', str(t), wait, aloft, str(backlog) } end
local short, balances = false, {}
for i, a in ipairs(ask.accounts) do
  local v = redis.call('HMGET', P .. 'a:' .. a.key, 's', 'h')
  local s, h = tonumber(v[1] or 0), tonumber(v[2] or 0)
  balances[2 * i - 1], balances[2 * i] = str(s), str(h)
  if a.nanos > a.limit - s - h then short = true end
end
if short then return { 'SHORT', str(t), wait, aloft, str(backlog), balances } end
for _, hold in ipairs(ask.holds) do
  admit(hold, ask.tenant, ask.run, t, t)
  if ask.atOnce >= 0 and not many then redis.call('ZADD', air, str(t + hold.lease), hold.id) end
end
if ask.perMinute >= 0 and not fast then
  backlog = backlog + weight * ask.periodMs
  fill(img, ask.perMinute, backlog, t)
end
tell(t, ARGV[3])
return { 'OK', str(t), wait, aloft, str(backlog) }
`,
);

/** Settles or releases: ARGV holds epoch, id, state, nanos, outcome, pictures, tokens, and the words for the log. */
const end = named(
  'end',
  ' flags=allow-oom',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local nanos = tonumber(ARGV[4])
local was, changed = finish(ARGV[2], ARGV[3], nanos, ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]))
if not was then return { 'UNKNOWN' } end
local t = clock()
if changed then tell(t, ARGV[8]) end
return { 'OK', was, changed and 1 or 0, str(t) }
`,
);

/** Takes back what was asked for and never answered: whether it was done, or is done only after this. */
const withdraw = named(
  'withdraw',
  ' flags=allow-oom',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local t = clock()
for _, id in ipairs(cjson.decode(ARGV[2])) do
  local was, changed = finish(id, 'released', 0, 'withdrawn', 0, 0)
  if not was then
    local key = P .. 'h:' .. id
    redis.call('HSET', key, 's', 'withdrawn', 'w', '0', 'c', '0', 'a', '', 'n', '', 'r', '')
    redis.call('PEXPIRE', key, DAY)
  elseif changed then
    tell(t, cjson.encode({ verb = 'release', id = id, outcome = 'withdrawn' }))
  end
end
return { 'OK' }
`,
);

/** Charges what is held past its lease, so many at a time, and lets go of what the ledger has had long enough. */
const sweep = named(
  'sweep',
  ' flags=allow-oom',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local t = clock()
redis.call('ZREMRANGEBYSCORE', P .. 'accounts', '-inf', str(t))
redis.call('XTRIM', P .. 'log', 'MINID', '~', str(t - tonumber(ARGV[3])) .. '-0')
return expire(redis.call('ZRANGEBYSCORE', P .. 'open', '-inf', str(t), 'LIMIT', 0, ARGV[2]), t)
`,
);

/** The same for what a run that is dead has left. */
const bury = named(
  'bury',
  ' flags=allow-oom',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local run = P .. 'run:' .. ARGV[2]
local ids = redis.call('SRANDMEMBER', run, ARGV[3])
local told = expire(ids, clock())
for _, id in ipairs(ids) do redis.call('SREM', run, id) end
return told
`,
);

const spent = named(
  'spent',
  ' flags=no-writes',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local found = {}
for i = 2, #ARGV do
  local v = redis.call('HMGET', P .. 'a:' .. ARGV[i], 's', 'h')
  found[#found + 1], found[#found + 2] = v[1] or '0', v[2] or '0'
end
return { 'OK', found }
`,
);

/** What came after a place in the ledger. */
const follow = named(
  'follow',
  ' flags=no-writes',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
return { 'OK', tonumber(redis.call('GET', P .. 'seq') or 0), redis.call('XRANGE', P .. 'log', '(' .. ARGV[2], '+', 'COUNT', ARGV[3]) }
`,
);

/** How all stands at one place in the ledger: accounts, open holds, and what became of the holds asked for. */
const snapshot = named(
  'snapshot',
  ' flags=allow-oom',
  `
local lost = stranger(ARGV[1])
if lost then return lost end
local accounts, open, ended = {}, {}, {}
if redis.call('EXISTS', P .. 'listed') == 0 then
  for _, key in ipairs(redis.call('KEYS', P .. 'a:*')) do
    list(string.sub(key, #P + 3), math.max(0, redis.call('PEXPIRETIME', key)))
  end
  redis.call('SET', P .. 'listed', '1')
end
for _, name in ipairs(redis.call('ZRANGE', P .. 'accounts', 0, -1)) do
  local v = redis.call('HMGET', P .. 'a:' .. name, 's', 'h')
  if v[1] or v[2] then accounts[#accounts + 1] = { name, v[1] or '0', v[2] or '0' } end
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'open', 0, -1)) do
  local v = redis.call('HMGET', P .. 'h:' .. id, 'j', 't', 'r')
  if v[1] then open[#open + 1] = v end
end
for _, id in ipairs(cjson.decode(ARGV[2])) do
  local v = redis.call('HMGET', P .. 'h:' .. id, 's', 'c', 'o', 'p', 'k')
  if v[1] then ended[#ended + 1] = { id, v[1], v[2], v[3] or '', v[4] or '0', v[5] or '0' } end
end
local last = redis.call('XREVRANGE', P .. 'log', '+', '-', 'COUNT', 1)
return { 'OK', tonumber(redis.call('GET', P .. 'seq') or 0), last[1] and last[1][1] or '0-0', accounts, open, ended }
`,
);

/** Which of these holds are not here, or stand otherwise: ARGV has an id and a state by turns. From 0. */
const unlike = named(
  'unlike',
  ' flags=no-writes',
  `
local found = {}
for i = 1, #ARGV, 2 do
  if redis.call('HGET', P .. 'h:' .. ARGV[i], 's') ~= ARGV[i + 1] then found[#found + 1] = (i - 1) / 2 end
end
return found
`,
);

/**
 * Holds that an instance knows of, and how they stand there: adds those that are missing here, whatever the limits, and
 * takes on what has ended there. Telling it twice, or from several instances, is telling it once.
 */
const assert = named(
  'assert',
  ' flags=allow-oom',
  `
local t = clock()
local added = 0
for _, hold in ipairs(cjson.decode(ARGV[1])) do
  if redis.call('EXISTS', P .. 'h:' .. hold.id) == 0 then
    added = added + 1
    admit(hold, hold.tenant, hold.run, hold.begun, t)
    redis.call('ZADD', P .. 'air:' .. hold.tenant, str(t + hold.lease), hold.id)
    tell(hold.begun, hold.opening)
  end
  if hold.state ~= 'held' then
    local _, changed = finish(hold.id, hold.state, hold.nanos, hold.outcome, hold.pictures, hold.tokens)
    if changed then tell(t, hold.ending) end
  end
end
return added
`,
);

/** Sums that accounts were begun with: of what several instances know the largest counts. */
const found = named(
  'found',
  ' flags=allow-oom',
  `
local raised = 0
for _, a in ipairs(cjson.decode(ARGV[1])) do
  local key = P .. 'a:' .. a[1]
  local more = a[2] - tonumber(redis.call('HGET', key, 'b') or 0)
  if more > 0 then
    raised = raised + 1
    redis.call('HINCRBY', key, 's', str(more))
    redis.call('HSET', key, 'b', str(a[2]))
    list(a[1], a[3] > 0 and math.max(a[3], clock() + KEPT) or 0)
  end
end
if raised > 0 and redis.call('EXISTS', P .. 'epoch') == 1 then tell(clock(), cjson.encode({ verb = 'resync' })) end
return raised
`,
);

/** The epoch, where none is and the accounts were put together under this cut and have not been lost since. */
const begin = named(
  'begin',
  '',
  `
if redis.call('GET', P .. 'cut') ~= ARGV[1] or redis.call('EXISTS', P .. 'epoch') == 1 then return 0 end
redis.call('SET', P .. 'epoch', ARGV[2])
redis.call('DEL', P .. 'building')
return 1
`,
);

/** One request of a tenant: the wait until it fits (0: it was taken), and the backlog. */
const take = named(
  'take',
  '',
  `
local limit, period, t = tonumber(ARGV[2]), tonumber(ARGV[3]), clock()
local key = P .. 'req:' .. ARGV[1]
local backlog = drained(key, limit, t)
local wait = math.max(0, math.ceil((backlog + (1 - limit) * period) / limit))
if wait > 0 then return { wait, str(backlog) } end
fill(key, limit, backlog + period, t)
return { 0, str(backlog + period) }
`,
);

export const SCRIPTS = {
  reserve,
  end,
  withdraw,
  refund,
  adjust,
  settleForgotten,
  note,
  sweep,
  bury,
  spent,
  follow,
  snapshot,
  unlike,
  assert,
  found,
  begin,
  take,
} as const satisfies Record<string, Script>;
