import { script } from '../redis.ts';
import type { Script } from '../redis.ts';

/*
 * The verbs of the port, each one step of Redis. All keys begin with KEYS[1] and share its hash tag, so they are in one
 * slot. Amounts are nano-dollars: doubles are exact up to 2^53, and HINCRBY is beyond. Times are Redis's own, in ms.
 *
 *   epoch            what this Redis's accounts are worth anything by: gone with them, and set only when they are whole
 *   building, cut    while there is none: who puts the accounts together, and under what name. What was begun before
 *                    the cut (ms) is told as a sum for each account, what came later hold by hold
 *   seq, log         the ledger: every accepted change, numbered without a gap
 *   a:<account>      s spent, h held, b the sum it was begun with
 *   accounts         the names of all of them, by when each may be forgotten (ms): to look for them among all keys would
 *                    keep everybody waiting, as there is a key for each picture of a day
 *   listed           whether those from before there was that list are in it
 *   h:<hold>         s state, w worst, c charged, o outcome, p pictures, k tokens, a accounts, n tenant, r run, t begun,
 *                    j its words while it is open. Kept for a day after its end
 *   open, run:<run>  ids of open holds: by the end of their lease, and by the run of a process that has them
 *   img:, air:, req: of a tenant: pictures a minute, pictures in the air by the end of their lease, requests a minute
 */
const LIBRARY = `
local P = KEYS[1]
local DAY = 86400000
-- The least that an account is kept, whatever an instance's clock says of its period.
local KEPT = 40 * DAY
-- Not in the form 1e+15, and never -0, which is no integer to HINCRBY.
local function str(n) return string.format('%.0f', n + 0) end
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function stranger(epoch)
  local is = redis.call('GET', P .. 'epoch')
  if not is then return { 'NOEPOCH' } end
  if is ~= epoch then return { 'EPOCH' } end
end
local function tell(at, op)
  local n = redis.call('INCR', P .. 'seq')
  redis.call('XADD', P .. 'log', 'MAXLEN', '~', '1000000', '*', 'n', n, 'at', str(at), 'op', op)
end
local function drained(key, limit, t)
  local b = redis.call('HMGET', key, 'backlog', 'at')
  if not b[1] then return 0 end
  return math.max(0, tonumber(b[1]) - math.max(0, t - tonumber(b[2])) * limit)
end
local function fill(key, limit, backlog, t)
  redis.call('HSET', key, 'backlog', str(backlog), 'at', str(t))
  redis.call('PEXPIRE', key, str(math.ceil(backlog / limit) + 1000))
end
-- That it is there, and until when (0: for ever).
local function list(name, ends)
  local key = P .. 'a:' .. name
  if ends > 0 then redis.call('PEXPIREAT', key, str(ends)) end
  redis.call('ZADD', P .. 'accounts', ends > 0 and str(ends) or '+inf', name)
end
local function admit(hold, tenant, run, begun, t)
  local names = {}
  for i, a in ipairs(hold.accounts) do
    local key = P .. 'a:' .. a[1]
    names[i] = a[1]
    redis.call('HINCRBY', key, 'h', str(hold.worst))
    -- One that an instance of an older version has begun is in no list yet.
    if redis.call('PTTL', key) < 0 or not redis.call('ZSCORE', P .. 'accounts', a[1]) then
      list(a[1], a[2] > 0 and math.max(a[2], t + KEPT) or 0)
    end
  end
  redis.call('HSET', P .. 'h:' .. hold.id, 's', 'held', 'w', str(hold.worst), 'c', '0', 'a', table.concat(names, '\\n'),
    'n', tenant, 'r', run, 't', str(begun), 'j', hold.json)
  redis.call('ZADD', P .. 'open', str(t + hold.lease), hold.id)
  redis.call('SADD', P .. 'run:' .. run, hold.id)
end
local function finish(id, state, nanos, outcome, pictures, tokens)
  local key = P .. 'h:' .. id
  local v = redis.call('HMGET', key, 's', 'w', 'c', 'a', 'n', 'r')
  local was = v[1]
  if not was then return nil, false end
  if was ~= 'held' and (state ~= 'settled' or was == 'settled' or was == 'withdrawn') then return was, false end
  local spent = nanos - tonumber(v[3])
  for name in string.gmatch(v[4], '[^\\n]+') do
    if was == 'held' then redis.call('HINCRBY', P .. 'a:' .. name, 'h', str(-tonumber(v[2]))) end
    if spent ~= 0 then redis.call('HINCRBY', P .. 'a:' .. name, 's', str(spent)) end
  end
  redis.call('HSET', key, 's', state, 'c', str(nanos), 'o', outcome, 'p', str(pictures), 'k', str(tokens))
  redis.call('HDEL', key, 'j')
  redis.call('PEXPIRE', key, DAY)
  redis.call('ZREM', P .. 'open', id)
  redis.call('ZREM', P .. 'air:' .. v[5], id)
  redis.call('SREM', P .. 'run:' .. v[6], id)
  return was, true
end
local function expire(ids, t)
  local sum, gone = 0, {}
  for _, id in ipairs(ids) do
    local worst = redis.call('HGET', P .. 'h:' .. id, 'w')
    local _, changed = finish(id, 'expired', tonumber(worst or 0), 'unknown', 0, 0)
    if changed then
      gone[#gone + 1] = id
      sum = sum + tonumber(worst)
    else
      redis.call('ZREM', P .. 'open', id)
    end
  end
  if #gone > 0 then tell(t, cjson.encode({ verb = 'expire', ids = gone })) end
  return { 'OK', #gone, str(sum), #ids }
end
`;

/** Without flags a script is refused before it begins where memory is full; what is spent must be written even then. */
export const named = (name: string, flags: '' | ' flags=allow-oom' | ' flags=no-writes', body: string): Script =>
  script(name, `#!lua${flags}${LIBRARY}${body}`);
