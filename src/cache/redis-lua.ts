import { script } from '../redis.ts';
import type { Script } from '../redis.ts';

/** What Redis spends on an entry beside its head and bytes, roughly: its card's frame, its names in six lists. */
export const ENTRY_BYTES = 2048;
/** And on a blob: its key, its count. */
export const BLOB_BYTES = 160;

/** Of so many purges it is known what they were of: more while one entry is written, and it is not kept. */
const PURGES_KEPT = 200;

/*
 * The books of a cache in Redis, each verb one step. All keys begin with KEYS[1] and share its hash tag. Times are unix ms
 * of whoever asks, lives are ms. An entry is there if the books say so, and under no other name than the token they give.
 *
 *   id               names the books of now, whose keys begin with it. Books that do not balance, since Redis evicted a
 *                    part of them, are left to expire: all they spoke of is a miss
 *   entries          name to what is known of an entry: t token, s scope, m model, b what it counts for, w words of it,
 *                    c created, x expires, r its blobs (digest, length, by turns), p whether it is pinned
 *   used             names by the turn of their last use, without those that are pinned: they stay until they expire
 *   expiry           names by their end
 *   hits             name to how often it was given
 *   blobs            digest to how many entries hold it
 *   scope:<scope>    those of a scope among `used`
 *   group:<group>    names by their creation; a group is a scope and a model
 *   groups           n: entries, b: bytes, h: hits of a group
 *   scopes           n: entries, b: bytes, w: words, p: bytes of pinned entries of a scope
 *   sums             n entries, b bytes, w of them words, k blobs, g groups, s scopes, pn pinned entries, pb their bytes,
 *                    turn; purged: a token of the last purge; told: a token of what was last told to all
 *   purges           the last purges, the newest first: t token, b that of the one before, s what was purged
 *   blob:<digest>    bytes in pieces, where Redis keeps them
 *   dead             else: digests of objects that may have to be deleted, by when
 *   news             a channel: which names or which selection the memory of others has to give up
 */
