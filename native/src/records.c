/*
 * Entries of the resident set into the records of a run, many at a time. What they are stands in
 * src/keyspace/entries.ts, entry/record.ts, entry/root.ts and files/framing.ts; src/node/encoder.ts
 * does the same one by one, and waits for memory most of the time. Here what comes later is under
 * way meanwhile.
 *
 * Whatever is not an ordinary record is left to the caller: the call ends in front of it. The
 * hazard is memory: entries name their places by numbers, and every one is checked before use.
 */
#include "entries.h"
#include "formats.h"

/* The text of a root. */
#define ROOT_HEADER_BYTES 18
#define MARK_COMPRESSIBLE 1

/* What a physical key is the MAC of: 'R', group, keyspace, name. */
#define NAME_HEAD_BYTES 7
#define NAME_BYTES_MAX 1024

/*
 * How far ahead entries, and what they hold, are asked for: all of a record of a kilobyte; the rest
 * of a longer one the processor fetches by itself. Asked earlier, it forgets some: it remembers two
 * dozen lines or so.
 */
#define LINES_AHEAD 24
#define BODIES_AHEAD 3
#define AHEAD_BYTES 1088

/* Integers in front of the live keyspaces in the order of a call. */
enum order {
  ORDER_FROM,
  ORDER_END,
  ORDER_AT,
  ORDER_AT_MAX,
  ORDER_GROUP,
  ORDER_TS_HIGH,
  ORDER_TS_LOW,
  ORDER_LONG,
  ORDER_HEAD
};

struct encoding {
  struct call *call;
  struct key *mac;
  int32_t *lines;
  size_t line_count;
  struct bytes pieces[PIECES_MAX]; /* data NULL: not asked for yet */
  uint32_t piece_count;
  const uint32_t *ids;
  struct bytes run;
  uint32_t *order;
  size_t live_count;
};

static bool call_lines(struct call *call, size_t index, struct encoding *encoding) {
  size_t length;
  if (!call_integers(call, index, &encoding->lines, &length)) return false;
  if ((uintptr_t)encoding->lines % sizeof(double) != 0)
    return throw_type(call->env, "an Int32Array is needed");
  encoding->line_count = length / LINE_WORDS;
  return true;
}

/* The piece of this number; NULL with an exception pending. */
static const struct bytes *piece_of(struct encoding *encoding, uint32_t number) {
  struct bytes *piece = &encoding->pieces[number];
  if (piece->data != NULL) return piece;
  void *data = NULL;
  if (!call_element(encoding->call, 2, number, napi_uint8_array, &data, &piece->length) ||
      data == NULL) {
    throw_type(encoding->call->env, "pieces of memory are needed");
    return NULL;
  }
  piece->data = data;
  return piece;
}

/* The fields of an entry: of a line that exists, or NULL. */
static int32_t *line_of(const struct encoding *encoding, uint32_t id) {
  return id < encoding->line_count ? encoding->lines + (size_t)id * LINE_WORDS : NULL;
}

static uint64_t whole(double value) {
  return value >= 0 && value < 9007199254740992.0 ? (uint64_t)value : 0;
}

/*
 * Where the memory of an entry begins, and how much of its piece is left there. False: it is in no
 * piece, or an exception is pending.
 */
static bool memory_of(struct encoding *encoding, const int32_t *line, struct bytes *out) {
  uint32_t number;
  size_t at;
  if (!line_place(line, encoding->piece_count, &number, &at)) return false;
  const struct bytes *piece = piece_of(encoding, number);
  if (piece == NULL || at > piece->length) return false;
  *out = (struct bytes){.data = piece->data + at, .length = piece->length - at};
  return true;
}

static void ask_ahead(struct encoding *encoding, uint32_t n, uint32_t end) {
  if (n + LINES_AHEAD < end) {
    const int32_t *line = line_of(encoding, encoding->ids[n + LINES_AHEAD]);
    if (line != NULL) __builtin_prefetch(line, 1);
  }
  if (n + BODIES_AHEAD >= end) return;
  const int32_t *line = line_of(encoding, encoding->ids[n + BODIES_AHEAD]);
  struct bytes memory;
  if (line == NULL || !memory_of(encoding, line, &memory)) return;
  uint64_t held = KEY_BYTES + (uint64_t)(uint32_t)line[WORD_KEY_LENGTH] +
                  (uint32_t)line[WORD_VALUE_LENGTH];
  if (held > memory.length) held = memory.length;
  if (held > AHEAD_BYTES) held = AHEAD_BYTES;
  for (size_t at = 0; at < held; at += 64) __builtin_prefetch(memory.data + at);
}

static bool is_live(const struct encoding *encoding, uint32_t keyspace) {
  for (size_t n = 0; n < encoding->live_count; n++)
    if (encoding->order[ORDER_HEAD + n] == keyspace) return true;
  return false;
}

/* PhysicalKeys.root: into the 16 bytes in front of the key. */
static void sign_name(const struct encoding *encoding, uint32_t keyspace, uint8_t *memory,
                      uint32_t key_length) {
  uint8_t name[NAME_HEAD_BYTES + NAME_BYTES_MAX];
  name[0] = 'R';
  name[1] = (uint8_t)(encoding->order[ORDER_GROUP] >> 8);
  name[2] = (uint8_t)encoding->order[ORDER_GROUP];
  put32(name + 3, keyspace);
  memcpy(name + NAME_HEAD_BYTES, memory + KEY_BYTES, key_length);
  mac_sign_into(encoding->mac, name, NAME_HEAD_BYTES + key_length, memory, KEY_BYTES);
}

