import { script } from '../redis.ts';

/*
 * The registry where all instances share it. Under one prefix, whose hash tag keeps it on one node of a cluster:
 *
 *   records     hash: a record's name to its JSON
 *   revisions   sorted set: the same names by the revision that wrote them
 *   revision    the registry's own, which only rises
 *   tokens      hash: the latest revisions to a random word of whoever wrote each. A Redis that lost its last writes comes to
 *               the same numbers again by other words
 *   audit       stream of rows, the last 10,000 or so: every instance has copied them long before they go
 *   changes     channel: told of every change
 */

/** Revisions that are told from others of the same number; who knows only an older one reads everything. */
const TOKENS = 1_000;
const TRAIL = 10_000;

const LIBRARY = `
local records, revisions, counter, tokens, trail = unpack(KEYS)
local function current() return tonumber(redis.call('GET', counter) or 0) end
local function token(revision) return redis.call('HGET', tokens, revision) or '' end
local function strayed(revision, word)
  return tonumber(revision) > 0 and (current() < tonumber(revision) or token(revision) ~= word)
end
local function rise(revision, word)
  redis.call('SET', counter, revision)
  redis.call('HSET', tokens, revision, word)
  redis.call('HDEL', tokens, revision - ${TOKENS})
end
local function put(name, json, revision)
  redis.call('HSET', records, name, json)
  redis.call('ZADD', revisions, revision, name)
end
local function remove(name)
  redis.call('HDEL', records, name)
  redis.call('ZREM', revisions, name)
end
local function seen(name) return tonumber(redis.call('ZSCORE', revisions, name) or 0) end
`;

/**
 * All of a change or nothing, in one step: channel, row, the revision and the word that are known, the new word, and what
 * else there is as JSON. -1: a record is not as expected; -2: this Redis is not the one that was read.
 */
export const WRITE = script(
  'registry-write',
  `${LIBRARY}
  local channel, row, revision, word, new = unpack(ARGV)
  local change = cjson.decode(ARGV[6])
  if strayed(revision, word) then return -2 end
  for _, each in ipairs(change.expected) do
    if seen(each[1]) ~= each[2] then return -1 end
  end
  local now = current()
  if #change.records > 0 then
    now = now + 1
    rise(now, new)
  end
  for _, each in ipairs(change.records) do put(each[1], each[2], now) end
  for _, name in ipairs(change.removed) do remove(name) end
  redis.call('XADD', trail, 'MAXLEN', '~', ${TRAIL}, '*', 'row', row)
  redis.call('PUBLISH', channel, now)
  return now
  `,
);

/**
 * The revision, its word, and by twos the revision and the JSON of every record after one; of all records where this is not
 * the Redis that was read.
 */
export const LOAD = script(
  'registry-load',
  `${LIBRARY}
  local since, revision, word = unpack(ARGV)
  local isOther = strayed(revision, word)
  if isOther then since = '0' end
  local now = current()
  local told = { now, token(now), isOther and 1 or 0 }
  local names = redis.call('ZRANGEBYSCORE', revisions, '(' .. since, '+inf', 'WITHSCORES')
  for i = 1, #names, 2 do
    told[#told + 1] = tonumber(names[i + 1])
    told[#told + 1] = redis.call('HGET', records, names[i])
  end
  return told
  `,
);

/**
 * Puts back what was lost, under a revision above all that is known anywhere: channel, new word, the revision that is known,
 * and what there is as JSON. 0: a record is not as it was seen.
 */
export const PUT_BACK = script(
  'registry-put-back',
  `${LIBRARY}
  local channel, new, known = unpack(ARGV)
  local lost = cjson.decode(ARGV[4])
  for _, each in ipairs(lost.records) do
    if seen(each[1]) ~= each[3] then return 0 end
  end
  for _, each in ipairs(lost.removed) do
    if seen(each[1]) ~= each[2] then return 0 end
  end
  local now = math.max(current(), tonumber(known)) + 1
  rise(now, new)
  for _, each in ipairs(lost.records) do put(each[1], each[2], now) end
  for _, each in ipairs(lost.removed) do remove(each[1]) end
  redis.call('PUBLISH', channel, now)
  return now
  `,
);
