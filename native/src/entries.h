/*
 * The entries of the resident set and the arena that holds them, as src/keyspace/entries.ts and
 * arena.ts lay them out: records.c encodes them, touch.c asks for them, sets.c and evict.c change
 * them. The hazard is memory that has moved: where tables and pieces stand is kept from call to
 * call, and the caller names another generation when one is not where it was.
 */
#ifndef STRONGROOM_ENTRIES_H
#define STRONGROOM_ENTRIES_H

#include "addon.h"

/* An entry: a line of 64 bytes. */
#define LINE_WORDS 16
#define WORD_HASH 0
#define WORD_FLAGS 1
#define WORD_KEY_LENGTH 2
#define WORD_VALUE_LENGTH 3
#define WORD_KEYSPACE 4
#define WORD_ORDINAL 5
#define WORD_ACCESS 6
#define WORD_ROOM 7
/* Counted in doubles. */
#define DOUBLE_ADDRESS 4
#define DOUBLE_EXPIRE_AT 5
#define DOUBLE_INDEX 6
/* Flags of an entry. */
#define FLAG_TYPE 15
#define FLAG_DELETED 16
#define FLAG_RAW 32
#define FLAG_USED 64
#define FLAG_DIRTY 128
#define FLAG_FROZEN 256
#define FLAG_FLYING 512
#define FLAG_PHYSICAL 1024
#define FLAG_LISTED 2048
/* What an entry takes beside its slot in the arena, as it is counted. */
#define ENTRY_BYTES 80

/* The arena: addresses count through pieces of 2^24 bytes, and slabs of 2^18. */
#define PIECE_BITS 24
#define PIECES_MAX 4096
#define SLAB_BITS 18
#define SLOT_BYTES_MAX (1u << (SLAB_BITS - 2))

/* Fields of a slab; slots and slabs are told plus one. */
enum slab { SLAB_CLASS, SLAB_USED, SLAB_FREE, SLAB_FRESH, SLAB_SLOTS, SLAB_STATE, SLAB_PREVIOUS,
            SLAB_NEXT, SLAB_WORDS };
#define SLAB_LISTED 1
#define SLAB_DRAINING 2

/* The tables of a call: first the shards of the hash table, whose slots are hash and id. */
#define SHARDS 64u
enum tables { TABLE_LINES = SHARDS, TABLE_USED, TABLE_FREE_IDS, TABLE_COUNTS, TABLE_SLABS,
              TABLE_HEADS, TABLE_TALLY, TABLE_SIZES, TABLE_CLASSES, TABLES };
/* Doubles of the counts. */
enum counts { COUNT_ENTRIES, COUNT_TOP, COUNT_FREE_IDS, COUNT_DOUBLES };

struct table {
  int32_t *words;
  size_t length;
};

struct entry_cache {
  double generation;
  struct table tables[TABLES];
  size_t line_count;
  size_t slab_count;
  struct bytes *pieces;
  uint32_t piece_count;
};

/* What the first three arguments name (tables, pieces, generation); NULL: an exception pends. */
struct entry_cache *call_entries(struct call *call);

/* hashKey of src/keyspace/hash.ts; `secret` is its three integers. */
uint32_t hash_of(const int32_t *secret, uint32_t tweak, const uint8_t *key, size_t length);

/* Counts wrap round rather than being undefined: what they say is checked where it is used. */
static inline int32_t word_sum(int32_t word, int64_t by) {
  return (int32_t)((uint32_t)word + (uint32_t)by);
}

static inline double line_double(const int32_t *line, size_t at) {
  double value;
  memcpy(&value, line + at * 2, sizeof value);
  return value;
}

static inline void set_line_double(int32_t *line, size_t at, double value) {
  memcpy(line + at * 2, &value, sizeof value);
}

/*
 * Where the memory of an entry begins: its piece, and the place in it, which may lie behind the
 * piece's end. False: in none of the pieces.
 */
static inline bool line_place(const int32_t *line, uint32_t piece_count, uint32_t *piece,
                              size_t *at) {
  double address = line_double(line, DOUBLE_ADDRESS);
  if (!(address >= 0) || address >= (double)((uint64_t)piece_count << PIECE_BITS)) return false;
  uint64_t place = (uint64_t)address;
  *piece = (uint32_t)(place >> PIECE_BITS);
  *at = place & ((1u << PIECE_BITS) - 1);
  return true;
}

/* The same as bytes up to the piece's end. False: nowhere. */
static inline bool line_memory(const struct entry_cache *cache, const int32_t *line,
                               struct bytes *out) {
  uint32_t number;
  size_t at;
  if (!line_place(line, cache->piece_count, &number, &at)) return false;
  const struct bytes *piece = &cache->pieces[number];
  if (at >= piece->length) return false;
  *out = (struct bytes){.data = piece->data + at, .length = piece->length - at};
  return true;
}

/* The fields of an entry that exists, or NULL. */
static inline int32_t *line_at(const struct entry_cache *cache, uint32_t id) {
  return id < cache->line_count ? cache->tables[TABLE_LINES].words + (size_t)id * LINE_WORDS : NULL;
}

static inline struct table *shard_of(struct entry_cache *cache, uint32_t hash, size_t *home) {
  struct table *shard = &cache->tables[hash % SHARDS];
  *home = (hash >> 5) & (shard->length - 1) & ~(size_t)1;
  return shard;
}

static inline double count_get(const struct entry_cache *cache, enum counts which) {
  return line_double(cache->tables[TABLE_COUNTS].words, which);
}

static inline void count_set(struct entry_cache *cache, enum counts which, double value) {
  set_line_double(cache->tables[TABLE_COUNTS].words, which, value);
}

/*
 * A slot for `bytes` bytes, as Arena.allocate. False, and nothing has changed: there is no slab
 * with room.
 */
bool arena_allocate(struct entry_cache *cache, uint32_t bytes, double *address, uint32_t *room,
                    uint8_t **memory);
/* Arena.free. False, and nothing has changed: it is for the caller. */
bool arena_free(struct entry_cache *cache, double address);

#endif
