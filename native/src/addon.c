/*
 * The addon's entry and its arguments. Loaded once per environment; keys live in the environment's
 * own table and are zeroed when JavaScript disposes of them, collects them, or the thread ends.
 */
#include "addon.h"

#include <stdlib.h>

/* Compared by src/platform/native.ts: an addon of another version is not used. */
#define ADDON_VERSION 16

napi_value int_value(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int32(env, (int32_t)value, &result);
  return result;
}

bool throw_range(napi_env env, const char *text) {
  napi_throw_range_error(env, NULL, text);
  return false;
}

bool throw_type(napi_env env, const char *text) {
  napi_throw_type_error(env, NULL, text);
  return false;
}

bool throw_plain(napi_env env, const char *text) {
  napi_throw_error(env, NULL, text);
  return false;
}

bool call_begin(struct call *call, napi_env env, napi_callback_info info, size_t wanted) {
  void *data = NULL;
  call->env = env;
  call->argc = wanted;
  if (napi_get_cb_info(env, info, &call->argc, call->argv, NULL, &data) != napi_ok)
    return throw_plain(env, "arguments cannot be read");
  call->state = data;
  return call->argc == wanted ? true : throw_type(env, "wrong number of arguments");
}

/* Length 0 for memory that is gone. */
static bool typed_array(napi_env env, napi_value value, napi_typedarray_type wanted, void **data,
                        size_t *length) {
  napi_typedarray_type type;
  *data = NULL;
  if (napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) != napi_ok)
    return false;
  if (*data == NULL) *length = 0;
  return type == wanted;
}

bool call_element(struct call *call, size_t index, uint32_t number, napi_typedarray_type wanted,
                  void **data, size_t *length) {
  napi_value value = NULL;
  return napi_get_element(call->env, call->argv[index], number, &value) == napi_ok &&
         typed_array(call->env, value, wanted, data, length);
}

bool call_bytes(struct call *call, size_t index, struct bytes *out) {
  void *data;
  if (!typed_array(call->env, call->argv[index], napi_uint8_array, &data, &out->length))
    return throw_type(call->env, "a Uint8Array is needed");
  out->data = data;
  return true;
}

bool call_results(struct call *call, size_t index, uint32_t **rows, size_t *length) {
  void *data;
  if (!typed_array(call->env, call->argv[index], napi_uint32_array, &data, length))
    return throw_type(call->env, "a Uint32Array is needed");
  *rows = data;
  return true;
}

bool call_integers(struct call *call, size_t index, int32_t **out, size_t *length) {
  void *data;
  if (!typed_array(call->env, call->argv[index], napi_int32_array, &data, length))
    return throw_type(call->env, "an Int32Array is needed");
  *out = data;
  return true;
}

bool call_table(struct call *call, size_t index, const uint32_t **rows, size_t *length) {
  uint32_t *found = NULL;
  if (!call_results(call, index, &found, length)) return false;
  *rows = found;
  return true;
}

/* A double that is an integer in [0, max]; NaN fails every comparison. */
static bool integer_in(struct call *call, size_t index, double max, double *out) {
  if (napi_get_value_double(call->env, call->argv[index], out) != napi_ok)
    return throw_type(call->env, "a number is needed");
  if (!(*out >= 0 && *out <= max) || (double)(int64_t)*out != *out)
    return throw_range(call->env, "range outside the buffer");
  return true;
}

bool call_u32(struct call *call, size_t index, uint32_t *out) {
  double value;
  if (!integer_in(call, index, 4294967295.0, &value)) return false;
  *out = (uint32_t)value;
  return true;
}

bool call_descriptor(struct call *call, size_t index, int *out) {
  uint32_t value;
  if (!call_u32(call, index, &value)) return false;
  if (value > 0x7fffffffu) return throw_range(call->env, "not a file descriptor");
  *out = (int)value;
  return true;
}

bool call_position(struct call *call, size_t index, int64_t *out) {
  double value;
  if (!integer_in(call, index, 9007199254740991.0, &value)) return false;
  *out = (int64_t)value;
  return true;
}

struct key *key_named(struct state *state, uint32_t name, enum key_kind kind) {
  if (name >= state->key_count) return NULL;
  struct key *key = state->keys[name];
  return key != NULL && key->kind == kind ? key : NULL;
}

