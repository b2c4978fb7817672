/*
 * The frames of a run once they are sealed, many at a time: each gets its header, and is entered
 * into the run's digest, the segment's hint and the places that the index is told. The same one by
 * one, and what it is for, stands in src/store/segments/writer.ts, digest.ts, hint.ts and
 * progress.ts.
 *
 * Control records, and what there is no room for, are left to the caller: the call ends in front
 * of them. The hazard is memory: lengths are read from the run, and checked before they are used.
 */
#include "addon.h"
#include "formats.h"

#define HINT_BYTES (HEADER_BYTES + 8)
#define PLACE_WORDS 3
#define DIGEST_BYTES_MAX (4 + TEXT_AT + TAG_BYTES)

/* Integers of the order of a call. */
enum order {
  ORDER_AT,
  ORDER_END,
  ORDER_SEED,
  ORDER_POSITION,
  ORDER_SEALED,
  ORDER_DIGEST,
  ORDER_HINT,
  ORDER_PLACES,
  ORDER_WORDS
};

struct entering {
  struct bytes run, digest, hint;
  uint32_t *places;
  size_t place_words;
  uint32_t *order;
};

/* RunDigest.add. The room was checked. */
static void add_to_digest(struct entering *entering, const uint8_t *frame, uint32_t length) {
  const uint8_t *body = frame + FRAME_HEADER_BYTES;
  uint8_t *out = entering->digest.data + entering->order[ORDER_DIGEST];
  uint8_t *begin = out;
  memcpy(out, frame, 4);
  out += 4;
  if (body[0] == KIND_TOMBSTONE) {
    memcpy(out, body, HEADER_BYTES);
    out += HEADER_BYTES;
  } else if (entering->order[ORDER_SEALED] != 0) {
    memcpy(out, body, TEXT_AT);
    memcpy(out + TEXT_AT, body + length - TAG_BYTES, TAG_BYTES);
    out += TEXT_AT + TAG_BYTES;
  } else {
    memcpy(out, body, HEADER_BYTES);
    memcpy(out + HEADER_BYTES, frame + 4, 4);
    out += HEADER_BYTES + 4;
  }
  entering->order[ORDER_DIGEST] += (uint32_t)(out - begin);
}

/* HintEntries.add and RunProgress.place. The room was checked. */
static void add_to_books(struct entering *entering, const uint8_t *body, uint32_t length,
                         uint32_t offset) {
  uint32_t *order = entering->order;
  uint8_t *entry = entering->hint.data + order[ORDER_HINT];
  memcpy(entry, body, HEADER_BYTES);
  put32(entry + HEADER_BYTES, offset);
  put32(entry + HEADER_BYTES + 4, length);
  order[ORDER_HINT] += HINT_BYTES;
  uint32_t *place = entering->places + order[ORDER_PLACES];
  place[0] = offset;
  place[1] = length;
  place[2] = get32(body + KEY_AT);
  order[ORDER_PLACES] += PLACE_WORDS;
}

static bool has_room(const struct entering *entering) {
  const uint32_t *order = entering->order;
  return (uint64_t)order[ORDER_DIGEST] + DIGEST_BYTES_MAX <= entering->digest.length &&
         (uint64_t)order[ORDER_HINT] + HINT_BYTES <= entering->hint.length &&
         (uint64_t)order[ORDER_PLACES] + PLACE_WORDS <= entering->place_words;
}

/* False: this frame is for the caller. */
static bool enter_one(struct entering *entering) {
  uint32_t *order = entering->order;
  uint32_t at = order[ORDER_AT];
  if ((uint64_t)at + FRAME_HEADER_BYTES + HEADER_BYTES > order[ORDER_END]) return false;
  uint8_t *frame = entering->run.data + at, *body = frame + FRAME_HEADER_BYTES;
  uint32_t length = get32(frame);
  uint64_t next = (uint64_t)at + FRAME_HEADER_BYTES + length;
  uint32_t smallest = HEADER_BYTES;
  if (body[0] == KIND_PUT && order[ORDER_SEALED] != 0) smallest = TEXT_AT + TAG_BYTES;
  else if (body[0] == KIND_TOMBSTONE && length != HEADER_BYTES) return false;
  else if (body[0] != KIND_PUT && body[0] != KIND_TOMBSTONE) return false;
  if (length < smallest || next > order[ORDER_END] || !has_room(entering)) return false;
  uint64_t offset = (uint64_t)order[ORDER_POSITION] + at;
  if (offset > UINT32_MAX) return false;
  put64(frame + 8, order[ORDER_POSITION]);
  uint32_t start = order[ORDER_SEED] ^ (uint32_t)offset ^ (uint32_t)(length * 0x9e3779b1u);
  put32(frame + 4, crc32_from(start, frame + 8, FRAME_HEADER_BYTES - 8 + (size_t)length));
  add_to_digest(entering, frame, length);
  add_to_books(entering, body, length, (uint32_t)offset);
  order[ORDER_AT] = (uint32_t)next;
  return true;
}

/*
 * enterMany(run, digest, hint, places, order): `order` holds where the first frame begins, and the
 * end; the seed of the file; the position of the run in it; 1 if puts are sealed; and how much of
 * digest, hint and places is used. The first and the last three are changed to how far it came.
 * Returns the number of frames.
 */
napi_value frames_enter_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct entering entering;
  size_t order_length;
  napi_value result = NULL;
  if (!call_begin(&call, env, info, 5) || !call_bytes(&call, 0, &entering.run) ||
      !call_bytes(&call, 1, &entering.digest) || !call_bytes(&call, 2, &entering.hint) ||
      !call_results(&call, 3, &entering.places, &entering.place_words) ||
      !call_results(&call, 4, &entering.order, &order_length))
    return NULL;
  if (order_length < ORDER_WORDS || entering.order[ORDER_END] > entering.run.length) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  uint32_t frames = 0;
  while (entering.order[ORDER_AT] < entering.order[ORDER_END] && enter_one(&entering)) frames++;
  napi_create_uint32(env, frames, &result);
  return result;
}
