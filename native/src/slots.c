/*
 * The slots of the record index, many at a time. What a slot is and what placing a record means
 * stands in src/store/segments/shard.ts and index.ts, which do the same one by one; there the
 * processor waits for memory most of the time. Here the lines of later records are under way while
 * earlier ones are placed.
 *
 * Only slots that exist are changed; a record of a key that has none is left to the caller, and so
 * are the later ones of that key. The hazard is memory: every place in the table and the shards is
 * checked where it is used, since another thread may write the table. Where the shards stand is
 * kept from call to call: the caller names another generation when one has moved.
 */
#include "slots.h"

#include "formats.h"

#include <stdlib.h>

/* A row: body, offset, length; told: keyspace, dead length, length, what, dead segment. */
#define ROW 5
#define PLACED_HERE 1u
#define LIVE_BEFORE 2u
#define LIVE_AFTER 4u
#define EXPIRING_BEFORE 8u
#define EXPIRING_AFTER 16u

/* How far ahead bodies, and slots, are asked for. */
#define BODIES_AHEAD 32
#define SLOTS_AHEAD 16

struct placing {
  struct slots slots;
  struct bytes run;
  uint32_t segment;
};

static bool fetch_shard(struct slots *slots, uint32_t number) {
  static uint32_t none[1];
  struct shard *shard = &slots->shards[number];
  void *data = NULL;
  if (!call_element(slots->call, 0, number, napi_uint32_array, &data, &shard->length))
    return throw_type(slots->call->env, "an array of Uint32Arrays is needed");
  shard->words = data == NULL ? none : data;
  return true;
}

bool call_slots(struct call *call, struct slots *slots) {
  size_t capacities;
  double generation;
  if (!call_table(call, 1, &slots->capacities, &capacities)) return false;
  if (capacities < SHARDS) return throw_range(call->env, "a capacity for every shard is needed");
  if (napi_get_value_double(call->env, call->argv[2], &generation) != napi_ok)
    return throw_type(call->env, "a number is needed");
  struct shard_cache *cache = call->state->shards;
  if (cache == NULL) {
    cache = call->state->shards = calloc(1, sizeof *cache);
    if (cache == NULL) return throw_plain(call->env, "out of memory");
  } else if (cache->generation != generation) {
    memset(cache->shards, 0, sizeof cache->shards);
  }
  cache->generation = generation;
  slots->call = call;
  slots->shards = cache->shards;
  return true;
}

bool slots_ask(struct slots *slots, const uint8_t *key, struct sought *sought) {
  for (size_t word = 0; word < 4; word++) sought->key[word] = get32(key + 4 * word);
  uint32_t number = sought->key[0] >> (32 - SHARD_BITS);
  struct shard *shard = &slots->shards[number];
  if (shard->words == NULL && !fetch_shard(slots, number)) return false;
  uint32_t rest = sought->key[0] << SHARD_BITS | sought->key[1] >> (32 - SHARD_BITS);
  uint64_t home = (uint64_t)rest * slots->capacities[number] >> 32;
  sought->shard = number;
  sought->home = (size_t)home * SLOT_WORDS;
  if (sought->home + SLOT_WORDS <= shard->length) {
    const uint32_t *slot = shard->words + sought->home;
    __builtin_prefetch(slot, 1);
    /* Most walks are over within the next line of 64 bytes. */
    __builtin_prefetch(slot + 14, 1);
  }
  return true;
}

/* False, with an exception pending, if the row leaves the run. */
static bool begin(struct placing *placing, uint32_t body_at, struct sought *sought) {
  const struct bytes *run = &placing->run;
  if (run->length < HEADER_BYTES || body_at > run->length - HEADER_BYTES)
    return throw_range(placing->slots.call->env, "range outside the buffer");
  const uint8_t *body = run->data + body_at;
  sought->body = body[0] == KIND_PUT || body[0] == KIND_TOMBSTONE ? body : NULL;
  return sought->body == NULL || slots_ask(&placing->slots, body + KEY_AT, sought);
}

uint32_t *slots_find(const struct slots *slots, const struct sought *sought) {
  const struct shard *shard = &slots->shards[sought->shard];
  const uint32_t *key = sought->key;
  for (size_t at = sought->home; at + SLOT_WORDS <= shard->length; at += SLOT_WORDS) {
    uint32_t *slot = shard->words + at;
    if ((slot[WORD_FLAGS] & USED) == 0) return NULL;
    if (slot[0] < key[0]) continue;
    if (slot[0] > key[0]) return NULL;
    if (slot[1] == key[1] && slot[2] == key[2] && slot[3] == key[3]) return slot;
    if (slot[1] > key[1]) return NULL;
  }
  return NULL;
}

/* isLiveRoot of index.ts. */
static bool live_root(uint32_t flags) {
  if ((flags & ROOT) == 0) return false;
  if ((flags & PENDING) != 0) return true;
  return (flags & (PLACED | TOMBSTONE | PENDING_DELETE)) == PLACED;
}