struct key *call_key(struct call *call, size_t index, enum key_kind kind) {
  double value;
  struct key *key = NULL;
  if (napi_get_value_double(call->env, call->argv[index], &value) == napi_ok && value >= 0 &&
      value <= 4294967295.0)
    key = key_named(call->state, (uint32_t)value, kind);
  if (key == NULL) throw_plain(call->env, "the key was disposed of");
  return key;
}

void key_free(struct key *key) {
  if (key == NULL) return;
  if (key->kind == KEY_AEAD) aead_free(key);
  else mac_free(key);
}

/* The first empty place, else a new one: keys are few and made seldom. */
static bool find_place(struct state *state, size_t *place) {
  for (size_t at = 0; at < state->key_count; at++) {
    if (state->keys[at] != NULL) continue;
    *place = at;
    return true;
  }
  size_t count = state->key_count == 0 ? 64 : state->key_count * 2;
  struct key **keys = realloc(state->keys, count * sizeof *keys);
  if (keys == NULL) return false;
  for (size_t at = state->key_count; at < count; at++) keys[at] = NULL;
  *place = state->key_count;
  state->keys = keys;
  state->key_count = count;
  return true;
}

napi_value key_add(napi_env env, struct state *state, struct key *key) {
  size_t place = 0;
  napi_value name = NULL;
  if (!find_place(state, &place) || napi_create_uint32(env, (uint32_t)place, &name) != napi_ok) {
    key_free(key);
    throw_plain(env, "out of memory");
    return NULL;
  }
  state->keys[place] = key;
  return name;
}

/* dispose(key): zeroes and frees it. Of a key that is gone it does nothing. */
static napi_value key_dispose(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t place;
  if (!call_begin(&call, env, info, 1) || !call_u32(&call, 0, &place)) return NULL;
  if (place >= call.state->key_count) return NULL;
  key_free(call.state->keys[place]);
  call.state->keys[place] = NULL;
  return NULL;
}

static void state_free(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct state *state = data;
  for (size_t at = 0; at < state->key_count; at++) key_free(state->keys[at]);
  free(state->keys);
  free(state->shards);
  entry_cache_free(state->entries);
  free(state);
}

static bool export_function(napi_env env, napi_value exports, struct state *state,
                            const char *name, napi_callback callback) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, state, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback callback;
  } functions[] = {
      {"aead", aead_new},         {"seal", aead_seal},        {"sealMany", aead_seal_many},
      {"sealFrom", aead_seal_from},
      {"open", aead_open},         {"openMany", aead_open_many},
      {"mac", mac_new},            {"sign", mac_sign},        {"signMany", mac_sign_many},
      {"dispose", key_dispose},    {"pread", io_pread},       {"preadMany", io_pread_many},
      {"preadCached", io_pread_cached},
      {"crc32", crc32_of},         {"send", io_send},         {"flock", io_flock},
      {"warm", io_warm},           {"placeMany", slots_place_many},
      {"touchMany", slots_touch_many},   {"judgeMany", slots_judge_many},
      {"followMany", slots_follow_many}, {"encodeMany", records_encode_many},
      {"enterMany", frames_enter_many},  {"touchKeys", entries_touch_keys},
      {"setMany", entries_set_many},     {"evictMany", entries_evict_many},
      {"pageOffset", io_page_offset}, {"pkcs11", pkcs11_call},
      {"setSlice", schedule_slice},
      {"socketsOpen", sockets_open},
      {"socketsWatch", sockets_watch},     {"socketsClose", sockets_close},
      {"socketsReceive", sockets_receive}, {"socketsSendMany", sockets_send_many},
      {"socketsSend", sockets_send},       {"socketsDescriptor", sockets_descriptor},
      {"socketsListen", sockets_listen},   {"socketsAccept", sockets_accept},
      {"socketsNames", sockets_names},     {"heapFree", heap_free},
      {"heapTrim", heap_trim},             {"pagesGiveBack", pages_give_back},
  };
  crc32_prepare();
  struct state *state = calloc(1, sizeof *state);
  if (state == NULL) return NULL;
  if (napi_set_instance_data(env, state, state_free, NULL) != napi_ok) {
    free(state);
    return NULL;
  }
  for (size_t at = 0; at < sizeof functions / sizeof functions[0]; at++)
    if (!export_function(env, exports, state, functions[at].name, functions[at].callback))
      return NULL;
  napi_value version;
  if (napi_create_uint32(env, ADDON_VERSION, &version) != napi_ok ||
      napi_set_named_property(env, exports, "version", version) != napi_ok)
    return NULL;
  return exports;
}
