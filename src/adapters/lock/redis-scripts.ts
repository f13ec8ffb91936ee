/**
 * The operations on the lock as Lua scripts, so that each is atomic and judged by the server's clock (TIME).
 *
 * KEYS[1] is the lock: a JSON string with PX expiry, in the form of the Go program so that each honours the other's.
 * KEYS[2] is the record: it never expires and holds the counter, the last holder and until when that one is protected.
 * The record alone says whether an absent lock is free, because a key can be evicted, or deleted by somebody else.
 *
 * Numbers pass through Lua doubles: they are written with `%d` (`cjson.encode` would round them) and stay below 2^53.
 * Hints are sent with `pcall`: a user without rights on the channel loses speed, nothing else.
 */
import { createHash } from 'node:crypto';

/** A script with the digest under which servers cache it. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

const PRELUDE = `
local function decode(text)
  local ok, value = pcall(cjson.decode, text)
  if ok and type(value) == 'table' then return value end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local text = redis.call('GET', KEYS[2])
local record = text and decode(text) or nil
if text and not (record and type(record.epoch) == 'number' and type(record.heldUntil) == 'number') then
  return redis.error_reply('BADRECORD')
end
local counter = record and record.epoch or 0

local lock = redis.call('GET', KEYS[1])
local grant = lock and decode(lock) or nil
local foreign = grant and type(grant.value) == 'string' and grant.value or lock
if not (grant and type(grant.nonce) == 'string' and type(grant.epoch) == 'number') then grant = nil end

local function run()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
end

-- run: on which server it is held; nothing where it is held no more.
local function remember(epoch, nonce, holder, heldUntil, run)
  redis.call('SET', KEYS[2], string.format('{"epoch":%d,"nonce":%s,"holder":%s,"heldUntil":%d,"released":%s,"run":"%s"}',
    epoch, cjson.encode(nonce), cjson.encode(holder), heldUntil, tostring(run == nil), run or ''))
end

-- How many replicas keep up with this server, and whether it refuses writes without them: how far a write is to be confirmed.
local function replication()
  local info = redis.call('INFO', 'replication')
  if string.find(info, 'connected_slaves:0', 1, true) then return '0', '0' end
  local _, online = string.gsub(info, 'slave%d+:[^%c]*state=online', '')
  local guarded = string.find(info, 'min_slaves_good_slaves', 1, true)
  return string.format('%d', online), guarded and '1' or '0'
end

-- A lock that is absent though its time has not passed was lost, not released: protected, and no longer provably ours.
local function held()
  local function reply(holder, nonce, epoch, remaining, amnesia)
    return {'held', holder, nonce, string.format('%d', epoch), string.format('%d', remaining), amnesia and '1' or '0'}
  end
  if grant then return reply(grant.value, grant.nonce, grant.epoch, redis.call('PTTL', KEYS[1]), grant.amnesia) end
  if lock then
    local stranger = reply(foreign, '', counter, redis.call('PTTL', KEYS[1]), false)
    stranger[7] = 'stranger'
    return stranger
  end
  if record and not record.released and now < record.heldUntil then
    return reply(record.holder, '', counter, record.heldUntil - now, false)
  end
end
`;

/**
 * ARGV: nonce, holder, TTL in ms, floor, createdAt, expiresAt, channel, nonce and epoch of who is superseded or nothing. Answers `granted, epoch, remaining ms, amnesia`
 * and the two of `replication`, or what `READ` answers for a held lock. A repetition writes what is there again, so that
 * the replicas can be asked to confirm it. The data is suspect (amnesia) if its counter lies below the floor, or if the
 * server was replaced or restarted (`run_id`) since the holder last renewed: what was granted after the last copy is lost.
 */
export const ACQUIRE = script(`
local nonce, holder, ttl, floor = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local function granted(epoch, remaining, amnesia)
  return {'granted', string.format('%d', epoch), string.format('%d', remaining), amnesia and '1' or '0', replication()}
end
if grant and grant.nonce == nonce then
  if text then redis.call('SET', KEYS[2], text) end
  return granted(grant.epoch, redis.call('PTTL', KEYS[1]), grant.amnesia)
end
local isDead = grant and grant.nonce == ARGV[8] and grant.epoch == tonumber(ARGV[9])
local present = not isDead and held()
if present then return present end

local epoch = math.max(counter, floor) + 1
if epoch > 9007199254740991 then return redis.error_reply('BADRECORD') end
local here = run()
local amnesia = counter < floor or (record ~= nil and not record.released and record.run ~= here)
remember(epoch, nonce, holder, now + ttl, here)
redis.call('SET', KEYS[1], string.format(
  '{"value":%s,"clusterName":"","createdAt":"%s","updatedAt":"%s","expiresAt":"%s","ttl":%d,"version":%d,"nonce":%s,"epoch":%d,"amnesia":%s}',
  cjson.encode(holder), ARGV[5], ARGV[5], ARGV[6], ttl * 1000000, epoch, cjson.encode(nonce), epoch, tostring(amnesia)),
  'PX', ttl)
redis.pcall('PUBLISH', ARGV[7], string.format('a:%d', epoch))
return granted(epoch, ttl, amnesia)
`);

/** ARGV: nonce, epoch, TTL in ms. Answers `ok, remaining ms` and the two of `replication`, or `lost` with the holder of the lock, if it has one. */
export const RENEW = script(`
local nonce, epoch, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if grant and grant.nonce == nonce and grant.epoch == epoch and counter <= epoch then
  redis.call('PEXPIRE', KEYS[1], ttl)
  remember(epoch, nonce, grant.value, now + ttl, run())
  return {'ok', string.format('%d', ttl), replication()}
end
return {'lost', grant and grant.value or foreign or ''}
`);

/** ARGV: nonce, epoch, channel. Answers `released` or `not-ours`. Nothing but the grant's own lock is ever deleted. */
export const RELEASE = script(`
local nonce, epoch = ARGV[1], tonumber(ARGV[2])
if not (grant and grant.nonce == nonce and grant.epoch == epoch) then return {'not-ours'} end
remember(math.max(counter, epoch), nonce, grant.value, now)
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[3], string.format('r:%d', epoch))
return {'released'}
`);

/**
 * ARGV: the nonce of an acquisition that was not confirmed yet, or nothing. Answers `held, holder, nonce or nothing, epoch,
 * remaining ms (-1: for ever), amnesia`, for a stranger's lock also `stranger`, or `free, epoch, last holder`. A lock with that nonce is written again as it is,
 * and the two of `replication` are added.
 */
export const READ = script(`
if string.find(redis.call('INFO', 'replication'), 'role:slave', 1, true) then return redis.error_reply('READONLY') end
if text and grant and grant.nonce == ARGV[1] then
  redis.call('SET', KEYS[2], text)
  local reply = held()
  reply[7], reply[8] = replication()
  return reply
end
return held() or {'free', string.format('%d', counter), record and record.holder or ''}
`);

function script(body: string): Script {
  const text = PRELUDE + body;
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
