/*
 * Applies plain SETs of a batch to the resident set, many at a time, as Machine.plainSet and
 * Resident.replace do one by one: what the next ones will read is under way meanwhile.
 *
 * Whatever is not an ordinary SET (options, a value that needs another place, an entry that must
 * be encoded first, a table that must grow) is left to the caller: the call ends in front of it,
 * and has changed nothing of it. The hazard is memory: every number is checked before it is used.
 */
#include "entries.h"
#include "formats.h"

/* SETs whose memory is asked for together. */
#define AHEAD 16
#define TYPE_STRING 1
/* code, database, count of arguments. */
#define COMMAND_BYTES 7

/* Integers of a call. The last two parts: keyspaces by database, and the ids that became dirty. */
enum order {
  ORDER_AT, /* where the next command begins in the buffer; told back */
  ORDER_END,
  ORDER_MAX, /* commands at most */
  ORDER_CODE, /* of SET */
  ORDER_ACCESS,
  ORDER_ORDINAL, /* of the first command */
  ORDER_INDEX_HIGH,
  ORDER_INDEX_LOW,
  ORDER_OVERHEAD, /* what a record takes beside key and value */
  ORDER_SECRET, /* three */
  ORDER_DIRTY = ORDER_SECRET + 3, /* told back: how many became dirty */
  ORDER_DIRTY_BYTES, /* told back: by how much their bytes grew */
  ORDER_SHARED_BYTES, /* told back: of these, what is in memory anyway */
  ORDER_KEYSPACES,
  ORDER_IDS = ORDER_KEYSPACES + 16
};

struct set {
  const uint8_t *key;
  const uint8_t *value;
  uint32_t key_length;
  uint32_t value_length;
  uint32_t keyspace;
  uint32_t hash;
  int32_t next; /* where the command ends */
};

struct run {
  struct entry_cache *cache;
  struct bytes buffer;
  int32_t *order;
  double index;
};

/* Reads an argument behind `*at`; false: it is not all there. */
static bool read_argument(const struct run *run, size_t *at, const uint8_t **data,
                          uint32_t *length) {
  size_t end = (size_t)run->order[ORDER_END];
  if (end - *at < 4) return false;
  *length = get32(run->buffer.data + *at);
  *at += 4;
  if (*length > end - *at) return false;
  *data = run->buffer.data + *at;
  *at += *length;
  return true;
}

/* False: what stands at `at` is no plain SET of an ordinary key. */
static bool read_set(const struct run *run, size_t at, struct set *set) {
  const int32_t *order = run->order;
  if ((size_t)order[ORDER_END] - at < COMMAND_BYTES) return false;
  const uint8_t *head = run->buffer.data + at;
  if (((int32_t)head[0] << 8 | head[1]) != order[ORDER_CODE] || head[2] > 15 ||
      get32(head + 3) != 2)
    return false;
  at += COMMAND_BYTES;
  if (!read_argument(run, &at, &set->key, &set->key_length) ||
      !read_argument(run, &at, &set->value, &set->value_length))
    return false;
  if (KEY_BYTES + (uint64_t)set->key_length + set->value_length > SLOT_BYTES_MAX) return false;
  set->keyspace = (uint32_t)order[ORDER_KEYSPACES + head[2]];
  set->next = (int32_t)at;
  return true;
}

static bool is_entry_of(const struct run *run, const int32_t *line, const struct set *set) {
  struct bytes memory;
  return (uint32_t)line[WORD_KEY_LENGTH] == set->key_length &&
         (uint32_t)line[WORD_KEYSPACE] == set->keyspace &&
         line_memory(run->cache, line, &memory) &&
         memory.length >= KEY_BYTES + (size_t)set->key_length &&
         memcmp(memory.data + KEY_BYTES, set->key, set->key_length) == 0;
}

/* Entries.find: the id, 0 for none, or the highest id for a table that makes no sense. */
static uint32_t find(const struct run *run, const struct set *set) {
  size_t at;
  const struct table *shard = shard_of(run->cache, set->hash, &at);
  for (size_t left = shard->length; left > 0; left -= 2, at = (at + 2) & (shard->length - 1)) {
    uint32_t id = (uint32_t)shard->words[at + 1];
    if (id == 0) return 0;
    if ((uint32_t)shard->words[at] != set->hash) continue;
    const int32_t *line = line_at(run->cache, id);
    if (line == NULL) return UINT32_MAX;
    /* One in a large buffer of its own is the caller's. */
    if (!(line_double(line, DOUBLE_ADDRESS) >= 0)) return UINT32_MAX;
    if (is_entry_of(run, line, set)) return id;
  }
  return UINT32_MAX;
}

