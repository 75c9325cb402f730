import { script } from '../redis.ts';
import type { Script } from '../redis.ts';

/*
 * One record for each thing that is leased, a hash, and what it says:
 *
 *   t  the token: who has it, and higher than that of whoever had it before, whatever became of Redis in between
 *   s  held | stored | unkept | failed | left
 *   u  until when it is held, in ms of Redis's own clock. Who is not heard of until then may be followed by another; as
 *      long as nobody has, being heard of again is enough
 *   w  1 when others wait
 *   e  what it failed with, for those who wait
 *   n  which request of its holder's it was given to: one who asks again, for want of an answer, has it already
 *
 * A record that is gone counts against its holder, who may have been followed by one that has ended since; unless it was
 * heard of so lately that the record of a follower would still be there: then Redis has lost it.
 */

/** How long a record outlives the lease, and its end: for a holder that is slow, and for those who wait and hear late. */
const LAPSED_MS = 60_000;
export const ENDED_MS = 30_000;

/** Microseconds of Redis's clock: https://redis.io/docs/latest/commands/time/ */
const REDIS_TIME = `
local function micros()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end`;

export interface LeaseScripts {
  /**
   * KEYS: record, last token. ARGV: the token waited for (0: none), ms to hold it, whether to take it (1, 0), the ms of
   * Redis's clock after which nobody waits for the reply (0: unknown), and which request this is. Returns what became of it, the clock, the token, and by
   * that: TAKEN, and 1 where its holder had died; HELD, and for how many ms yet; FREE; LATE; the end of who was waited for, and
   * its failure.
   */
  readonly seek: Script;
  /**
   * KEYS: records. ARGV: ms, a token for each, then for each 1 where a record that is gone was lost. Returns for each whether it
   * is still held by it: 1, 0.
   */
  readonly renew: Script;
  /** KEYS: record, channel. ARGV: token, how, failure, and what is published. Returns whether it was its to end: 1, 0. */
  readonly end: Script;
  /** KEYS: record. ARGV: token. Whether others wait for who holds it with that, or hold it themselves: 1, 0. */
  readonly awaited: Script;
}

/** `clock` is Lua that defines `micros()`: Redis's own unless a test moves the time itself. */
export function leaseScripts(clock = REDIS_TIME): LeaseScripts {
  // Not in the form 1e+15.
  const library = `${clock}
local function str(n) return string.format('%.0f', n) end
local function clock() return math.floor(micros() / 1000) end
`;
  const seek = `${library}
local t, waited = clock(), tonumber(ARGV[1])
local notAfter = tonumber(ARGV[4])
if notAfter > 0 and t > notAfter then return { 'LATE', str(t), '0', '' } end
local was = redis.call('HMGET', KEYS[1], 't', 's', 'u', 'w', 'e', 'n')
local token, state = tonumber(was[1] or 0), was[2]
local left = tonumber(was[3] or 0) - t
if state == 'held' and left > 0 then
  if was[6] == ARGV[5] then return { 'TAKEN', str(t), str(token), '0' } end
  redis.call('HSET', KEYS[1], 'w', '1')
  return { 'HELD', str(t), str(token), str(left) }
end
if state and state ~= 'held' and state ~= 'left' and token == waited then
  return { state, str(t), str(token), was[5] or '' }
end
if ARGV[3] ~= '1' then return { 'FREE', str(t), str(token), '' } end
local last = tonumber(redis.call('GET', KEYS[2]) or 0)
local fresh = math.max(last, token, micros()) + 1
redis.call('SET', KEYS[2], str(fresh))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 't', str(fresh), 's', 'held', 'u', str(t + ARGV[2]), 'w', was[4] or '0', 'n', ARGV[5])
redis.call('PEXPIRE', KEYS[1], str(ARGV[2] + ${LAPSED_MS}))
return { 'TAKEN', str(t), str(fresh), state == 'held' and '1' or '0' }
`;
  const renew = `${library}
local t, kept = clock(), {}
for i, key in ipairs(KEYS) do
  local is = redis.call('HMGET', key, 't', 's')
  if not is[1] and ARGV[1 + #KEYS + i] == '1' then
    redis.call('HSET', key, 't', ARGV[i + 1], 's', 'held', 'w', '1')
    is = { ARGV[i + 1], 'held' }
  end
  kept[i] = (is[1] == ARGV[i + 1] and is[2] == 'held') and 1 or 0
  if kept[i] == 1 then
    redis.call('HSET', key, 'u', str(t + ARGV[1]))
    redis.call('PEXPIRE', key, str(ARGV[1] + ${LAPSED_MS}))
  end
end
return kept
`;
  const end = `
local is = redis.call('HMGET', KEYS[1], 't', 's', 'w')
if is[1] ~= ARGV[1] or is[2] ~= 'held' then return 0 end
redis.call('HSET', KEYS[1], 's', ARGV[2], 'u', '0')
if is[3] == '1' and ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'e', ARGV[3]) end
redis.call('PEXPIRE', KEYS[1], '${ENDED_MS}')
if is[3] == '1' then redis.call('PUBLISH', KEYS[2], ARGV[4]) end
return 1
`;
  const awaited = `
local is = redis.call('HMGET', KEYS[1], 't', 'w')
return (is[1] == ARGV[1] and is[2] == '0') and 0 or 1
`;
  return {
    seek: script('lease_seek', `#!lua\n${seek}`),
    renew: script('lease_renew', `#!lua flags=allow-oom\n${renew}`),
    end: script('lease_end', `#!lua flags=allow-oom\n${end}`),
    awaited: script('lease_awaited', `#!lua\n${awaited}`),
  };
}
