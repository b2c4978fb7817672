/*
 * What the addon knows of the resident set between its calls, and the arena's books.
 */
#include "entries.h"

#include <stdlib.h>

static bool is_power_of_two(size_t length) {
  return length >= 2 && (length & (length - 1)) == 0;
}

static bool fetch_tables(struct call *call, struct entry_cache *cache) {
  struct table *tables = cache->tables;
  for (uint32_t n = 0; n < TABLES; n++) {
    void *data = NULL;
    if (!call_element(call, 0, n, napi_int32_array, &data, &tables[n].length) || data == NULL)
      return throw_type(call->env, "an array of Int32Arrays is needed");
    /* A walk wraps round by a mask. */
    if (n < SHARDS && !is_power_of_two(tables[n].length))
      return throw_range(call->env, "a table of another size");
    tables[n].words = data;
  }
  cache->line_count = tables[TABLE_LINES].length / LINE_WORDS;
  cache->slab_count = tables[TABLE_SLABS].length / SLAB_WORDS;
  if (tables[TABLE_USED].length < SHARDS || tables[TABLE_COUNTS].length < COUNT_DOUBLES * 2 ||
      tables[TABLE_TALLY].length < 2 || tables[TABLE_FREE_IDS].length < cache->line_count ||
      tables[TABLE_CLASSES].length <= SLOT_BYTES_MAX / 8)
    return throw_range(call->env, "a table of another size");
  return true;
}

static bool fetch_pieces(struct call *call, struct entry_cache *cache) {
  uint32_t count;
  if (napi_get_array_length(call->env, call->argv[1], &count) != napi_ok)
    return throw_type(call->env, "an array is needed");
  if (count > PIECES_MAX) count = PIECES_MAX;
  struct bytes *pieces = realloc(cache->pieces, (count + 1) * sizeof *pieces);
  if (pieces == NULL) return throw_plain(call->env, "out of memory");
  cache->pieces = pieces;
  for (uint32_t n = 0; n < count; n++) {
    void *data = NULL;
    if (!call_element(call, 1, n, napi_uint8_array, &data, &pieces[n].length) || data == NULL)
      return throw_type(call->env, "pieces of memory are needed");
    pieces[n].data = data;
  }
  cache->piece_count = count;
  return true;
}

