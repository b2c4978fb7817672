/*
 * Shared parts of the addon: the state of one environment (main thread or worker) and checked
 * access to arguments. The hazard is memory: every length and offset that JavaScript hands over is
 * checked here before it is used. Typed arrays over SharedArrayBuffers are as welcome as others.
 */
#ifndef STRONGROOM_ADDON_H
#define STRONGROOM_ADDON_H

#define NAPI_VERSION 9
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Integers of our formats are big-endian. */
static inline uint32_t get32(const uint8_t *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  return __builtin_bswap32(word);
}

static inline void put32(uint8_t *at, uint32_t word) {
  word = __builtin_bswap32(word);
  memcpy(at, &word, sizeof word);
}

static inline void put64(uint8_t *at, uint64_t word) {
  word = __builtin_bswap64(word);
  memcpy(at, &word, sizeof word);
}

enum key_kind { KEY_AEAD = 1, KEY_MAC = 2 };

/* A key of any kind. JavaScript names it by its place in `keys`, never by its address. */
struct key {
  enum key_kind kind;
};

struct sockets;
struct shard_cache;
struct entry_cache;

/* One per environment, so that worker threads share nothing. */
struct state {
  struct key **keys;
  size_t key_count; /* places in `keys`, empty ones included */
  struct sockets *sockets; /* NULL until opened; freed by its own hook */
  struct shard_cache *shards; /* NULL until slots are asked for */
  struct entry_cache *entries; /* NULL until entries are named */
};

struct bytes {
  uint8_t *data;
  size_t length;
};

/* Arguments of a call, at most seven, and the state of its environment. */
struct call {
  napi_env env;
  struct state *state;
  size_t argc;
  napi_value argv[7];
};

/* False, with a JavaScript exception pending, unless there are exactly `wanted` arguments. */
bool call_begin(struct call *call, napi_env env, napi_callback_info info, size_t wanted);

/* Each returns false with a TypeError or RangeError pending. */
bool call_bytes(struct call *call, size_t index, struct bytes *out);
bool call_table(struct call *call, size_t index, const uint32_t **rows, size_t *length);
/* The same, for rows that results are written to. */
bool call_results(struct call *call, size_t index, uint32_t **rows, size_t *length);
bool call_integers(struct call *call, size_t index, int32_t **out, size_t *length);
bool call_u32(struct call *call, size_t index, uint32_t *out);
bool call_descriptor(struct call *call, size_t index, int *out);
bool call_position(struct call *call, size_t index, int64_t *out);
/* The key that argument `index` names, or NULL with an Error pending. */
struct key *call_key(struct call *call, size_t index, enum key_kind kind);
/* The key of this name, or NULL. */
struct key *key_named(struct state *state, uint32_t name, enum key_kind kind);

/* Element `number` of the array that argument `index` is. False: it is not of this type. */
bool call_element(struct call *call, size_t index, uint32_t number, napi_typedarray_type wanted,
                  void **data, size_t *length);

/* A Number of 32 bits: a count, a descriptor or a negated errno. */
napi_value int_value(napi_env env, int64_t value);
bool throw_range(napi_env env, const char *text);
bool throw_type(napi_env env, const char *text);
bool throw_plain(napi_env env, const char *text);

/* Files the key and returns its name as a JavaScript number; on failure NULL, the key freed. */
napi_value key_add(napi_env env, struct state *state, struct key *key);
void key_free(struct key *key);
void aead_free(struct key *key);
void mac_free(struct key *key);

napi_value aead_new(napi_env env, napi_callback_info info);
napi_value aead_seal(napi_env env, napi_callback_info info);
napi_value aead_seal_from(napi_env env, napi_callback_info info);
napi_value aead_seal_many(napi_env env, napi_callback_info info);
napi_value aead_open(napi_env env, napi_callback_info info);
napi_value aead_open_many(napi_env env, napi_callback_info info);
napi_value mac_new(napi_env env, napi_callback_info info);
napi_value mac_sign(napi_env env, napi_callback_info info);
napi_value mac_sign_many(napi_env env, napi_callback_info info);
napi_value io_pread(napi_env env, napi_callback_info info);
napi_value io_pread_cached(napi_env env, napi_callback_info info);
napi_value io_pread_many(napi_env env, napi_callback_info info);
napi_value io_warm(napi_env env, napi_callback_info info);
napi_value io_send(napi_env env, napi_callback_info info);
napi_value heap_free(napi_env env, napi_callback_info info);
napi_value heap_trim(napi_env env, napi_callback_info info);
napi_value pages_give_back(napi_env env, napi_callback_info info);
napi_value io_flock(napi_env env, napi_callback_info info);
napi_value io_page_offset(napi_env env, napi_callback_info info);
napi_value sockets_open(napi_env env, napi_callback_info info);
napi_value sockets_watch(napi_env env, napi_callback_info info);
napi_value sockets_close(napi_env env, napi_callback_info info);
napi_value sockets_receive(napi_env env, napi_callback_info info);
napi_value sockets_send_many(napi_env env, napi_callback_info info);
napi_value sockets_send(napi_env env, napi_callback_info info);
napi_value sockets_descriptor(napi_env env, napi_callback_info info);
napi_value sockets_listen(napi_env env, napi_callback_info info);
napi_value sockets_accept(napi_env env, napi_callback_info info);
napi_value sockets_names(napi_env env, napi_callback_info info);
napi_value slots_place_many(napi_env env, napi_callback_info info);
napi_value slots_touch_many(napi_env env, napi_callback_info info);
napi_value slots_judge_many(napi_env env, napi_callback_info info);
napi_value slots_follow_many(napi_env env, napi_callback_info info);
napi_value entries_touch_keys(napi_env env, napi_callback_info info);
napi_value entries_set_many(napi_env env, napi_callback_info info);
napi_value entries_evict_many(napi_env env, napi_callback_info info);
void entry_cache_free(struct entry_cache *cache);
napi_value records_encode_many(napi_env env, napi_callback_info info);
napi_value frames_enter_many(napi_env env, napi_callback_info info);
/* Must run before the first crc32. */
void crc32_prepare(void);
/* Goes on from `start`, as zlib's. */
uint32_t crc32_from(uint32_t start, const uint8_t *data, size_t length);
/* The first `out_length` bytes of the HMAC under a key of kind KEY_MAC. */
void mac_sign_into(const struct key *key, const uint8_t *data, size_t length, uint8_t *out,
                   size_t out_length);
napi_value crc32_of(napi_env env, napi_callback_info info);
napi_value pkcs11_call(napi_env env, napi_callback_info info);
napi_value schedule_slice(napi_env env, napi_callback_info info);

#endif
