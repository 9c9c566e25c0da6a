/**
 * The scripts: each is one transition, or one read, of one upload. Redis carries out a script whole or not at all, one at a time.
 *
 * An upload is a hash: state, record, and by state: lease, until, digest, plan, earlier-digest, earlier-plan (of an attempt that was taken
 * over and may have published, until the new holder has looked and renewed its plan), result, ended, aborter, cleaned. Its parts are a hash: number → identity LF details. Times are the server's own, so that replicas' clocks do
 * not matter.
 *
 * Every reply begins with the server's time. Scripts that write take as first argument a time (the server's) after which they must not: a
 * call that was given up must not take effect behind its caller's back. Every script may be sent again after a broken
 * connection, whether it was carried out before or not, and answers as it did or would have.
 */

const clock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

const write = `${clock}
if now > tonumber(ARGV[1]) then return {now, 'late'} end
`;

export interface Script {
  readonly keys: number;
  readonly lua: string;
  /** Takes a time to give up at as its first argument. */
  readonly writes: boolean;
}

/** ARGV: record */
const create: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local known = redis.call('HGET', KEYS[1], 'record')
if known then return {now, known == ARGV[2] and 'created' or 'exists'} end
redis.call('HSET', KEYS[1], 'state', 'open', 'record', ARGV[2])
return {now, 'created'}
`,
};

/** ARGV: part number, or nothing */
const view: Script = {
  keys: 3,
  writes: false,
  lua: `${clock}
local upload = redis.call('HMGET', KEYS[1], 'state', 'record', 'digest', 'result')
if not upload[1] or upload[1] == 'aborted' then return {now, 'none'} end
if upload[1] == 'completed' then return {now, unpack(upload)} end
local part = ARGV[1] and redis.call('HGET', KEYS[2], ARGV[1])
return {now, upload[1], upload[2], part}
`,
};

/**
 * ARGV: number, identity, details
 *
 * A part that is sent again may meanwhile have been replaced by another, whose caller then discards it: to record it once more would
 * bring back a part without bytes. So what was replaced is remembered: of each number the last 16, which would all have to
 * fall into the time that one call takes.
 */
const recordPart: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local number, mine = ARGV[2], ARGV[3] .. '\\n'
local before = redis.call('HGET', KEYS[2], number)
local replaced = ''
if before then
  if string.sub(before, 1, #mine) == mine then return {now, 'recorded'} end
  replaced = redis.call('HGET', KEYS[3], number) or ''
  if string.find(replaced, redis.sha1hex(mine), 1, true) then return {now, 'recorded'} end
end
if redis.call('HGET', KEYS[1], 'state') ~= 'open' then return {now, 'refused'} end
redis.call('HSET', KEYS[2], number, mine .. ARGV[4])
if not before then return {now, 'recorded'} end
local identity = string.match(before, '^[^\\n]*\\n[^\\n]*\\n')
redis.call('HSET', KEYS[3], number, string.sub(redis.sha1hex(identity) .. replaced, 1, 640))
return {now, 'recorded', before}
`,
};

/**
 * ARGV: after, how many, greatest number there can be
 *
 * Numbers are asked for in turn instead of being kept in order beside the hash: that would cost each recordPart a second write.
 */
const listParts: Script = {
  keys: 3,
  writes: false,
  lua: `${clock}
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'open' and state ~= 'completing' then return {now, 'none'} end
local number, wanted, last = tonumber(ARGV[1]) + 1, tonumber(ARGV[2]), tonumber(ARGV[3])
local total = redis.call('HLEN', KEYS[2])
local reply, found = {now, 'parts'}, 0
while found < wanted and found < total and number <= last do
  local numbers = {}
  for each = number, math.min(last, number + math.min(1000, math.max(100, wanted - found)) - 1) do
    numbers[#numbers + 1] = each
  end
  for index, part in ipairs(redis.call('HMGET', KEYS[2], unpack(numbers))) do
    if part and found < wanted then
      found = found + 1
      reply[#reply + 1] = numbers[index]
      reply[#reply + 1] = part
    end
  end
  number = number + #numbers
end
return reply
`,
};

/** ARGV: lease, its length, digest, plan, numbers joined by commas, their identities one after the other, each ended by LF */
const claim: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local lease = ARGV[2]
local state, holder, until_, digest, plan, result, earlierDigest, earlierPlan = unpack(redis.call('HMGET', KEYS[1],
  'state', 'lease', 'until', 'digest', 'plan', 'result', 'earlier-digest', 'earlier-plan'))
if not state or state == 'aborted' then return {now, 'none'} end
if state == 'completed' then return {now, 'completed', digest, result} end
if state == 'completing' then
  if holder == lease then return {now, 'claimed', earlierDigest, earlierPlan} end
  if tonumber(until_) > now then return {now, 'busy', digest, until_ - now} end
