// The rules of a directory as Redis and Valkey run them: a script a change, each atomic. They are
// those of directory-state.ts, which says why, in Lua. All keys begin with KEYS[1]; the scripts
// make the others from it. So Redis Cluster cannot run them: it wants to know all keys before.
//
// Keys, after the prefix:
//   state            hash: generation, run (of the server), settled, members, epoch, secret,
//                    secretEpoch (of the node that has brought it)
//   nodes            set of the epochs of all living nodes;  node:EPOCH  hash: what is known of one
//   dead             set of epochs with something to tidy up
//   players:EPOCH, former:EPOCH (not registered again), rooms:EPOCH, wanted:EPOCH, passed:EPOCH
//                    sets
//   listings:EPOCH   hash: key -> JSON
//   player:ID        hash;  name:KEY  an id;  people  sorted set of ids by arrival
//   room:KEY         hash;  code:CODE  a key;  matchmakers  hash: game -> "EPOCH ID"
//   skills           sorted set of keys;  played  the same by the last match
//   who, at, keys, owners  hashes of results;  applied:JOURNAL  the number of the last one
//   counts:DAY       hash: name -> how much has been rated today, see rated-pairs.ts
//   restored:JOURNAL  hash: key -> sum that is in the skill already, until that number is there
import { FIRST_SKILL } from '../rules/skills.ts'
import {
  KEPT_AFTER_DEATH_MS,
  MAX_CLUSTER_COUNTS,
  MAX_CLUSTER_SKILLS,
  MAX_WANTED
} from './directory-state.ts'

/** Of a dead node, with each renewal of any node: so none of them blocks Redis for long. */
const TIDIED_AT_ONCE = 200

/** How long the number of a journal in memory stays after its node has died: it may come again. */
const MEMORY_KEPT_MS = 24 * 60 * 60_000
/** Of the counts of a day, after the last one: clocks may differ. */
const COUNTS_KEPT_MS = 24 * 60 * 60_000

/** Which node calls, and the arguments from here on. */
const PRELUDE = `
local P = KEYS[1]
local RUN, ID, EPOCH, CONNECTION = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local args = {}
for i = 5, #ARGV do args[#args + 1] = ARGV[i] end
local call = redis.call
local STATE, NODES = P .. 'state', P .. 'nodes'
local function nodeKey(epoch) return P .. 'node:' .. epoch end
local function isAlive(id, epoch) return call('HGET', nodeKey(epoch), 'id') == id end
local state = call('HMGET', STATE, 'generation', 'run', 'settled')
local isSettled = state[3] == '1'
local isNewRun = not state[1] or state[2] ~= RUN
local function time()
  local now = call('TIME')
  return tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
end
local function text(number) return string.format('%.0f', number) end
`

/** For all but those that may be the first ones after a restart. */
const MUST_BE_HERE = `
if isNewRun then return redis.error_reply('SETTLING it has started anew') end
local here = call('HMGET', nodeKey(EPOCH), 'id', 'connection', 'registering')
if here[1] ~= ID then
  if isSettled then return redis.error_reply('STALE the epoch is over') end
  return redis.error_reply('SETTLING register first')
end
-- What an earlier connection still had on its way must not undo what came by this one.
if tonumber(here[2]) > CONNECTION then return redis.error_reply('SUPERSEDED by a later connection') end
if tonumber(here[2]) < CONNECTION then call('HSET', nodeKey(EPOCH), 'connection', CONNECTION) end
local isRegistering = here[3] == '1'
`

/** Before, what nobody has registered may still be somebody's. */
const MUST_BE_SETTLED = `
if not isSettled then return redis.error_reply('SETTLING nodes may still register') end
`

const MUST_ASSIGN = `${MUST_BE_HERE}${MUST_BE_SETTLED}`

