import { verb } from './redis-lua.ts';

/* The verbs of operators and of time, and those of Idempotency-Keys. */

const FREELY = ' flags=allow-oom';

/**
 * ARGV: a JSON of `selection`, `most` entries of it at a time, `from`, and a token for this purge. Entries, bytes and
 * whether there are more; at the end everybody is told. What is being written of it meanwhile is not filed.
 */
export const PURGE = verb(
  'purge',
  FREELY,
  `
local f = cjson.decode(ARGV[2])
local only = f.selection
note_purge(f.token, only)
last(key('sums'), MARGIN)
last(P .. 'id', MARGIN)
local removed, entries, bytes = {}, 0, 0
local function take(name)
  local e = remove(name, '', removed)
  if e then entries, bytes = entries + 1, bytes + e.b end
end
if only.name then
  local packed = redis.call('HGET', key('entries'), only.name)
  local e = packed and cmsgpack.unpack(packed)
  if e and (only.scope or e.s) == e.s and (only.model or e.m) == e.m and (not only.before or e.c < only.before) then
    take(only.name)
  end
else
  local fields = redis.call('HGETALL', key('groups'))
  for i = 1, #fields, 2 do
    local g = string.sub(fields[i], 3)
    local of = string.sub(fields[i], 1, 2) == 'n:' and cjson.decode(g)
    if of and entries < f.most and (only.scope or of[1]) == of[1] and (only.model or of[2]) == of[2] then
      local k = key('group:' .. g)
      if redis.call('ZCARD', k) ~= tonumber(fields[i + 1]) then
        -- A list of names was evicted: nobody knows any more which they are.
        entries, bytes = sum('n'), sum('b')
        begin_anew()
        note_purge(f.token .. ' again', only)
        break
      end
      local upTo = only.before and '(' .. str(only.before) or '+inf'
      for _, name in ipairs(redis.call('ZRANGEBYSCORE', k, '-inf', upTo, 'LIMIT', 0, f.most - entries)) do take(name) end
    end
  end
end
local more = entries >= f.most and 1 or 0
if more == 0 then
  if only.scope and not only.name and not only.model and not only.before then
    redis.call('UNLINK', P .. 'claims:' .. only.scope, P .. 'claims-end:' .. only.scope, P .. 'tasks:' .. only.scope,
      P .. 'tasks-end:' .. only.scope, P .. 'tasks-retry:' .. only.scope)
  end
  tell(f.from, f.token, { selection = only })
end
return { held(), more, entries, str(bytes), removed }
`,
);

/** Of each group: itself, entries, bytes, hits, and when its oldest was created. */
export const STATS = verb(
  'stats',
  FREELY,
  `
local out = { held() }
if not id or not balanced() then return { '0 0' } end
local groups = redis.call('HGETALL', key('groups'))
for i = 1, #groups, 2 do
  if string.sub(groups[i], 1, 2) == 'n:' then
    local g = string.sub(groups[i], 3)
    out[#out + 1] = g
    out[#out + 1] = groups[i + 1]
    out[#out + 1] = redis.call('HGET', key('groups'), 'b:' .. g) or '0'
    out[#out + 1] = redis.call('HGET', key('groups'), 'h:' .. g) or '0'
    out[#out + 1] = redis.call('ZRANGE', key('group:' .. g), 0, 0, 'WITHSCORES')[2] or '0'
  end
end
return out
`,
  false,
);

/** ARGV: a scope, a model, and how many at most: names and tokens, the newest first. */
export const LIST = verb(
  'list',
  FREELY,
  `
local out = { held() }
if not id or not balanced() then return out end
local group = key('group:' .. cjson.encode({ ARGV[2], ARGV[3] }))
for _, name in ipairs(redis.call('ZREVRANGE', group, 0, tonumber(ARGV[4]) - 1)) do
  local packed = redis.call('HGET', key('entries'), name)
  if packed then
    out[#out + 1] = name
    out[#out + 1] = cmsgpack.unpack(packed).t
  end
end
return out
`,
  false,
);

/** ARGV: the time, and how many at most. */
export const SWEEP = verb(
  'sweep',
  FREELY,
  `
local removed = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  remove(name, 'expired', removed)
end
return { held(), removed }
`,
);

/** ARGV: the time, and how many at most. Digests of objects that nobody holds, with the time by which each was marked. */
export const DEAD = verb(
  'dead',
  FREELY,
  `
local out = {}
local due = redis.call('ZRANGEBYSCORE', P .. 'dead', '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #due, 2 do
  if redis.call('HEXISTS', key('blobs'), due[i]) == 1 then redis.call('ZREM', P .. 'dead', due[i])
  else out[#out + 1] = due[i]; out[#out + 1] = due[i + 1] end
end
return out
`,
);

/** ARGV: as DEAD gave them: those are deleted. One that was marked anew since is left. */
export const BURIED = verb(
  'buried',
  FREELY,
  `
for i = 2, #ARGV, 2 do
  if redis.call('ZSCORE', P .. 'dead', ARGV[i]) == ARGV[i + 1] then redis.call('ZREM', P .. 'dead', ARGV[i]) end
end
return 0
`,
);

/** What was told to all last, in the books of now; '' where nothing is known of it. */
export const TOLD = verb('told', FREELY, `return redis.call('HGET', key('sums'), 'told') or ''`, false);

/** ARGV: tenant, name, pictures, its end, the time, its life, the most of a tenant. What the name stands for, and until when. */
export const CLAIM = verb(
  'claim',
  '',
  `
local names, ends = P .. 'claims:' .. ARGV[2], P .. 'claims-end:' .. ARGV[2]
local over = redis.call('ZRANGEBYSCORE', ends, '-inf', ARGV[6], 'LIMIT', 0, 100)
if #over > 0 then
  redis.call('ZREM', ends, unpack(over))
  redis.call('HDEL', names, unpack(over))
end
local before = redis.call('HGET', names, ARGV[3])
local until_ = redis.call('ZSCORE', ends, ARGV[3])
if before and until_ and tonumber(until_) > tonumber(ARGV[6]) then return { before, until_ } end
if ARGV[4] == '' then return false end
if redis.call('ZCARD', ends) >= tonumber(ARGV[8]) then
  local oldest = redis.call('ZPOPMIN', ends)[1]
  redis.call('HDEL', names, oldest)
end
redis.call('HSET', names, ARGV[3], ARGV[4])
redis.call('ZADD', ends, ARGV[5], ARGV[3])
last(names, tonumber(ARGV[7]))
last(ends, tonumber(ARGV[7]))
return { ARGV[4], ARGV[5] }
`,
  false,
);
