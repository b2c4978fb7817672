/*
 * What a compaction asks the record index, many records at a time: which records of a segment are
 * live, and that the slots follow the live ones to their copies. What that means stands in
 * src/store/segments/judging.ts and following.ts, which do the same one by one; whatever is not
 * ordinary is left to them. The lines of later records are under way while earlier ones are dealt
 * with.
 *
 * The hazard is memory: every place that JavaScript names is checked before it is used.
 */
#include "formats.h"
#include "slots.h"

/* An entry of a hint: the header of the record, where its frame begins, bytes of its body. */
#define ENTRY_BYTES (HEADER_BYTES + 8)
#define OFFSET_AT HEADER_BYTES

/* Fates of following.ts. */
#define DEAD 0u
#define COPIED 1u
#define UNDECIDED 3u
#define DEAD_FOLLOWED 4u
#define COPY_FOLLOWED 5u

#define AHEAD 16

/* Integers of the order of a call. */
enum order { ORDER_SEGMENT, ORDER_OUTPUT, ORDER_FROM, ORDER_END, ORDER_COUNT };

struct records {
  struct slots slots;
  struct bytes entries;
  struct bytes fates;
  const uint32_t *order;
  uint32_t asked;
  struct sought ring[AHEAD];
};

/* Arguments 0 to 4, and the order at `order_at`. */
static bool call_records(struct call *call, size_t order_at, struct records *records) {
  size_t length;
  if (!call_slots(call, &records->slots) || !call_bytes(call, 3, &records->entries) ||
      !call_bytes(call, 4, &records->fates) ||
      !call_table(call, order_at, &records->order, &length))
    return false;
  if (length < ORDER_COUNT) return throw_range(call->env, "table shorter than its count");
  uint32_t end = records->order[ORDER_END];
  if (end > records->fates.length || (uint64_t)end * ENTRY_BYTES > records->entries.length)
    return throw_range(call->env, "range outside the buffer");
  records->asked = records->order[ORDER_FROM];
  return true;
}

static const uint8_t *entry_of(const struct records *records, uint32_t n) {
  return records->entries.data + (size_t)n * ENTRY_BYTES;
}

/* The slot of record `n`, or NULL; `*failed` with an exception pending. */
static uint32_t *slot_of(struct records *records, uint32_t n, uint32_t end, bool *failed) {
  for (; records->asked < end && records->asked - n < AHEAD; records->asked++) {
    struct sought *sought = &records->ring[records->asked % AHEAD];
    if (slots_ask(&records->slots, entry_of(records, records->asked) + KEY_AT, sought)) continue;
    *failed = true;
    return NULL;
  }
  return slots_find(&records->slots, &records->ring[n % AHEAD]);
}

/* RecordIndex.isAt of the place that the entry names. */
static bool is_here(const struct records *records, const uint32_t *slot, const uint8_t *entry) {
  return (slot[WORD_FLAGS] & PLACED) != 0 &&
         slot[WORD_SEGMENT] == records->order[ORDER_SEGMENT] &&
         slot[WORD_OFFSET] == get32(entry + OFFSET_AT);
}

/* A put that never expires. */
static bool is_lasting(const uint8_t *entry) {
  return entry[0] == KIND_PUT && get32(entry + EXPIRE_AT_AT) == 0 &&
         get32(entry + EXPIRE_AT_AT + 4) == 0;
}

/*
 * judgeMany(shards, capacities, generation, entries, fates, order): decides about the records from
 * `order[2]` to `order[3]` of segment `order[0]`, as judging.ts does.
 */
napi_value slots_judge_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct records records;
  bool failed = false;
  if (!call_begin(&call, env, info, 6) || !call_records(&call, 5, &records)) return NULL;
  uint32_t end = records.order[ORDER_END];
  for (uint32_t n = records.order[ORDER_FROM]; n < end; n++) {
    const uint8_t *entry = entry_of(&records, n);
    const uint32_t *slot = slot_of(&records, n, end, &failed);
    if (failed) return NULL;
    uint32_t fate = DEAD;
    if (slot != NULL && is_here(&records, slot, entry))
      fate = is_lasting(entry) ? COPIED : UNDECIDED;
    records.fates.data[n] = (uint8_t)fate;
  }
  return NULL;
}

/* followRecord for what is ordinary: the fate that says so, or the one that it had. */
static uint32_t follow(const struct records *records, uint32_t *slot, const uint8_t *entry,
                       uint32_t fate, const uint32_t *copy) {
  if (slot == NULL) return fate == DEAD ? DEAD_FOLLOWED : fate;
  bool here = is_here(records, slot, entry);
  uint32_t flags = slot[WORD_FLAGS], copies = flags >> COPIES_SHIFT;
  if (fate == COPIED && here && (flags & TOMBSTONE) == 0) {
    slot[WORD_SEGMENT] = records->order[ORDER_OUTPUT];
    slot[WORD_OFFSET] = copy[0];
    slot[WORD_LENGTH] = copy[1];
    return COPY_FOLLOWED;
  }
  if (fate != DEAD || here) return fate;
  /* A tombstone over nothing is dead, too. */
  if ((flags & TOMBSTONE) != 0 && copies == 1) return fate;
  if (copies > 0 && copies < COPIES_MAX) slot[WORD_FLAGS] = flags - (1u << COPIES_SHIFT);
  return DEAD_FOLLOWED;
}

/*
 * followMany(shards, capacities, generation, entries, fates, copies, order): the slots of the
 * records from `order[2]` to `order[3]` of segment `order[0]` follow them to segment `order[1]`,
 * where `copies` has offset and length of each. Fates tell which ones did.
 */
napi_value slots_follow_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct records records;
  const uint32_t *copies;
  size_t length;
  bool failed = false;
  if (!call_begin(&call, env, info, 7) || !call_records(&call, 6, &records) ||
      !call_table(&call, 5, &copies, &length))
    return NULL;
  uint32_t end = records.order[ORDER_END];
  if ((uint64_t)end * 2 > length) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  for (uint32_t n = records.order[ORDER_FROM]; n < end; n++) {
    uint32_t *slot = slot_of(&records, n, end, &failed);
    if (failed) return NULL;
    uint8_t *fate = &records.fates.data[n];
    *fate = (uint8_t)follow(&records, slot, entry_of(&records, n), *fate, copies + (size_t)n * 2);
  }
  return NULL;
}