const NODE_RULES = `
-- The players of a node that has not registered all of them again.
local function gather(epoch)
  local former = P .. 'former:' .. epoch
  if call('EXISTS', former) == 0 then return end
  call('SUNIONSTORE', P .. 'players:' .. epoch, P .. 'players:' .. epoch, former)
  call('DEL', former)
end
local function isInMemory(journal) return string.sub(journal or '', 1, 7) == 'memory ' end
local function bury(epoch)
  call('SREM', NODES, epoch)
  local journal = call('HGET', nodeKey(epoch), 'journal')
  if isInMemory(journal) then call('PEXPIRE', P .. 'applied:' .. journal, ${MEMORY_KEPT_MS}) end
  call('DEL', nodeKey(epoch), P .. 'listings:' .. epoch, P .. 'wanted:' .. epoch,
    P .. 'passed:' .. epoch)
  gather(epoch)
  call('SADD', P .. 'dead', epoch)
end
local function enter(epoch, id, address, operatorAddress, journal, isRegistering)
  local member = call('HINCRBY', STATE, 'members', 1)
  call('SADD', NODES, epoch)
  call('HSET', nodeKey(epoch), 'id', id, 'address', address, 'operatorAddress', operatorAddress,
    'journal', journal, 'load', '', 'draining', 0, 'seq', 0, 'beat', 0, 'member', member,
    'knows', 0, 'connection', CONNECTION, 'registering', isRegistering)
  if isInMemory(journal) then call('PERSIST', P .. 'applied:' .. journal) end
end
-- The server was started again, with its data or without.
local function startAnew(generation)
  if not isNewRun then return end
  for _, epoch in ipairs(call('SMEMBERS', NODES)) do bury(epoch) end
  call('DEL', P .. 'matchmakers')
  local before = tonumber(call('HGET', STATE, 'epoch') or '0')
  call('HSET', STATE, 'generation', generation, 'run', RUN, 'settled', 0, 'members', 0,
    'epoch', text(math.max(before, time())))
  isSettled, isNewRun, state[1] = false, false, generation
end
`

const PLAYER_RULES = `
local FIELDS = {'name', 'key', 'account', 'serial', 'moves', 'node', 'epoch', 'where', 'free'}
local function playerOf(id)
  if not id then return nil end
  local values = call('HMGET', P .. 'player:' .. id, unpack(FIELDS))
  if not values[1] then return nil end
  local player = {id = id}
  for i, field in ipairs(FIELDS) do player[field] = values[i] end
  return player
end
local function isOwned(player)
  return player.free ~= '1' and isAlive(player.node, player.epoch)
end
local function isOwn(player) return player.node == ID and player.epoch == EPOCH end
local function entryOf(player)
  return {player.id, player.name, player.account, player.serial, player.moves, player.node,
    player.epoch, player.where}
end
local function forget(player)
  call('DEL', P .. 'player:' .. player.id)
  local name = P .. 'name:' .. player.key
  if call('GET', name) == player.id then call('DEL', name) end
  call('SREM', P .. 'players:' .. player.epoch, player.id)
  call('ZREM', P .. 'people', player.id)
end
local function put(player, before)
  local key = P .. 'player:' .. player.id
  if before and before.epoch ~= EPOCH then
    call('SREM', P .. 'players:' .. before.epoch, player.id)
    call('SREM', P .. 'wanted:' .. before.epoch, player.id)
  end
  call('HSET', key, 'name', player.name, 'key', player.key, 'account', player.account,
    'serial', player.serial, 'moves', player.moves, 'node', ID, 'epoch', EPOCH,
    'where', player.where, 'free', 0)
  call('PERSIST', key)
  call('SET', P .. 'name:' .. player.key, player.id)
  call('SADD', P .. 'players:' .. EPOCH, player.id)
  if not call('ZSCORE', P .. 'people', player.id) then
    call('ZADD', P .. 'people', call('INCR', P .. 'arrivals'), player.id)
  end
end
local function place(player)
  local before = playerOf(player.id)
  if not before then
    local namesake = playerOf(call('GET', P .. 'name:' .. player.key))
    if namesake and isOwned(namesake) then
      if isSettled or tonumber(EPOCH) <= tonumber(namesake.epoch) then return false end
    elseif namesake and isSettled and namesake.account ~= player.account then
      return false
    end
    if namesake then forget(namesake) end
    put(player, nil)
    return true
  end
  local moves, known = tonumber(player.moves), tonumber(before.moves)
  local isStill = moves == known and isOwn(before) and before.free ~= '1'
  if moves <= known and not isStill and (isOwned(before) or moves < known) then return false end
  -- Most calls say of a player that stays here where it is now.
  if isStill and not isRegistering and before.name == player.name
      and before.account == player.account then
    call('HSET', P .. 'player:' .. player.id, 'serial', player.serial, 'where', player.where)
    return true
  end
  put(player, before)
  return true
end
local function playerFrom(at)
  return {id = args[at], name = args[at + 1], key = args[at + 2], account = args[at + 3],
    serial = args[at + 4], moves = args[at + 5], where = args[at + 6]}
end
`

