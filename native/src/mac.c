/*
 * HMAC-SHA-256 (RFC 2104, FIPS 180-4). The state after the inner and the outer pad is computed once
 * for a key, so that a short message costs two blocks of SHA-256 instead of four.
 */
#include "addon.h"

/* The block functions of SHA-256 are deprecated in OpenSSL 3 in favour of EVP, whose contexts cost
 * more than the hash itself on messages as short as ours. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* FIPS 180-4, figure 1: SHA-256 works on blocks of 512 bits. */
#define BLOCK_BYTES 64
#define HASH_BYTES 32

struct mac_key {
  struct key base;
  SHA256_CTX inner;
  SHA256_CTX outer;
};

void mac_free(struct key *base) {
  OPENSSL_cleanse(base, sizeof(struct mac_key));
  free(base);
}

/* mac(key): the name of the new key. */
napi_value mac_new(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes secret;
  uint8_t pad[BLOCK_BYTES] = {0};
  if (!call_begin(&call, env, info, 1) || !call_bytes(&call, 0, &secret)) return NULL;
  struct mac_key *key = calloc(1, sizeof *key);
  if (key == NULL) {
    throw_plain(env, "out of memory");
    return NULL;
  }
  key->base.kind = KEY_MAC;
  /* RFC 2104, section 2: a key longer than a block is hashed first. */
  if (secret.length > BLOCK_BYTES) SHA256(secret.data, secret.length, pad);
  else if (secret.length > 0) memcpy(pad, secret.data, secret.length);
  for (size_t at = 0; at < BLOCK_BYTES; at++) pad[at] ^= 0x36;
  SHA256_Init(&key->inner);
  SHA256_Update(&key->inner, pad, BLOCK_BYTES);
  for (size_t at = 0; at < BLOCK_BYTES; at++) pad[at] ^= 0x36 ^ 0x5c;
  SHA256_Init(&key->outer);
  SHA256_Update(&key->outer, pad, BLOCK_BYTES);
  OPENSSL_cleanse(pad, sizeof pad);
  return key_add(env, call.state, &key->base);
}

void mac_sign_into(const struct key *base, const uint8_t *data, size_t length, uint8_t *out,
                   size_t out_length) {
  const struct mac_key *key = (const struct mac_key *)base;
  SHA256_CTX context = key->inner;
  uint8_t hash[HASH_BYTES];
  SHA256_Update(&context, data, length);
  SHA256_Final(hash, &context);
  context = key->outer;
  SHA256_Update(&context, hash, HASH_BYTES);
  SHA256_Final(hash, &context);
  memcpy(out, hash, out_length);
  /* What is left of the states equals a key. */
  OPENSSL_cleanse(&context, sizeof context);
}

static bool range_fits(size_t length, uint64_t at, uint64_t wanted) {
  return at + wanted <= length;
}

struct mac_call {
  struct key *key;
  struct bytes data, out;
  uint32_t out_at, out_length;
};

/* Reads what sign and signMany have in common: the key, the data, and where the MACs go. */
static bool mac_begin(struct call *call, struct mac_call *mac) {
  mac->key = call_key(call, 0, KEY_MAC);
  if (mac->key == NULL || !call_bytes(call, 1, &mac->data) || !call_bytes(call, 4, &mac->out) ||
      !call_u32(call, 5, &mac->out_at) || !call_u32(call, 6, &mac->out_length))
    return false;
  if (mac->out_length < 1 || mac->out_length > HASH_BYTES)
    return throw_range(call->env, "a MAC has 1..32 bytes");
  return true;
}

/* sign(key, data, at, length, out, outAt, outLength) */
napi_value mac_sign(napi_env env, napi_callback_info info) {
  struct call call;
  struct mac_call mac;
  uint32_t at, length;
  if (!call_begin(&call, env, info, 7) || !mac_begin(&call, &mac) || !call_u32(&call, 2, &at) ||
      !call_u32(&call, 3, &length))
    return NULL;
  if (!range_fits(mac.data.length, at, length) ||
      !range_fits(mac.out.length, mac.out_at, mac.out_length))
    throw_range(env, "range outside the buffer");
  else
    mac_sign_into(mac.key, mac.data.data + at, length, mac.out.data + mac.out_at, mac.out_length);
  return NULL;
}

/*
 * signMany(key, data, table, count, out, outAt, outLength): row i is at, length. The table may be
 * shared memory that another thread writes, so each row is checked again where it is used.
 */
napi_value mac_sign_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct mac_call mac;
  const uint32_t *rows;
  size_t row_count;
  uint32_t count;
  if (!call_begin(&call, env, info, 7) || !mac_begin(&call, &mac) ||
      !call_table(&call, 2, &rows, &row_count) || !call_u32(&call, 3, &count))
    return NULL;
  if ((uint64_t)count * 2 > row_count) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  const volatile uint32_t *table = rows;
  bool fits = range_fits(mac.out.length, mac.out_at, (uint64_t)mac.out_length * count);
  for (size_t row = 0; fits && row < (size_t)count * 2; row += 2)
    fits = range_fits(mac.data.length, table[row], table[row + 1]);
  uint8_t *out = mac.out.data + mac.out_at;
  for (size_t i = 0; fits && i < count; i++, out += mac.out_length) {
    uint32_t at = table[i * 2], length = table[i * 2 + 1];
    fits = range_fits(mac.data.length, at, length);
    if (fits) mac_sign_into(mac.key, mac.data.data + at, length, out, mac.out_length);
  }
  if (!fits) throw_range(env, "range outside the buffer");
  return NULL;
}