const LIBRARY = `
local P = KEYS[1]
local WORDS, BLOB, MARGIN = ${ENTRY_BYTES}, ${BLOB_BYTES}, 3600000
local id = redis.call('GET', P .. 'id')
-- Never -0, which is no integer to HINCRBY.
local function str(n) return string.format('%.0f', n + 0) end
local function key(name) return P .. (id or '') .. ':' .. name end
local function sum(field) return tonumber(redis.call('HGET', key('sums'), field) or 0) end
local function add(hash, field, n) return redis.call('HINCRBY', key(hash), field, str(n)) end
local function last(k, ms)
  if redis.call('PTTL', k) < ms then redis.call('PEXPIRE', k, str(ms)) end
end
-- The lease under which something is written is still that of who writes it: lease-scripts.ts.
local function stands(fence)
  return not fence or redis.call('HGET', fence.key, 't') == str(fence.token)
end
-- What it holds: bytes, and how many of them are words.
local function held() return str(sum('b')) .. ' ' .. str(sum('w')) end
local function balanced()
  local n = sum('n')
  return redis.call('HLEN', key('entries')) == n and redis.call('ZCARD', key('used')) == n - sum('pn')
    and redis.call('ZCARD', key('expiry')) == n and redis.call('HLEN', key('blobs')) == sum('k')
    and redis.call('HLEN', key('groups')) == 3 * sum('g') and redis.call('HLEN', key('scopes')) == 4 * sum('s')
end
local function begin_anew()
  local purged, told = redis.call('HGET', key('sums'), 'purged'), redis.call('HGET', key('sums'), 'told')
  if id then
    redis.call('UNLINK', key('entries'), key('used'), key('expiry'), key('hits'), key('blobs'), key('groups'),
      key('scopes'), key('sums'), key('purges'))
  end
  id = nil
  local t = redis.call('TIME')
  id = t[1] .. '.' .. t[2]
  redis.call('SET', P .. 'id', id, 'PX', str(MARGIN))
  if purged then redis.call('HSET', key('sums'), 'purged', purged) end
  if told then redis.call('HSET', key('sums'), 'told', told) end
  last(key('sums'), MARGIN)
end
if WRITES and (not id or not balanced()) then begin_anew() end
local function bury(digest)
  if IN_REDIS then redis.call('UNLINK', P .. 'blob:' .. digest)
  else redis.call('ZADD', P .. 'dead', '0', digest); last(P .. 'dead', 30 * 86400000) end
end
local function remove(name, reason, out)
  local packed = redis.call('HGET', key('entries'), name)
  if not packed then return nil end
  local e = cmsgpack.unpack(packed)
  local g = cjson.encode({ e.s, e.m })
  redis.call('HDEL', key('entries'), name)
  redis.call('ZREM', key('used'), name)
  redis.call('ZREM', key('expiry'), name)
  redis.call('ZREM', key('scope:' .. e.s), name)
  redis.call('ZREM', key('group:' .. g), name)
  local hits = tonumber(redis.call('HGET', key('hits'), name) or 0)
  redis.call('HDEL', key('hits'), name)
  add('groups', 'b:' .. g, -e.b)
  add('groups', 'h:' .. g, -hits)
  if add('groups', 'n:' .. g, -1) <= 0 then
    redis.call('HDEL', key('groups'), 'n:' .. g, 'b:' .. g, 'h:' .. g)
    add('sums', 'g', -1)
  end
  add('scopes', 'b:' .. e.s, -e.b)
  add('scopes', 'w:' .. e.s, -e.w)
  if e.p then
    add('scopes', 'p:' .. e.s, -e.b)
    add('sums', 'pn', -1)
    add('sums', 'pb', -e.b)
  end
  if add('scopes', 'n:' .. e.s, -1) <= 0 then
    redis.call('HDEL', key('scopes'), 'n:' .. e.s, 'b:' .. e.s, 'w:' .. e.s, 'p:' .. e.s)
    add('sums', 's', -1)
  end
  add('sums', 'n', -1)
  add('sums', 'w', -e.w)
  local bytes = e.w
  for i = 1, #e.r, 2 do
    if add('blobs', e.r[i], -1) <= 0 then
      redis.call('HDEL', key('blobs'), e.r[i])
      add('sums', 'k', -1)
      bytes = bytes + e.r[i + 1] + BLOB
      bury(e.r[i])
    end
  end
  add('sums', 'b', -bytes)
  out[#out + 1] = name
  out[#out + 1] = e.t
  out[#out + 1] = reason
  return e
end
local function use(name, hits)
  local packed = redis.call('HGET', key('entries'), name)
  if not packed then return nil end
  local e = cmsgpack.unpack(packed)
  if not e.p then
    local turn = str(add('sums', 'turn', 1))
    redis.call('ZADD', key('used'), turn, name)
    redis.call('ZADD', key('scope:' .. e.s), turn, name)
  end
  add('hits', name, hits)
  last(key('hits'), redis.call('PTTL', key('entries')))
  add('groups', 'h:' .. cjson.encode({ e.s, e.m }), hits)
  return e
end
-- Bytes of pinned entries, of all and of a scope, without that of a name.
local function pins(scope, name)
  local packed = name and redis.call('HGET', key('entries'), name)
  local e = packed and cmsgpack.unpack(packed) or {}
  local freed = e.p and e.b or 0
  local of = tonumber(redis.call('HGET', key('scopes'), 'p:' .. scope) or 0)
  return sum('pb') - freed, of - (e.s == scope and freed or 0)
end
-- Once for each token. What is being written meanwhile is compared with it when it is filed.
local function note_purge(token, selection)
  local before = redis.call('HGET', key('sums'), 'purged') or ''
  if before == token then return end
  redis.call('HSET', key('sums'), 'purged', token)
  redis.call('LPUSH', key('purges'), cjson.encode({ t = token, b = before, s = selection }))
  redis.call('LTRIM', key('purges'), 0, ${PURGES_KEPT - 1})
  last(key('purges'), MARGIN)
end
-- Whether a purge since BEGIN said what the books are was of that entry, or may have been: one that is not known any more.
local function purged_since(books, e)
  if string.sub(books, 1, #id + 1) ~= id .. ' ' then return true end
  local since, at = string.sub(books, #id + 2), redis.call('HGET', key('sums'), 'purged') or ''
  if at == since then return false end
  for _, packed in ipairs(redis.call('LRANGE', key('purges'), 0, -1)) do
    local purge = cjson.decode(packed)
    if purge.t ~= at then return true end
    local only = purge.s
    if (only.name or e.name) == e.name and (only.scope or e.scope) == e.scope and (only.model or e.model) == e.model
      and (not only.before or e.createdAt < only.before) then return true end
    at = purge.b
    if at == since then return false end
  end
  return true
end
local function tell(from, token, news)
  redis.call('HSET', key('sums'), 'told', token)
  news.from, news.token = from, token
  redis.call('PUBLISH', P .. 'news', cjson.encode(news))
end
`;

/** Where the bytes are: a blob that nobody holds is removed in the same step, or marked. */
export type BytesPlace = 'redis' | 's3';

/** ARGV[1] is the place of the bytes. A verb that does not write takes books that do not balance for empty ones. */
export function verb(name: string, flags: '' | ' flags=allow-oom', lua: string, writes = true): Script {
  return script(
    `cache_${name}`,
    `#!lua${flags}\nlocal IN_REDIS = ARGV[1] == 'redis'\nlocal WRITES = ${writes}\n${LIBRARY}${lua}`,
  );
}