const ROOM_RULES = `
local function roomOf(key)
  local values = call('HMGET', P .. 'room:' .. key, 'node', 'epoch', 'creation', 'code')
  if not values[1] then return nil end
  return {key = key, node = values[1], epoch = values[2], creation = values[3], code = values[4]}
end
local function setCode(key, before, code)
  if before and before ~= '' then call('DEL', P .. 'code:' .. before) end
  call('HSET', P .. 'room:' .. key, 'code', code)
  if code ~= '' then call('SET', P .. 'code:' .. code, key) end
end
local function forgetRoom(room)
  call('DEL', P .. 'room:' .. room.key)
  if room.code ~= '' then call('DEL', P .. 'code:' .. room.code) end
  call('SREM', P .. 'rooms:' .. room.epoch, room.key)
  call('SREM', P .. 'passed:' .. room.epoch, room.key)
end
local function setRoom(key, code, creation)
  local before = roomOf(key)
  if before then forgetRoom(before) end
  call('HSET', P .. 'room:' .. key, 'node', ID, 'epoch', EPOCH, 'creation', creation, 'code', '')
  call('SADD', P .. 'rooms:' .. EPOCH, key)
  if code ~= '' then setCode(key, '', code) end
end
`

const SKILL_RULES = `
local function tenths(number) return math.floor(number * 10 + 0.5) / 10 end
local function claimKey(account, key)
  if not account then return end
  local before = call('HGET', P .. 'owners', key)
  if before and before ~= account then call('HDEL', P .. 'keys', before) end
  call('HSET', P .. 'keys', account, key)
  call('HSET', P .. 'owners', key, account)
end
local function skillOf(key)
  return tonumber(call('ZSCORE', P .. 'skills', key) or ${FIRST_SKILL})
end
local function setSkill(one, skill)
  call('ZADD', P .. 'skills', tostring(tenths(skill)), one.key)
  call('ZADD', P .. 'played', call('INCR', P .. 'plays'), one.key)
  if one.atMs >= tonumber(call('HGET', P .. 'at', one.key) or one.atMs) then
    call('HSET', P .. 'at', one.key, text(one.atMs))
    call('HSET', P .. 'who', one.key, one.name)
    claimKey(one.account, one.key)
  end
  if call('ZCARD', P .. 'played') <= ${MAX_CLUSTER_SKILLS} then return end
  local first = call('ZPOPMIN', P .. 'played')[1]
  call('ZREM', P .. 'skills', first)
  call('HDEL', P .. 'who', first)
  call('HDEL', P .. 'at', first)
  local owner = call('HGET', P .. 'owners', first)
  if owner then
    call('HDEL', P .. 'owners', first)
    call('HDEL', P .. 'keys', owner)
  end
end
local function count(day, counts)
  if #counts == 0 then return end
  local key = P .. 'counts:' .. text(day)
  for _, one in ipairs(counts) do
    if call('HLEN', key) < ${MAX_CLUSTER_COUNTS} or call('HEXISTS', key, one[1]) == 1 then
      call('HINCRBYFLOAT', key, one[1], tostring(one[2]))
    end
  end
  call('PEXPIRE', key, ${COUNTS_KEPT_MS})
  call('UNLINK', P .. 'counts:' .. text(day - 2))
end
local journal = call('HGET', nodeKey(EPOCH), 'journal')
local APPLIED = P .. 'applied:' .. journal
`