/* Resident.markChanged, of an entry that is not frozen. */
static void mark_changed(struct run *run, int32_t *line, uint32_t id, uint32_t place) {
  int32_t *order = run->order;
  set_line_double(line, DOUBLE_INDEX, run->index);
  line[WORD_ORDINAL] = (int32_t)((uint32_t)order[ORDER_ORDINAL] + place);
  uint32_t flags = (uint32_t)line[WORD_FLAGS];
  if ((flags & FLAG_DIRTY) != 0) return;
  line[WORD_FLAGS] = (int32_t)(flags | FLAG_DIRTY);
  order[ORDER_IDS + order[ORDER_DIRTY]++] = (int32_t)id;
  int64_t bytes =
      (int64_t)order[ORDER_OVERHEAD] + line[WORD_KEY_LENGTH] + line[WORD_VALUE_LENGTH];
  order[ORDER_DIRTY_BYTES] = word_sum(order[ORDER_DIRTY_BYTES], bytes);
  if ((flags & FLAG_FLYING) != 0)
    order[ORDER_SHARED_BYTES] = word_sum(order[ORDER_SHARED_BYTES], bytes);
}

static void fill_value(struct run *run, int32_t *line, const struct set *set, uint8_t *memory) {
  uint32_t kept = FLAG_DIRTY | FLAG_FLYING | FLAG_PHYSICAL | FLAG_LISTED;
  line[WORD_FLAGS] =
      (int32_t)(((uint32_t)line[WORD_FLAGS] & kept) | TYPE_STRING | FLAG_USED);
  set_line_double(line, DOUBLE_EXPIRE_AT, 0);
  line[WORD_ACCESS] = run->order[ORDER_ACCESS];
  memcpy(memory + KEY_BYTES + set->key_length, set->value, set->value_length);
}

/* False: this entry is for the caller. */
static bool overwrite(struct run *run, uint32_t id, const struct set *set, uint32_t place) {
  int32_t *line = line_at(run->cache, id);
  struct bytes memory;
  if (line == NULL || ((uint32_t)line[WORD_FLAGS] & FLAG_FROZEN) != 0 ||
      !line_memory(run->cache, line, &memory))
    return false;
  uint32_t needed = KEY_BYTES + set->key_length + set->value_length;
  uint32_t room = (uint32_t)line[WORD_ROOM];
  if (needed > room || needed * 2 < room || needed > memory.length) return false;
  mark_changed(run, line, id, place);
  int32_t *dirty = &run->order[ORDER_DIRTY_BYTES];
  *dirty = word_sum(*dirty, (int64_t)set->value_length - line[WORD_VALUE_LENGTH]);
  line[WORD_VALUE_LENGTH] = (int32_t)set->value_length;
  fill_value(run, line, set, memory.data);
  return true;
}

/* The id that Entries.insert would take next; 0: the lines must grow. */
static uint32_t next_id(const struct entry_cache *cache, bool *reused) {
  double count = count_get(cache, COUNT_FREE_IDS);
  *reused = count >= 1;
  if (*reused) {
    if (count > (double)cache->tables[TABLE_FREE_IDS].length) return 0;
    return (uint32_t)cache->tables[TABLE_FREE_IDS].words[(size_t)count - 1];
  }
  double top = count_get(cache, COUNT_TOP);
  return top >= 0 && top + 1 < (double)cache->line_count ? (uint32_t)top + 1 : 0;
}

static void put_slot(const struct table *shard, size_t at, uint32_t hash, uint32_t id) {
  while (shard->words[at + 1] != 0) at = (at + 2) & (shard->length - 1);
  shard->words[at] = (int32_t)hash;
  shard->words[at + 1] = (int32_t)id;
}