/* Writes the frame of an entry, as SegmentRun.put and writeRootHeader do. */
static void write_frame(const struct encoding *encoding, uint8_t *frame, const int32_t *line,
                        const uint8_t *memory, uint32_t copied) {
  const uint32_t *order = encoding->order;
  uint32_t flags = (uint32_t)line[WORD_FLAGS];
  uint32_t value_length = (uint32_t)line[WORD_VALUE_LENGTH];
  put32(frame, TEXT_AT + TAG_BYTES + ROOT_HEADER_BYTES + copied);
  put32(frame + 4, value_length >= order[ORDER_LONG] ? MARK_COMPRESSIBLE : 0);
  uint8_t *body = frame + FRAME_HEADER_BYTES;
  body[0] = KIND_PUT;
  memcpy(body + KEY_AT, memory, KEY_BYTES);
  body[ROOT_AT] = 1;
  put32(body + KEYSPACE_AT, (uint32_t)line[WORD_KEYSPACE]);
  put64(body + EXPIRE_AT_AT, whole(line_double(line, DOUBLE_EXPIRE_AT)));
  put32(body + COMMIT_TS_AT, order[ORDER_TS_HIGH]);
  put32(body + COMMIT_TS_AT + 4, order[ORDER_TS_LOW]);
  uint8_t *text = body + TEXT_AT;
  text[0] = (uint8_t)(flags & FLAG_TYPE);
  text[1] = (flags & FLAG_RAW) != 0;
  put64(text + 2, whole(line_double(line, DOUBLE_INDEX)));
  put32(text + 10, (uint32_t)line[WORD_ORDINAL]);
  put32(text + 14, (uint32_t)line[WORD_KEY_LENGTH]);
  memcpy(text + ROOT_HEADER_BYTES, memory + KEY_BYTES, copied);
}

/* False: this entry is for the caller, or an exception is pending. */
static bool encode_one(struct encoding *encoding, uint32_t id) {
  int32_t *line = line_of(encoding, id);
  if (line == NULL) return false;
  uint32_t flags = (uint32_t)line[WORD_FLAGS];
  if ((flags & FLAG_FROZEN) == 0) return true;
  uint32_t keyspace = (uint32_t)line[WORD_KEYSPACE];
  if ((flags & FLAG_DELETED) != 0 || !is_live(encoding, keyspace)) return false;
  uint32_t key_length = (uint32_t)line[WORD_KEY_LENGTH];
  uint64_t copied = (uint64_t)key_length + (uint32_t)line[WORD_VALUE_LENGTH];
  if (key_length > NAME_BYTES_MAX) return false;
  struct bytes memory;
  if (!memory_of(encoding, line, &memory) || KEY_BYTES + copied > memory.length) return false;
  uint64_t at = encoding->order[ORDER_AT];
  uint64_t end = at + FRAME_HEADER_BYTES + TEXT_AT + TAG_BYTES + ROOT_HEADER_BYTES + copied;
  if (end > encoding->run.length || end > encoding->order[ORDER_AT_MAX]) return false;
  if ((flags & FLAG_PHYSICAL) == 0) sign_name(encoding, keyspace, memory.data, key_length);
  write_frame(encoding, encoding->run.data + at, line, memory.data, (uint32_t)copied);
  line[WORD_FLAGS] = (int32_t)((flags & ~(uint32_t)FLAG_FROZEN) | FLAG_FLYING | FLAG_PHYSICAL);
  encoding->order[ORDER_AT] = (uint32_t)end;
  return true;
}

/*
 * encodeMany(mac, lines, pieces, ids, run, order): encodes frozen entries into the run as
 * Encoder.beforeChange does. `order` holds: the first entry and the end, counted in `ids`; where
 * the next frame begins, and where the last may end; the group; the timestamp in two words; from
 * which length a value may be compressed; then the live keyspaces. The first and the third are
 * changed to how far it came. Returns the number of frames.
 */
napi_value records_encode_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct encoding encoding;
  size_t id_count, order_length;
  napi_value result = NULL;
  if (!call_begin(&call, env, info, 6)) return NULL;
  encoding.call = &call;
  encoding.mac = call_key(&call, 0, KEY_MAC);
  if (encoding.mac == NULL || !call_lines(&call, 1, &encoding) ||
      !call_table(&call, 3, &encoding.ids, &id_count) || !call_bytes(&call, 4, &encoding.run) ||
      !call_results(&call, 5, &encoding.order, &order_length))
    return NULL;
  if (napi_get_array_length(env, call.argv[2], &encoding.piece_count) != napi_ok) {
    throw_type(env, "an array is needed");
    return NULL;
  }
  if (encoding.piece_count > PIECES_MAX) encoding.piece_count = PIECES_MAX;
  uint32_t *order = encoding.order;
  if (order_length < ORDER_HEAD || order[ORDER_END] > id_count) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  encoding.live_count = order_length - ORDER_HEAD;
  for (uint32_t n = 0; n < encoding.piece_count; n++) encoding.pieces[n].data = NULL;
  uint32_t frames = 0;
  for (; order[ORDER_FROM] < order[ORDER_END]; order[ORDER_FROM]++) {
    uint32_t n = order[ORDER_FROM], before = order[ORDER_AT];
    ask_ahead(&encoding, n, order[ORDER_END]);
    if (!encode_one(&encoding, encoding.ids[n])) break;
    if (order[ORDER_AT] != before) frames++;
  }
  napi_create_uint32(env, frames, &result);
  return result;
}