/** Each name is the kind under which it is counted. */
export const SCRIPTS = {
  join: `${PRELUDE}${NODE_RULES}
local id, address, operatorAddress, secret, journal, generation = unpack(args)
startAnew(generation)
for _, epoch in ipairs(call('SMEMBERS', NODES)) do
  local node = call('HMGET', nodeKey(epoch), 'id', 'address', 'journal')
  if node[3] == journal or (node[1] == id and node[2] == address) then
    bury(epoch)
  end
end
local epoch = text(call('HINCRBY', STATE, 'epoch', 1))
if call('HSETNX', STATE, 'secret', secret) == 1 then call('HSET', STATE, 'secretEpoch', epoch) end
enter(epoch, id, address, operatorAddress, journal, 0)
return {epoch, call('HGET', STATE, 'secret')}
`,

  renew: `${PRELUDE}${NODE_RULES}${PLAYER_RULES}${ROOM_RULES}
local load, isDraining, knows, settled, generation = unpack(args)
startAnew(generation)
local here = call('HMGET', nodeKey(EPOCH), 'id', 'registering', 'connection')
local isHere = here[1] == ID
if not isHere and isSettled then return redis.error_reply('STALE the epoch is over') end
if isHere then
  if tonumber(here[3]) > CONNECTION then return redis.error_reply('SUPERSEDED by a later connection') end
  call('HSET', nodeKey(EPOCH), 'load', load, 'draining', isDraining, 'knows', knows,
    'connection', CONNECTION)
  call('HINCRBY', nodeKey(EPOCH), 'beat', 1)
  for i = 6, #args, 2 do
    local epoch, beat = args[i], args[i + 1]
    if call('HGET', nodeKey(epoch), 'beat') == beat then bury(epoch) end
  end
  if settled == state[1] and not isSettled then
    isSettled = true
    for _, epoch in ipairs(call('SMEMBERS', NODES)) do
      if call('HGET', nodeKey(epoch), 'registering') == '1' then isSettled = false end
    end
    if isSettled then call('HSET', STATE, 'settled', 1) end
  end
end
local dead = isSettled and call('SRANDMEMBER', P .. 'dead')
if dead then
  local ids = call('SPOP', P .. 'players:' .. dead, ${TIDIED_AT_ONCE})
  for _, id in ipairs(ids) do
    local player = playerOf(id)
    if player and player.epoch == dead then
      call('PEXPIRE', P .. 'player:' .. id, ${KEPT_AFTER_DEATH_MS})
      if call('GET', P .. 'name:' .. player.key) == id then
        call('PEXPIRE', P .. 'name:' .. player.key, ${KEPT_AFTER_DEATH_MS})
      end
      call('ZREM', P .. 'people', id)
    end
  end
  local keys = call('SPOP', P .. 'rooms:' .. dead, ${TIDIED_AT_ONCE})
  for _, key in ipairs(keys) do
    local room = roomOf(key)
    if room and room.epoch == dead then forgetRoom(room) end
  end
  if #ids == 0 and #keys == 0 then
    call('SREM', P .. 'dead', dead)
  end
end
local nodes = {}
for _, epoch in ipairs(call('SMEMBERS', NODES)) do
  local node = call('HMGET', nodeKey(epoch), 'id', 'address', 'operatorAddress', 'load', 'seq',
    'beat', 'member', 'knows')
  node[#node + 1] = epoch
  nodes[#nodes + 1] = node
end
local wanted = call('SPOP', P .. 'wanted:' .. EPOCH, ${MAX_WANTED})
-- They stay until the node has claimed or released them: this answer may be lost.
local passed = call('SRANDMEMBER', P .. 'passed:' .. EPOCH, ${MAX_WANTED})
local mustRegister = not isHere or here[2] == '1'
local secret = call('HGET', STATE, 'secret')
return {state[1], isSettled and 1 or 0, secret, mustRegister and 1 or 0, wanted, passed, nodes}
`,

  leave: `${PRELUDE}${NODE_RULES}
if not isNewRun and isAlive(ID, EPOCH) then bury(EPOCH) end
return 1
`,

  registerBegin: `${PRELUDE}${NODE_RULES}${ROOM_RULES}
local id, address, operatorAddress, secret, journal, generation = unpack(args)
startAnew(generation)
local isHere = isAlive(ID, EPOCH)
if not isHere and isSettled then return redis.error_reply('STALE the epoch is over') end
local bringer = call('HGET', STATE, 'secretEpoch') or EPOCH
if tonumber(EPOCH) <= tonumber(bringer) then
  call('HSET', STATE, 'secret', secret, 'secretEpoch', EPOCH)
end
local highest = tonumber(call('HGET', STATE, 'epoch'))
if tonumber(EPOCH) > highest then call('HSET', STATE, 'epoch', EPOCH) end
if isHere then
  call('HSET', nodeKey(EPOCH), 'registering', 1, 'connection', CONNECTION)
else
  enter(EPOCH, id, address, operatorAddress, journal, 1)
end
call('SREM', P .. 'dead', EPOCH)
call('DEL', P .. 'listings:' .. EPOCH)
-- It may have given up some of them since the data was written that is left: registerEnd looks.
gather(EPOCH)
if call('EXISTS', P .. 'players:' .. EPOCH) == 1 then
  call('RENAME', P .. 'players:' .. EPOCH, P .. 'former:' .. EPOCH)
end
for _, key in ipairs(call('SMEMBERS', P .. 'rooms:' .. EPOCH)) do
  local room = roomOf(key)
  if room and room.epoch == EPOCH then forgetRoom(room) end
end
call('DEL', P .. 'rooms:' .. EPOCH)
return 1
`,

  registerRooms: `${PRELUDE}${MUST_BE_HERE}${ROOM_RULES}
local lost = {}
for i = 1, #args, 3 do
  local key, code, creation = args[i], args[i + 1], args[i + 2]
  local room = roomOf(key)
  if room and isAlive(room.node, room.epoch) and tonumber(room.epoch) > tonumber(EPOCH) then
    lost[#lost + 1] = key
  else
    setRoom(key, code, creation)
  end
end
return lost
`,

  // To be called until it returns 0.
  registerEnd: `${PRELUDE}${MUST_BE_HERE}${PLAYER_RULES}
for _, id in ipairs(call('SPOP', P .. 'former:' .. EPOCH, ${TIDIED_AT_ONCE})) do
  local player = playerOf(id)
  local isHere = call('SISMEMBER', P .. 'players:' .. EPOCH, id) == 1
  if player and isOwn(player) and not isHere then forget(player) end
end
local left = call('SCARD', P .. 'former:' .. EPOCH)
if left == 0 then
  call('HSET', nodeKey(EPOCH), 'registering', 0)
  -- It has a list from now on, if only an empty one.
  if call('HGET', nodeKey(EPOCH), 'seq') == '0' then call('HSET', nodeKey(EPOCH), 'seq', 1) end
end
return left
`,

  claimName: `${PRELUDE}${MUST_ASSIGN}${PLAYER_RULES}
local player = playerFrom(1)
local key = call('HGET', P .. 'keys', player.account) or player.key
local skill = call('ZSCORE', P .. 'skills', key)
local reserved = call('HGET', P .. 'owners', player.key)
if reserved and reserved ~= player.account then return {0, 1, false, key, skill} end
local holder = playerOf(call('GET', P .. 'name:' .. player.key))
if holder and holder.id ~= player.id then
  if isOwned(holder) or holder.account ~= player.account then
    return {0, 0, entryOf(holder), key, skill}
  end
  forget(holder)
end
local isYours = place(player)
local other = not isYours and holder and entryOf(holder) or false
return {isYours and 1 or 0, 0, other, key, skill}
`,

  updatePlayers: `${PRELUDE}${MUST_BE_HERE}${PLAYER_RULES}
local lost = {}
if not isSettled and not isRegistering then
  for i = 1, #args, 7 do
    if call('EXISTS', P .. 'player:' .. args[i]) == 0 then
      return redis.error_reply('SETTLING nodes may still register')
    end
  end
end
for i = 1, #args, 7 do
  if not place(playerFrom(i)) then lost[#lost + 1] = args[i] end
end
return lost
`,

  releasePlayer: `${PRELUDE}${MUST_BE_HERE}${PLAYER_RULES}
local player = playerOf(args[1])
if player and isOwn(player) then forget(player) end
return 1
`,

  findPlayer: `${PRELUDE}${MUST_BE_HERE}${PLAYER_RULES}
local player = playerOf(args[1])
if player then return {entryOf(player), isOwned(player) and 1 or 0} end
${MUST_BE_SETTLED}
return false
`,

  takePlayer: `${PRELUDE}${MUST_ASSIGN}${PLAYER_RULES}
local player = playerOf(args[1])
if not player then return 'gone' end
if isOwned(player) and not isOwn(player) then
  call('SADD', P .. 'wanted:' .. player.epoch, player.id)
  return 'asked'
end
player.moves = text(tonumber(player.moves) + 1)
player.where = 'lobby'
place(player)
return entryOf(playerOf(player.id))
`,

  letGo: `${PRELUDE}${MUST_BE_HERE}${PLAYER_RULES}
for _, id in ipairs(args) do
  call('SREM', P .. 'wanted:' .. EPOCH, id)
  local player = playerOf(id)
  if player and isOwn(player) then
    call('HSET', P .. 'player:' .. id, 'free', 1)
    call('PEXPIRE', P .. 'player:' .. id, ${KEPT_AFTER_DEATH_MS})
    call('PEXPIRE', P .. 'name:' .. player.key, ${KEPT_AFTER_DEATH_MS})
    call('SREM', P .. 'players:' .. EPOCH, id)
    call('ZREM', P .. 'people', id)
  end
end
return 1
`,

  people: `${PRELUDE}${MUST_BE_HERE}
local from, count = tonumber(args[1]), tonumber(args[2])
local found = {}
if count > 0 then
  for _, id in ipairs(call('ZRANGE', P .. 'people', from, from + count - 1)) do
    local player = call('HMGET', P .. 'player:' .. id, 'name', 'where')
    if player[1] then found[#found + 1] = player end
  end
end
return {call('ZCARD', P .. 'people'), found}
`,

  claimRoom: `${PRELUDE}${MUST_ASSIGN}${ROOM_RULES}
local key, code, creation = unpack(args)
local room = roomOf(key)
if room and isAlive(room.node, room.epoch) then
  local isSame = room.creation == creation
  local isYours = isSame and room.node == ID and room.epoch == EPOCH
  if isYours then call('SREM', P .. 'passed:' .. EPOCH, key) end
  if isYours and code ~= '' then setCode(key, room.code, code) end
  return {isYours and 1 or 0, room.node, room.epoch, isSame and 1 or 0}
end
setRoom(key, code, creation)
return {1, ID, EPOCH, 1}
`,

  passRoom: `${PRELUDE}${MUST_ASSIGN}${ROOM_RULES}
local key, id, epoch = unpack(args)
local room = roomOf(key)
if not room or not isAlive(id, epoch) then return 0 end
-- Repeated, since the answer was lost.
if room.node == id and room.epoch == epoch then return 1 end
if room.node ~= ID or room.epoch ~= EPOCH then return 0 end
call('HSET', P .. 'room:' .. key, 'node', id, 'epoch', epoch)
call('SREM', P .. 'rooms:' .. EPOCH, key)
call('SREM', P .. 'passed:' .. EPOCH, key)
call('SADD', P .. 'rooms:' .. epoch, key)
call('SADD', P .. 'passed:' .. epoch, key)
return 1
`,

  releaseRoom: `${PRELUDE}${MUST_BE_HERE}${ROOM_RULES}
local room = roomOf(args[1])
if room and room.node == ID and room.epoch == EPOCH then forgetRoom(room) end
return 1
`,

  findRoom: `${PRELUDE}${MUST_BE_HERE}${ROOM_RULES}
local room = roomOf(args[1])
if not room then
  local key = call('GET', P .. 'code:' .. args[1])
  room = key and roomOf(key)
end
if room and isAlive(room.node, room.epoch) then return {room.node, room.epoch} end
${MUST_BE_SETTLED}
return false
`,

  publishListings: `${PRELUDE}${MUST_BE_HERE}
local channel, message, gone = args[1], args[2], tonumber(args[3])
local key = P .. 'listings:' .. EPOCH
for i = 4, 3 + gone do call('HDEL', key, args[i]) end
for i = 4 + gone, #args, 2 do call('HSET', key, args[i], args[i + 1]) end
local seq = call('HINCRBY', nodeKey(EPOCH), 'seq', 1)
call('PUBLISH', channel, seq .. ' ' .. message)
return seq
`,

  listings: `${PRELUDE}${MUST_BE_HERE}
local id, epoch = unpack(args)
if not isAlive(id, epoch) then return {0, {}} end
return {tonumber(call('HGET', nodeKey(epoch), 'seq')), call('HVALS', P .. 'listings:' .. epoch)}
`,

  matchmaker: `${PRELUDE}${MUST_ASSIGN}
local holder = call('HGET', P .. 'matchmakers', args[1])
if holder then
  local epoch, id = string.match(holder, '^(%d+) (.*)$')
  if isAlive(id, epoch) and call('HGET', nodeKey(epoch), 'draining') ~= '1' then
    return {id, epoch}
  end
end
call('HSET', P .. 'matchmakers', args[1], EPOCH .. ' ' .. ID)
return {ID, EPOCH}
`,

  recordMatches: `${PRELUDE}${MUST_BE_HERE}${SKILL_RULES}
local first = tonumber(args[1])
local applied = tonumber(call('GET', APPLIED) or '')
if not applied then return false end
for i = 2, #args do
  if first + i - 2 == applied + 1 then
    local match = cjson.decode(args[i])
    for _, one in ipairs(match.changes) do
      setSkill(one, one.change and skillOf(one.key) + one.change or one.skill)
    end
    count(match.day, match.counts)
    applied = applied + 1
  end
end
call('SET', APPLIED, text(applied))
return text(applied)
`,

  counts: `${PRELUDE}${MUST_BE_HERE}
return call('HMGET', P .. 'counts:' .. args[1], unpack(args, 2))
`,

  restoreSkills: `${PRELUDE}${MUST_BE_HERE}${SKILL_RULES}
if call('EXISTS', APPLIED) == 1 then return 1 end
local sums, applied, players = cjson.decode(args[1]), args[2], tonumber(args[3])
local RESTORED = P .. 'restored:' .. journal
for _, one in ipairs(sums) do
  local before = tonumber(call('HGET', RESTORED, one.key) or 0)
  setSkill(one, skillOf(one.key) + one.sum - before)
  call('HSET', RESTORED, one.key, tostring(one.sum))
end
if applied == '' or call('HLEN', RESTORED) < players then return 1 end
call('SET', APPLIED, applied)
call('UNLINK', RESTORED) -- it may be large, and does not hold up anybody so
return 1
`,

  standing: `${PRELUDE}${MUST_BE_HERE}
local known = call('HGET', P .. 'keys', args[1])
local key = known or args[2]
return {key, call('ZSCORE', P .. 'skills', key), known and 1 or 0}
`,

  leaders: `${PRELUDE}${MUST_BE_HERE}
local found = {}
if tonumber(args[1]) > 0 then
  local best = call('ZREVRANGE', P .. 'skills', 0, tonumber(args[1]) - 1, 'WITHSCORES')
  for i = 1, #best, 2 do
    found[#found + 1] = {call('HGET', P .. 'who', best[i]), best[i + 1]}
  end
end
return {call('ZCARD', P .. 'skills'), found}
`
} as const

export type ScriptName = keyof typeof SCRIPTS
