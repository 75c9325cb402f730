import { script } from '../redis.ts';
import { verb } from './redis-lua.ts';

const FREELY = ' flags=allow-oom';

/** ARGV: name. Its token, if it is there; it is young again. If Redis evicted bytes of it, it goes. */
export const USE = verb(
  'use',
  FREELY,
  `
local e, removed = use(ARGV[2], 1), {}
if e and IN_REDIS then
  for i = 1, #e.r, 2 do
    if redis.call('EXISTS', P .. 'blob:' .. e.r[i]) == 0 then
      remove(ARGV[2], 'room', removed)
      e = nil
      break
    end
  end
end
return { held(), e and e.t or '', removed }
`,
);

/** ARGV: names and how often they were used, by turns, from the one whose last use is longest ago. */
export const TOUCH = verb(
  'touch',
  FREELY,
  `
for i = 2, #ARGV, 2 do use(ARGV[i], tonumber(ARGV[i + 1])) end
return { held() }
`,
);

/**
 * ARGV: the life of a draft, the time; then of each blob its digest and in how many pieces it lies. Says what the books
 * are, for FILE, and of each blob whether it need not be written.
 */
export const BEGIN = verb(
  'begin',
  '',
  `
local out = { id .. ' ' .. (redis.call('HGET', key('sums'), 'purged') or '') }
local life, now = tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 4, #ARGV, 2 do
  local k = P .. 'blob:' .. ARGV[i]
  local there = false
  if IN_REDIS then
    local kind = redis.call('TYPE', k).ok
    if kind ~= 'hash' and kind ~= 'none' then redis.call('UNLINK', k) end
    there = redis.call('HLEN', k) == tonumber(ARGV[i + 1])
    if there then last(k, life) end
  else
    there = redis.call('HEXISTS', key('blobs'), ARGV[i]) == 1
    if not there then
      redis.call('ZADD', P .. 'dead', str(now + life), ARGV[i])
      last(P .. 'dead', 30 * 86400000)
    end
  end
  out[#out + 1] = there and 1 or 0
end
return out
`,
);

/**
 * ARGV: a JSON of what is to be filed, beside `books` as BEGIN gave them. Makes room for it and files it, in the place of
 * what had its name. KEPT, with what had to go; MORE has to go, and is to be asked again; TORN: its blobs are not whole; STALE: its fence does not stand;
 * FULL: what is pinned leaves no room for it; PURGED: a purge since BEGIN was of it.
 */