struct entry_cache *call_entries(struct call *call) {
  double generation;
  if (napi_get_value_double(call->env, call->argv[2], &generation) != napi_ok) {
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

uint32_t hash_of(const int32_t *secret, uint32_t tweak, const uint8_t *key, size_t length) {
  uint32_t first = (uint32_t)secret[1], second = (uint32_t)secret[2];
  uint32_t hash = (uint32_t)secret[0] ^ tweak;
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

/* The slab of this number plus one, or NULL. */
static int32_t *slab_at(const struct entry_cache *cache, uint32_t number) {
  if (number == 0 || number > cache->slab_count) return NULL;
  return cache->tables[TABLE_SLABS].words + (size_t)(number - 1) * SLAB_WORDS;
}

/* First slab with room of a class; NULL: no such class. */
static int32_t *head_of(const struct entry_cache *cache, const int32_t *slab, uint32_t *size) {
  uint32_t class = (uint32_t)slab[SLAB_CLASS];
  const struct table *sizes = &cache->tables[TABLE_SIZES];
  const struct table *heads = &cache->tables[TABLE_HEADS];
  if (class >= sizes->length || class >= heads->length) return NULL;
  *size = (uint32_t)sizes->words[class];
  return heads->words + class;
}

/* The memory of a slot; NULL: in no piece. */
static uint8_t *slot_memory(const struct entry_cache *cache, uint64_t address, uint32_t size) {
  uint64_t number = address >> PIECE_BITS, at = address & ((1u << PIECE_BITS) - 1);
  if (number >= cache->piece_count || at + size > cache->pieces[number].length) return NULL;
  return cache->pieces[number].data + at;
}

static void add_to_tally(struct entry_cache *cache, double bytes) {
  int32_t *words = cache->tables[TABLE_TALLY].words;
  set_line_double(words, 0, line_double(words, 0) + bytes);
}

static void unlist(struct entry_cache *cache, int32_t *head, int32_t *slab) {
  int32_t *previous = slab_at(cache, (uint32_t)slab[SLAB_PREVIOUS]);
  int32_t *next = slab_at(cache, (uint32_t)slab[SLAB_NEXT]);
  slab[SLAB_STATE] &= ~SLAB_LISTED;
  if (previous == NULL) *head = slab[SLAB_NEXT];
  else previous[SLAB_NEXT] = slab[SLAB_NEXT];
  if (next != NULL) next[SLAB_PREVIOUS] = slab[SLAB_PREVIOUS];
}

static void list(struct entry_cache *cache, int32_t *head, int32_t *slab, uint32_t number) {
  int32_t *next = slab_at(cache, (uint32_t)*head);
  slab[SLAB_STATE] |= SLAB_LISTED;
  slab[SLAB_PREVIOUS] = 0;
  slab[SLAB_NEXT] = *head;
  if (next != NULL) next[SLAB_PREVIOUS] = (int32_t)number;
  *head = (int32_t)number;
}

bool arena_allocate(struct entry_cache *cache, uint32_t bytes, double *address, uint32_t *room,
                    uint8_t **memory) {
  if (bytes > SLOT_BYTES_MAX) return false;
  uint32_t class = (uint32_t)cache->tables[TABLE_CLASSES].words[(bytes + 7) / 8];
  if (class >= cache->tables[TABLE_HEADS].length) return false;
  int32_t number = cache->tables[TABLE_HEADS].words[class];
  int32_t *slab = slab_at(cache, (uint32_t)number);
  uint32_t size;
  int32_t *head = slab == NULL ? NULL : head_of(cache, slab, &size);
  if (head == NULL || size < bytes) return false;
  bool reused = slab[SLAB_FREE] != 0;
  uint32_t slot = (uint32_t)(reused ? word_sum(slab[SLAB_FREE], -1) : slab[SLAB_FRESH]);
  if (slab[SLAB_SLOTS] < 0 || slot >= (uint32_t)slab[SLAB_SLOTS]) return false;
  uint64_t place = ((uint64_t)(uint32_t)(number - 1) << SLAB_BITS) + (uint64_t)slot * size;
  *memory = slot_memory(cache, place, size);
  if (*memory == NULL) return false;
  if (reused) memcpy(&slab[SLAB_FREE], *memory, sizeof *slab);
  else slab[SLAB_FRESH]++;
  slab[SLAB_USED] = word_sum(slab[SLAB_USED], 1);
  if (slab[SLAB_USED] == slab[SLAB_SLOTS]) unlist(cache, head, slab);
  add_to_tally(cache, size);
  *address = (double)place;
  *room = size;
  return true;
}

bool arena_free(struct entry_cache *cache, double address) {
  if (!(address >= 0) || address >= (double)((uint64_t)cache->slab_count << SLAB_BITS))
    return false;
  uint64_t place = (uint64_t)address;
  uint32_t number = (uint32_t)(place >> SLAB_BITS) + 1;
  int32_t *slab = slab_at(cache, number);
  uint32_t size;
  int32_t *head = slab == NULL ? NULL : head_of(cache, slab, &size);
  /* Who empties a slab decides what becomes of it. */
  if (head == NULL || size == 0 || slab[SLAB_USED] < 2 || (slab[SLAB_STATE] & SLAB_DRAINING) != 0)
    return false;
  uint8_t *memory = slot_memory(cache, place, sizeof *slab);
  if (memory == NULL) return false;
  memcpy(memory, &slab[SLAB_FREE], sizeof *slab);
  slab[SLAB_FREE] = (int32_t)((place & ((1u << SLAB_BITS) - 1)) / size) + 1;
  slab[SLAB_USED]--;
  add_to_tally(cache, -(double)size);
  if ((slab[SLAB_STATE] & SLAB_LISTED) == 0) list(cache, head, slab, number);
  return true;
}