/* False: a table must grow first, or there is no slot for its bytes. */
static bool insert(struct run *run, const struct set *set, uint32_t place) {
  struct entry_cache *cache = run->cache;
  size_t home;
  bool reused;
  const struct table *shard = shard_of(cache, set->hash, &home);
  int32_t *used = &cache->tables[TABLE_USED].words[set->hash % SHARDS];
  uint32_t id = next_id(cache, &reused);
  int32_t *line = id == 0 ? NULL : line_at(cache, id);
  if (line == NULL || *used < 0 || ((size_t)*used + 1) * 3 > shard->length) return false;
  double address;
  uint32_t room;
  uint8_t *memory;
  uint32_t needed = KEY_BYTES + set->key_length + set->value_length;
  if (!arena_allocate(cache, needed, &address, &room, &memory)) return false;
  if (reused) count_set(cache, COUNT_FREE_IDS, count_get(cache, COUNT_FREE_IDS) - 1);
  else count_set(cache, COUNT_TOP, id);
  count_set(cache, COUNT_ENTRIES, count_get(cache, COUNT_ENTRIES) + 1);
  line[WORD_HASH] = (int32_t)set->hash;
  line[WORD_FLAGS] = 0;
  line[WORD_KEY_LENGTH] = (int32_t)set->key_length;
  line[WORD_VALUE_LENGTH] = (int32_t)set->value_length;
  line[WORD_KEYSPACE] = (int32_t)set->keyspace;
  line[WORD_ROOM] = (int32_t)room;
  set_line_double(line, DOUBLE_ADDRESS, address);
  memcpy(memory + KEY_BYTES, set->key, set->key_length);
  ++*used;
  put_slot(shard, home, set->hash, id);
  mark_changed(run, line, id, place);
  fill_value(run, line, set, memory);
  return true;
}

/* Asks for what the look-ups of these will read, and for where their values will go. */
static void ask_for(struct run *run, struct set *sets, uint32_t count) {
  size_t home;
  for (uint32_t n = 0; n < count; n++) {
    struct set *set = &sets[n];
    uint32_t tweak = set->keyspace * 0x9e3779b1u;
    set->hash = hash_of(run->order + ORDER_SECRET, tweak, set->key, set->key_length);
    const struct table *shard = shard_of(run->cache, set->hash, &home);
    __builtin_prefetch(shard->words + home, 1);
  }
  const int32_t *lines[AHEAD];
  for (uint32_t n = 0; n < count; n++) {
    const struct table *shard = shard_of(run->cache, sets[n].hash, &home);
    bool same = (uint32_t)shard->words[home] == sets[n].hash;
    lines[n] = same ? line_at(run->cache, (uint32_t)shard->words[home + 1]) : NULL;
    if (lines[n] != NULL) __builtin_prefetch(lines[n], 1);
  }
  struct bytes memory;
  for (uint32_t n = 0; n < count; n++)
    if (lines[n] != NULL && line_memory(run->cache, lines[n], &memory))
      __builtin_prefetch(memory.data, 1);
}

/* Applies the next few. @returns how many. */
static uint32_t apply_some(struct run *run, uint32_t place, uint32_t max) {
  struct set sets[AHEAD];
  uint32_t count = 0;
  for (size_t at = (size_t)run->order[ORDER_AT]; count < max && count < AHEAD; count++) {
    if (!read_set(run, at, &sets[count])) break;
    at = (size_t)sets[count].next;
  }
  ask_for(run, sets, count);
  for (uint32_t n = 0; n < count; n++) {
    uint32_t id = find(run, &sets[n]);
    bool applied = id == 0 ? insert(run, &sets[n], place + n)
                           : id != UINT32_MAX && overwrite(run, id, &sets[n], place + n);
    if (!applied) return n;
    run->order[ORDER_AT] = sets[n].next;
  }
  return count;
}

/*
 * setMany(tables, pieces, generation, buffer, order): applies SETs from order[0] on, and returns
 * how many. What it tells back of `order` counts from 0 in every call.
 */
napi_value entries_set_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct run run;
  size_t length;
  if (!call_begin(&call, env, info, 5) || !call_bytes(&call, 3, &run.buffer) ||
      !call_integers(&call, 4, &run.order, &length))
    return NULL;
  run.cache = call_entries(&call);
  if (run.cache == NULL) return NULL;
  int32_t *order = run.order;
  if (length < ORDER_IDS || order[ORDER_MAX] < 0 ||
      (size_t)order[ORDER_MAX] > length - ORDER_IDS) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  if (order[ORDER_AT] < 0 || order[ORDER_END] < order[ORDER_AT] ||
      (size_t)order[ORDER_END] > run.buffer.length) {
    throw_range(env, "range outside the buffer");
    return NULL;
  }
  run.index = (double)((uint64_t)(uint32_t)order[ORDER_INDEX_HIGH] << 32 |
                       (uint32_t)order[ORDER_INDEX_LOW]);
  order[ORDER_DIRTY] = order[ORDER_DIRTY_BYTES] = order[ORDER_SHARED_BYTES] = 0;
  uint32_t done = 0, max = (uint32_t)order[ORDER_MAX];
  while (done < max) {
    uint32_t some = apply_some(&run, done, max - done);
    done += some;
    if (some < AHEAD) break;
  }
  return int_value(env, done);
}