/* Seconds, rounded up, as expirySeconds of index.ts. */
static uint32_t expiry_of(const uint8_t *body) {
  uint64_t ms = (uint64_t)get32(body + EXPIRE_AT_AT) << 32 | get32(body + EXPIRE_AT_AT + 4);
  uint64_t seconds = ms / 1000 + (ms % 1000 != 0);
  return seconds > 0xffffffffu ? 0xffffffffu : (uint32_t)seconds;
}

/* RecordIndex.place for a key that has a slot. */
static void place(uint32_t *slot, const uint8_t *body, uint32_t segment, volatile uint32_t *row) {
  uint32_t before = slot[WORD_FLAGS], copies = before >> COPIES_SHIFT;
  uint32_t offset = row[1], length = row[2];
  uint32_t flags = USED | PLACED | (body[ROOT_AT] == 1 ? ROOT : 0) |
                   (body[0] == KIND_TOMBSTONE ? TOMBSTONE : 0);
  uint32_t dead_segment = 0, dead_length = 0;
  if ((before & PLACED) != 0) {
    if ((before & TOMBSTONE) == 0 || copies != 0) {
      dead_segment = slot[WORD_SEGMENT];
      dead_length = slot[WORD_LENGTH];
    }
    if (copies < COPIES_MAX) copies++;
  }
  if ((flags & TOMBSTONE) != 0 && copies == 0) {
    dead_segment = segment;
    dead_length = length;
  }
  uint32_t expiry = expiry_of(body);
  uint32_t what = PLACED_HERE | (live_root(before) ? LIVE_BEFORE : 0) |
                  (live_root(flags) ? LIVE_AFTER : 0) |
                  (slot[WORD_EXPIRY] != 0 ? EXPIRING_BEFORE : 0) |
                  (expiry != 0 ? EXPIRING_AFTER : 0);
  slot[WORD_SEGMENT] = segment;
  slot[WORD_OFFSET] = offset;
  slot[WORD_LENGTH] = length;
  slot[WORD_FLAGS] = flags | copies << COPIES_SHIFT;
  slot[WORD_EXPIRY] = expiry;
  row[0] = slot[WORD_KEYSPACE];
  row[1] = dead_length;
  row[3] = what;
  row[4] = dead_segment;
}

/* Ends at the first row with an exception pending. */
static void run(struct placing *placing, volatile uint32_t *rows, uint32_t count) {
  struct sought ring[SLOTS_AHEAD];
  uint32_t asked = 0;
  for (uint32_t done = 0; done < count; done++) {
    for (; asked < count && asked < done + SLOTS_AHEAD; asked++) {
      if (asked + BODIES_AHEAD < count) {
        uint32_t ahead = rows[(size_t)(asked + BODIES_AHEAD) * ROW];
        if (ahead < placing->run.length) __builtin_prefetch(placing->run.data + ahead);
      }
      if (!begin(placing, rows[(size_t)asked * ROW], &ring[asked % SLOTS_AHEAD])) return;
    }
    const struct sought *sought = &ring[done % SLOTS_AHEAD];
    volatile uint32_t *row = rows + (size_t)done * ROW;
    row[3] = 0;
    if (sought->body == NULL) continue;
    uint32_t *slot = slots_find(&placing->slots, sought);
    if (slot == NULL || slot[WORD_KEYSPACE] != get32(sought->body + KEYSPACE_AT)) continue;
    place(slot, sought->body, placing->segment, row);
  }
}

/*
 * placeMany(shards, capacities, generation, run, segment, rows, count): places the records whose
 * bodies stand in `run` in this segment, and fills in the rows.
 */
napi_value slots_place_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct placing placing;
  uint32_t *rows;
  size_t length;
  uint32_t count;
  if (!call_begin(&call, env, info, 7) || !call_slots(&call, &placing.slots) ||
      !call_bytes(&call, 3, &placing.run) || !call_u32(&call, 4, &placing.segment) ||
      !call_results(&call, 5, &rows, &length) || !call_u32(&call, 6, &count))
    return NULL;
  if ((uint64_t)count * ROW > length) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  run(&placing, rows, count);
  return NULL;
}

/*
 * touchMany(shards, capacities, generation, keys, at, stride, count): brings the slots of `count`
 * keys, which stand in `keys` from `at` on every `stride` bytes, into the processor's cache. Keys
 * beyond the end are left out.
 */
napi_value slots_touch_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct slots slots;
  struct bytes keys;
  uint32_t at, stride, count;
  struct sought sought;
  if (!call_begin(&call, env, info, 7) || !call_slots(&call, &slots) ||
      !call_bytes(&call, 3, &keys) || !call_u32(&call, 4, &at) || !call_u32(&call, 5, &stride) ||
      !call_u32(&call, 6, &count))
    return NULL;
  for (size_t from = at, n = 0; n < count; n++, from += stride) {
    if (keys.length < KEY_BYTES || from > keys.length - KEY_BYTES) break;
    if (!slots_ask(&slots, keys.data + from, &sought)) break;
  }
  return NULL;
}