end
local numbers, identities = {}, {}
local function judge()
  for _, part in ipairs(redis.call('HMGET', KEYS[2], unpack(numbers))) do
    identities[#identities + 1] = part and string.match(part, '^[^\\n]*\\n[^\\n]*\\n') or '?'
  end
  numbers = {}
end
for number in string.gmatch(ARGV[6], '%d+') do
  numbers[#numbers + 1] = number
  if #numbers == 1000 then judge() end
end
if #numbers > 0 then judge() end
if table.concat(identities) ~= ARGV[7] then return {now, 'changed'} end
redis.call('HSET', KEYS[1], 'state', 'completing', 'lease', lease, 'until', now + ARGV[3], 'digest', ARGV[4], 'plan', ARGV[5])
if state == 'open' then return {now, 'claimed'} end
redis.call('HSET', KEYS[1], 'earlier-digest', earlierDigest or digest, 'earlier-plan', earlierPlan or plan)
return {now, 'claimed', earlierDigest or digest, earlierPlan or plan}
`,
};

/** ARGV: lease, its length, plan or nothing */
const renew: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local state, lease = unpack(redis.call('HMGET', KEYS[1], 'state', 'lease'))
if state ~= 'completing' or lease ~= ARGV[2] then return {now, 'lost'} end
redis.call('HSET', KEYS[1], 'until', now + ARGV[3])
if ARGV[4] then
  redis.call('HSET', KEYS[1], 'plan', ARGV[4])
  redis.call('HDEL', KEYS[1], 'earlier-digest', 'earlier-plan')
end
return {now, 'renewed'}
`,
};

/** ARGV: lease */
const release: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local state, lease = unpack(redis.call('HMGET', KEYS[1], 'state', 'lease'))
if state == 'completing' and lease == ARGV[2] then
  redis.call('HSET', KEYS[1], 'state', 'open')
  redis.call('HDEL', KEYS[1], 'lease', 'until', 'digest', 'plan', 'earlier-digest', 'earlier-plan')
end
return {now, 'released'}
`,
};

/** ARGV: lease, result, when it ended (as the index of ended uploads has it), digest if not the claim's */
const finish: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local state, lease = unpack(redis.call('HMGET', KEYS[1], 'state', 'lease'))
if lease ~= ARGV[2] or (state ~= 'completing' and state ~= 'completed') then return {now, 'lost'} end
if state == 'completing' then
  redis.call('HSET', KEYS[1], 'state', 'completed', 'result', ARGV[3], 'ended', ARGV[4])
  redis.call('HDEL', KEYS[1], 'until', 'plan', 'earlier-digest', 'earlier-plan')
  if ARGV[5] then redis.call('HSET', KEYS[1], 'digest', ARGV[5]) end
end
return {now, 'finished'}
`,
};

/** ARGV: aborter (a text of this call's own), when it ended, the lease of a Complete that was cut off or nothing */
const abort: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local state, record, lease, until_, digest, plan, earlierDigest, earlierPlan, aborter = unpack(redis.call('HMGET', KEYS[1],
  'state', 'record', 'lease', 'until', 'digest', 'plan', 'earlier-digest', 'earlier-plan', 'aborter'))
if state == 'aborted' and aborter == ARGV[2] then return {now, 'aborted', record} end
if state ~= 'open' and state ~= 'completing' then return {now, 'none'} end
if state == 'completing' then
  if tonumber(until_) > now then return {now, 'busy', until_ - now} end
  if lease ~= ARGV[4] then
    return {now, 'stalled', record, lease, earlierDigest or digest, earlierPlan or plan}
  end
end
redis.call('HSET', KEYS[1], 'state', 'aborted', 'aborter', ARGV[2], 'ended', ARGV[3])
redis.call('HDEL', KEYS[1], 'lease', 'until', 'digest', 'plan', 'earlier-digest', 'earlier-plan')
return {now, 'aborted', record}
`,
};

/** ARGV: how long to keep a result. Replies with what the indices hold of the upload, if they need hold it no longer. */
const cleaned: Script = {
  keys: 3,
  writes: true,
  lua: `${write}
local state, record, ended = unpack(redis.call('HMGET', KEYS[1], 'state', 'record', 'ended'))
if state ~= 'aborted' and state ~= 'completed' then return {now, 'none'} end
redis.call('UNLINK', KEYS[2], KEYS[3])
if state == 'aborted' then
  redis.call('UNLINK', KEYS[1])
elseif redis.call('HSETNX', KEYS[1], 'cleaned', 1) == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {now, 'cleaned', record, ended}
`,
};

/** A write that costs next to nothing: does Redis accept one? */
const probe: Script = {
  keys: 1,
  writes: true,
  lua: `${write}
redis.call('SET', KEYS[1], now, 'PX', 60000)
return {now, 'written'}
`,
};

/**
 * ARGV: lower bound, upper bound, length of the prefix, delimiter, how many
 *
 * Pairs of member and common prefix (empty for an upload). Once a member is rolled up, the search goes on behind everything that begins with
 * the common prefix: no key holds the byte FF there.
 */
const walk: Script = {
  keys: 1,
  writes: false,
  lua: `${clock}
local lower, upper, offset, delimiter, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local reply, found = {now, 'members'}, 0
local size = delimiter == '' and wanted or math.min(wanted, 64)
while found < wanted do
  local members = redis.call('ZRANGEBYLEX', KEYS[1], lower, upper, 'LIMIT', 0, size)
  local common = nil
  for _, member in ipairs(members) do
    if found < wanted and not (common and string.sub(member, 1, #common) == common) then
      local first, last = nil, nil
      if delimiter ~= '' then
        local key = string.match(member, '^(.*)%z%d+%z[^%z]*$')
        first, last = string.find(key, delimiter, offset + 1, true)
      end
      common = first and string.sub(member, 1, last)
      found = found + 1
      reply[#reply + 1] = member
      reply[#reply + 1] = common or ''
    end
    lower = '(' .. member
  end
  if #members < size then return reply end
  if common then lower = '(' .. common .. '\\255' end
end
return reply
`,
};

export const scripts = {
  create,
  view,
  recordPart,
  listParts,
  claim,
  renew,
  release,
  finish,
  abort,
  cleaned,
  probe,
  walk,
} as const satisfies Record<string, Script>;

export type ScriptName = keyof typeof scripts;