export const FILE = verb(
  'file',
  '',
  `
local f = cjson.decode(ARGV[2])
if not stands(f.fence) then return { 'STALE', held() } end
if purged_since(f.books, f) then return { 'PURGED', held() } end
if IN_REDIS then
  for _, blob in ipairs(f.blobs) do
    local k, length = P .. 'blob:' .. blob.digest, 0
    for i = 0, blob.pieces - 1 do length = length + redis.call('HSTRLEN', k, str(i)) end
    if length ~= blob.length or redis.call('HLEN', k) ~= blob.pieces then return { 'TORN', held() } end
  end
end
local removed = {}
local words = WORDS + f.words
local bytes = words
for _, blob in ipairs(f.blobs) do bytes = bytes + blob.length + BLOB end
local pinned, pinnedOfScope = pins(f.scope, f.name)
if pinned + bytes > (f.pinned and f.pinBytes or f.maxBytes)
  or pinnedOfScope + bytes > (f.pinned and f.scopePinBytes or f.scopeBytes) then
  return { 'FULL', held() }
end
for _, blob in ipairs(f.blobs) do
  -- Held from here on, so that what goes does not take it along.
  if add('blobs', blob.digest, 1) == 1 then
    add('sums', 'k', 1)
    add('sums', 'b', blob.length + BLOB)
  end
end
local before = remove(f.name, '', removed)
local function passes(hash, suffix, own, mostBytes, mostWords)
  return tonumber(redis.call('HGET', key(hash), 'b' .. suffix) or 0) + own > mostBytes
    or tonumber(redis.call('HGET', key(hash), 'w' .. suffix) or 0) + words > mostWords
end
local full = true
while #removed < 3 * f.most do
  local list, reason
  if passes('scopes', ':' .. f.scope, bytes, f.scopeBytes, f.scopeWords) then list, reason = 'scope:' .. f.scope, f.share
  -- Its own blobs are counted already, whether another entry had them or not.
  elseif passes('sums', '', words, f.maxBytes, f.maxWords) then list, reason = 'used', 'room' end
  local oldest = list and redis.call('ZRANGE', key(list), 0, 0)[1]
  full = oldest and remove(oldest, reason, removed) and true or false
  if not full then break end
end
if full then
  for _, blob in ipairs(f.blobs) do
    if add('blobs', blob.digest, -1) <= 0 then
      redis.call('HDEL', key('blobs'), blob.digest)
      add('sums', 'k', -1)
      add('sums', 'b', -blob.length - BLOB)
    end
  end
  return { 'MORE', held(), removed }
end
for _, blob in ipairs(f.blobs) do
  if IN_REDIS then last(P .. 'blob:' .. blob.digest, f.life + MARGIN) else redis.call('ZREM', P .. 'dead', blob.digest) end
end
local refs = {}
for i, blob in ipairs(f.blobs) do refs[2 * i - 1], refs[2 * i] = blob.digest, blob.length end
local g = cjson.encode({ f.scope, f.model })
redis.call('HSET', key('entries'), f.name, cmsgpack.pack({
  t = f.token, s = f.scope, m = f.model, b = bytes, w = words, c = f.createdAt, x = f.expiresAt, r = refs,
  p = f.pinned }))
if f.pinned then
  add('sums', 'pn', 1)
  add('sums', 'pb', bytes)
else
  local turn = str(add('sums', 'turn', 1))
  redis.call('ZADD', key('used'), turn, f.name)
  redis.call('ZADD', key('scope:' .. f.scope), turn, f.name)
end
redis.call('ZADD', key('expiry'), str(f.expiresAt), f.name)
redis.call('ZADD', key('group:' .. g), str(f.createdAt), f.name)
add('sums', 'n', 1)
add('sums', 'b', words)
add('sums', 'w', words)
if add('groups', 'n:' .. g, 1) == 1 then add('sums', 'g', 1) end
add('groups', 'b:' .. g, bytes)
add('groups', 'h:' .. g, 0)
if add('scopes', 'n:' .. f.scope, 1) == 1 then add('sums', 's', 1) end
add('scopes', 'b:' .. f.scope, bytes)
add('scopes', 'w:' .. f.scope, words)
add('scopes', 'p:' .. f.scope, f.pinned and bytes or 0)
for _, name in ipairs({ 'entries', 'used', 'expiry', 'hits', 'blobs', 'groups', 'scopes', 'sums',
    'scope:' .. f.scope, 'group:' .. g }) do
  last(key(name), f.life + MARGIN)
end
last(P .. 'id', f.life + MARGIN)
if before then tell(f.from, f.token, { names = { f.name } }) end
return { 'KEPT', held(), removed }
`,
);

/** ARGV: scope. Bytes of pinned entries, of all and of that scope. */
export const PINS = verb(
  'pins',
  FREELY,
  `
local all, scope = pins(ARGV[2])
return { held(), str(all), str(scope) }
`,
  false,
);

/** ARGV: name, and perhaps a fence as JSON, without which nothing is removed. */
export const DROP = verb(
  'drop',
  FREELY,
  `
local removed = {}
if not ARGV[3] or stands(cjson.decode(ARGV[3])) then remove(ARGV[2], '', removed) end
return { held(), removed }
`,
);

/** KEYS: the blob. ARGV: which piece, its bytes, and the life of a draft: what nobody files goes by itself. */
export const PIECE = script(
  'cache_piece',
  `#!lua
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 0
`,
);
