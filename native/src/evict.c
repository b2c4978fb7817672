/*
 * Evicts clean entries of the resident set, as Resident.evict does one by one: the slots of the
 * table that the next removals will look for are under way meanwhile. An entry whose removal needs
 * more than the books (a large buffer, the last one of a slab) is left to the caller.
 */
#include "entries.h"

/* Entries whose slots are asked for together. */
#define AHEAD 16u
#define PINNED (FLAG_DIRTY | FLAG_FROZEN | FLAG_FLYING)

enum order {
  ORDER_HAND, /* the entry looked at last; told back */
  ORDER_STEPS, /* entries to look at, at most; told back: what is left of them */
  ORDER_LIMIT_HIGH, /* bytes that may stay: entries and their slots */
  ORDER_LIMIT_LOW,
  ORDER_MOVABLE, /* told back: 1 if an entry was met that is not pinned */
  ORDER_KEYSPACES, /* those that live */
  ORDER_WORDS = ORDER_KEYSPACES + 16
};

static bool is_live(const int32_t *order, int32_t keyspace) {
  for (int n = 0; n < 16; n++)
    if (order[ORDER_KEYSPACES + n] == keyspace) return true;
  return false;
}

static double bytes_of(const struct entry_cache *cache) {
  double slots = line_double(cache->tables[TABLE_TALLY].words, 0);
  return slots + count_get(cache, COUNT_ENTRIES) * ENTRY_BYTES;
}

static void ask_for(struct entry_cache *cache, uint32_t id) {
  for (uint32_t n = 0; n < AHEAD; n++) {
    const int32_t *line = line_at(cache, id + n);
    if (line == NULL) return;
    if (line[WORD_FLAGS] == 0 || ((uint32_t)line[WORD_FLAGS] & PINNED) != 0) continue;
    size_t home;
    const struct table *shard = shard_of(cache, (uint32_t)line[WORD_HASH], &home);
    struct bytes memory;
    __builtin_prefetch(shard->words + home, 1);
    if (line_memory(cache, line, &memory)) __builtin_prefetch(memory.data, 1);
  }
}

/* Where the id stands in its shard; false: nowhere. */
static bool slot_of(const struct table *shard, size_t *at, uint32_t id) {
  for (size_t left = shard->length; left > 0; left -= 2) {
    if ((uint32_t)shard->words[*at + 1] == id) return true;
    *at = (*at + 2) & (shard->length - 1);
  }
  return false;
}

/* shiftBack of src/keyspace/table.ts. */
static void shift_back(const struct table *shard, size_t hole) {
  size_t mask = shard->length - 1, left = shard->length;
  for (size_t at = (hole + 2) & mask; shard->words[at + 1] != 0; at = (at + 2) & mask) {
    if ((left -= 2) == 0) break;
    size_t home = ((uint32_t)shard->words[at] >> 5) & mask & ~(size_t)1;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    shard->words[hole] = shard->words[at];
    shard->words[hole + 1] = shard->words[at + 1];
    hole = at;
  }
  shard->words[hole + 1] = 0;
}

/* Entries.remove. False, and nothing has changed: it is for the caller. */
static bool remove_entry(struct entry_cache *cache, int32_t *line, uint32_t id) {
  size_t at;
  uint32_t hash = (uint32_t)line[WORD_HASH];
  const struct table *shard = shard_of(cache, hash, &at);
  double free_ids = count_get(cache, COUNT_FREE_IDS);
  if (!(free_ids >= 0) || free_ids >= (double)cache->tables[TABLE_FREE_IDS].length ||
      !slot_of(shard, &at, id) || !arena_free(cache, line_double(line, DOUBLE_ADDRESS)))
    return false;
  shift_back(shard, at);
  int32_t *used = &cache->tables[TABLE_USED].words[hash % SHARDS];
  *used = word_sum(*used, -1);
  line[WORD_FLAGS] = 0;
  line[WORD_KEYSPACE] = 0;
  cache->tables[TABLE_FREE_IDS].words[(size_t)free_ids] = (int32_t)id;
  count_set(cache, COUNT_FREE_IDS, free_ids + 1);
  count_set(cache, COUNT_ENTRIES, count_get(cache, COUNT_ENTRIES) - 1);
  return true;
}

/* False: the entry is for the caller. */
static bool look_at(struct entry_cache *cache, int32_t *order, uint32_t id) {
  int32_t *line = line_at(cache, id);
  if (line == NULL) return false;
  uint32_t flags = (uint32_t)line[WORD_FLAGS];
  if (flags == 0 || (flags & PINNED) != 0) return true;
  if ((flags & FLAG_USED) == 0 || !is_live(order, line[WORD_KEYSPACE])) {
    if (!remove_entry(cache, line, id)) return false;
  } else line[WORD_FLAGS] = (int32_t)(flags & ~(uint32_t)FLAG_USED);
  order[ORDER_MOVABLE] = 1;
  return true;
}

/* evictMany(tables, pieces, generation, order): ends early in front of an entry for the caller. */
napi_value entries_evict_many(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t *order;
  size_t length;
  if (!call_begin(&call, env, info, 4) || !call_integers(&call, 3, &order, &length)) return NULL;
  struct entry_cache *cache = call_entries(&call);
  if (cache == NULL) return NULL;
  if (length < ORDER_WORDS) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  double limit = order[ORDER_LIMIT_HIGH] * 4294967296.0 + (uint32_t)order[ORDER_LIMIT_LOW];
  double top = count_get(cache, COUNT_TOP);
  for (; order[ORDER_STEPS] > 0 && count_get(cache, COUNT_ENTRIES) > 0 && bytes_of(cache) > limit;
       order[ORDER_STEPS]--) {
    uint32_t id = (uint32_t)order[ORDER_HAND];
    id = (double)id >= top ? 1 : id + 1;
    if ((uint32_t)order[ORDER_STEPS] % AHEAD == 0) ask_for(cache, id);
    if (!look_at(cache, order, id)) break;
    order[ORDER_HAND] = (int32_t)id;
  }
  return NULL;
}
