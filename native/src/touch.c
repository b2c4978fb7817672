/*
 * Brings what look-ups of many keys in the resident set will read into the processor's cache: the
 * slot of the table, the entry, the beginning of its key and value. Changes nothing but the hashes
 * that it tells; src/keyspace/many.ts does the same one by one, and waits for memory.
 */
#include "entries.h"

#define KEYS_MAX 64u

/* Rows: seed, first and second multiplier, count; then start, end, tweak and hash of each key. */
enum head { HEAD_SECRET, HEAD_COUNT = 3, HEAD_WORDS };
enum row { ROW_START, ROW_END, ROW_TWEAK, ROW_HASH, ROW_WORDS };

/* Slots of a walk that are looked at: the line of the first one. */
#define WALK_SLOTS 8

/* The entry that has this hash; NULL: none near the beginning of the walk. */
static const int32_t *seek(struct entry_cache *cache, uint32_t hash) {
  size_t at;
  const struct table *shard = shard_of(cache, hash, &at);
  for (int n = 0; n < WALK_SLOTS; n++, at = (at + 2) & (shard->length - 1)) {
    uint32_t id = (uint32_t)shard->words[at + 1];
    if (id == 0) return NULL;
    if ((uint32_t)shard->words[at] == hash) return line_at(cache, id);
  }
  return NULL;
}

/* touchKeys(tables, pieces, generation, buffer, rows): fills in the hashes. */
napi_value entries_touch_keys(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes buffer;
  int32_t *rows;
  size_t length;
  if (!call_begin(&call, env, info, 5) || !call_bytes(&call, 3, &buffer) ||
      !call_integers(&call, 4, &rows, &length))
    return NULL;
  struct entry_cache *cache = call_entries(&call);
  if (cache == NULL) return NULL;
  uint32_t count = length < HEAD_WORDS ? 0 : (uint32_t)rows[HEAD_COUNT];
  if (length < HEAD_WORDS + (size_t)count * ROW_WORDS || count > KEYS_MAX) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  for (uint32_t n = 0; n < count; n++) {
    int32_t *row = rows + HEAD_WORDS + (size_t)n * ROW_WORDS;
    uint32_t start = (uint32_t)row[ROW_START], end = (uint32_t)row[ROW_END];
    if (start > end || end > buffer.length) {
      throw_range(env, "range outside the buffer");
      return NULL;
    }
    uint32_t hash = hash_of(rows + HEAD_SECRET, (uint32_t)row[ROW_TWEAK], buffer.data + start,
                            end - start);
    size_t home;
    const struct table *shard = shard_of(cache, hash, &home);
    __builtin_prefetch(shard->words + home);
    row[ROW_HASH] = (int32_t)hash;
  }
  const int32_t *found[KEYS_MAX];
  for (uint32_t n = 0; n < count; n++) {
    found[n] = seek(cache, (uint32_t)rows[HEAD_WORDS + (size_t)n * ROW_WORDS + ROW_HASH]);
    if (found[n] != NULL) __builtin_prefetch(found[n]);
  }
  /* The first line alone: of more than the processor can ask for at once, some are forgotten. */
  struct bytes memory;
  for (uint32_t n = 0; n < count; n++)
    if (found[n] != NULL && line_memory(cache, found[n], &memory)) __builtin_prefetch(memory.data);
  return NULL;
}
