/*
 * Brings what look-ups of many keys in the resident set will read into the processor's cache: the
 * slot of the table, the entry, the beginning of its key and value. Changes nothing but the hashes
 * that it tells; src/keyspace/entries.ts does the same one by one, and waits for memory.
 *
 * The hazard is memory that has moved: where tables and pieces stand is kept from call to call, and
 * the caller names another generation when one is not where it was.
 */
#include "entries.h"

#include <stdlib.h>

#define SHARDS 64u
#define KEYS_MAX 64u

/* Rows: seed, first and second multiplier, count; then start, end, tweak and hash of each key. */
enum head { HEAD_SEED, HEAD_FIRST, HEAD_SECOND, HEAD_COUNT, HEAD_WORDS };
enum row { ROW_START, ROW_END, ROW_TWEAK, ROW_HASH, ROW_WORDS };

/* Slots of a walk that are looked at: the line of the first one. */
#define WALK_SLOTS 8

struct table {
  const int32_t *words;
  size_t length;
};

struct entry_cache {
  double generation;
  struct table shards[SHARDS];
  const int32_t *lines;
  size_t line_count;
  struct bytes *pieces;
  uint32_t piece_count;
};

static bool fetch_tables(struct call *call, struct entry_cache *cache) {
  for (uint32_t n = 0; n < SHARDS; n++) {
    void *data = NULL;
    struct table *shard = &cache->shards[n];
    if (!call_element(call, 0, n, napi_int32_array, &data, &shard->length) || data == NULL)
      return throw_type(call->env, "an array of Int32Arrays is needed");
    /* A walk wraps round by a mask. */
    if (shard->length < 2 || (shard->length & (shard->length - 1)) != 0)
      return throw_range(call->env, "a table of another size");
    shard->words = data;
  }
  int32_t *lines;
  if (!call_integers(call, 1, &lines, &cache->line_count)) return false;
  cache->lines = lines;
  cache->line_count /= LINE_WORDS;
  return true;
}

static bool fetch_pieces(struct call *call, struct entry_cache *cache) {
  uint32_t count;
  if (napi_get_array_length(call->env, call->argv[2], &count) != napi_ok)
    return throw_type(call->env, "an array is needed");
  if (count > PIECES_MAX) count = PIECES_MAX;
  struct bytes *pieces = realloc(cache->pieces, (count + 1) * sizeof *pieces);
  if (pieces == NULL) return throw_plain(call->env, "out of memory");
  cache->pieces = pieces;
  for (uint32_t n = 0; n < count; n++) {
    void *data = NULL;
    if (!call_element(call, 2, n, napi_uint8_array, &data, &pieces[n].length) || data == NULL)
      return throw_type(call->env, "pieces of memory are needed");
    pieces[n].data = data;
  }
  cache->piece_count = count;
  return true;
}

/* What the first four arguments name; NULL with an exception pending. */
static struct entry_cache *call_entries(struct call *call) {
  double generation;
  if (napi_get_value_double(call->env, call->argv[3], &generation) != napi_ok) {
    throw_type(call->env, "a number is needed");
    return NULL;
  }
  struct entry_cache *cache = call->state->entries;
  if (cache == NULL) {
    cache = call->state->entries = calloc(1, sizeof *cache);
    if (cache == NULL) {
      throw_plain(call->env, "out of memory");
      return NULL;
    }
  }
  if (cache->generation == generation) return cache;
  cache->generation = 0;
  cache->piece_count = 0;
  if (!fetch_tables(call, cache) || !fetch_pieces(call, cache)) return NULL;
  cache->generation = generation;
  return cache;
}

void entry_cache_free(struct entry_cache *cache) {
  if (cache == NULL) return;
  free(cache->pieces);
  free(cache);
}

static uint32_t rotated(uint32_t word, int by) { return word << by | word >> (32 - by); }

/* hashKey of src/keyspace/hash.ts. */
static uint32_t hash_of(const int32_t *head, uint32_t tweak, const uint8_t *key, size_t length) {
  uint32_t first = (uint32_t)head[HEAD_FIRST], second = (uint32_t)head[HEAD_SECOND];
  uint32_t hash = (uint32_t)head[HEAD_SEED] ^ tweak;
  size_t at = 0;
  for (; at + 4 <= length; at += 4) {
    uint32_t word;
    memcpy(&word, key + at, sizeof word);
    hash ^= rotated(word * first, 15) * second;
    hash = rotated(hash, 13) * 5 + 0xe6546b64u;
  }
  uint32_t tail = 0;
  for (int shift = 0; at < length; at++, shift += 8) tail |= (uint32_t)key[at] << shift;
  hash ^= rotated(tail * first, 15) * second;
  hash ^= (uint32_t)length;
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}

static const struct table *shard_of(const struct entry_cache *cache, uint32_t hash, size_t *home) {
  const struct table *shard = &cache->shards[hash % SHARDS];
  *home = (hash >> 5) & (shard->length - 1) & ~(size_t)1;
  return shard;
}

/* The entry that has this hash; NULL: none near the beginning of the walk. */
static const int32_t *seek(const struct entry_cache *cache, uint32_t hash) {
  size_t at;
  const struct table *shard = shard_of(cache, hash, &at);
  for (int n = 0; n < WALK_SLOTS; n++, at = (at + 2) & (shard->length - 1)) {
    uint32_t id = (uint32_t)shard->words[at + 1];
    if (id == 0) return NULL;
    if ((uint32_t)shard->words[at] == hash)
      return id < cache->line_count ? cache->lines + (size_t)id * LINE_WORDS : NULL;
  }
  return NULL;
}

/* The first line alone: of more than the processor can ask for at once, some are forgotten. */
static void ask_memory(const struct entry_cache *cache, const int32_t *line) {
  uint32_t number;
  size_t at;
  if (!line_place(line, cache->piece_count, &number, &at)) return;
  const struct bytes *piece = &cache->pieces[number];
  if (at < piece->length) __builtin_prefetch(piece->data + at);
}

/* touchKeys(shards, lines, pieces, generation, buffer, rows): fills in the hashes. */
napi_value entries_touch_keys(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes buffer;
  int32_t *rows;
  size_t length;
  if (!call_begin(&call, env, info, 6) || !call_bytes(&call, 4, &buffer) ||
      !call_integers(&call, 5, &rows, &length))
    return NULL;
  const struct entry_cache *cache = call_entries(&call);
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
    uint32_t hash = hash_of(rows, (uint32_t)row[ROW_TWEAK], buffer.data + start, end - start);
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
  for (uint32_t n = 0; n < count; n++)
    if (found[n] != NULL) ask_memory(cache, found[n]);
  return NULL;
}
