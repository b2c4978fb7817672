/*
 * The slots of the record index, as src/store/segments/shard.ts lays them out: slots.c finds and
 * places, slots_compact.c judges and moves.
 */
#ifndef STRONGROOM_SLOTS_H
#define STRONGROOM_SLOTS_H

#include "addon.h"

#define SHARD_BITS 10
#define SHARDS (1u << SHARD_BITS)

/* A slot, in words. */
#define SLOT_WORDS 10
#define WORD_SEGMENT 4
#define WORD_OFFSET 5
#define WORD_LENGTH 6
#define WORD_KEYSPACE 7
#define WORD_FLAGS 8
#define WORD_EXPIRY 9
#define USED 1u
#define ROOT 2u
#define TOMBSTONE 4u
#define PENDING 8u
#define PENDING_DELETE 16u
#define PLACED 64u
#define COPIES_SHIFT 8
#define COPIES_MAX 0xffffffu

struct shard {
  uint32_t *words; /* NULL: not asked for yet */
  size_t length;
};

/* Where the shards of a generation stand: asking for one costs more than a key's walk. */
struct shard_cache {
  double generation;
  struct shard shards[SHARDS];
};

/* The index: the first three arguments of every call. */
struct slots {
  struct call *call;
  const uint32_t *capacities;
  struct shard *shards;
};

/* A key whose slot is under way. */
struct sought {
  const uint8_t *body; /* For who asks; NULL: not a put or a tombstone */
  uint32_t key[4];
  uint32_t shard;
  size_t home; /* in words */
};

bool call_slots(struct call *call, struct slots *slots);
/* Asks for the lines where the walk of this key begins. False with an exception pending. */
bool slots_ask(struct slots *slots, const uint8_t *key, struct sought *sought);
/* The slot of a key, or NULL. */
uint32_t *slots_find(const struct slots *slots, const struct sought *sought);

#endif
