/*
 * AES-256-GCM (NIST SP 800-38D) over the OpenSSL that Node exports. A key keeps one context to seal
 * and one to open: expanding an AES key and making a context cost more than sealing a kilobyte.
 *
 * Layout in the caller's buffer, from `at`: AAD | nonce 12 | text | tag 16. Authenticated is the
 * key's static prefix followed by that AAD. Everything happens in place, but for sealFrom, whose
 * text comes from elsewhere.
 */
#include "addon.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 32
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define PREFIX_BYTES_MAX 256
/* An AAD up to this length joins the prefix for one call of EVP instead of two. */
#define JOINED_BYTES_MAX 256
/* EVP takes lengths as int. */
#define TEXT_BYTES_MAX 0x7fffffffu

struct aead_key {
  struct key base;
  EVP_CIPHER_CTX *sealer;
  EVP_CIPHER_CTX *opener;
  size_t prefix_length;
  /* The static prefix, then room for the AAD of the call at hand. */
  uint8_t aad[PREFIX_BYTES_MAX + JOINED_BYTES_MAX];
};

void aead_free(struct key *base) {
  struct aead_key *key = (struct aead_key *)base;
  /* The contexts hold the key schedule; freeing them cleanses it. */
  EVP_CIPHER_CTX_free(key->sealer);
  EVP_CIPHER_CTX_free(key->opener);
  OPENSSL_cleanse(key, sizeof *key);
  free(key);
}

/* aead(key 32, prefix): the name of the new key. */
napi_value aead_new(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes secret, prefix;
  if (!call_begin(&call, env, info, 2) || !call_bytes(&call, 0, &secret) ||
      !call_bytes(&call, 1, &prefix))
    return NULL;
  if (secret.length != KEY_BYTES) {
    throw_range(env, "an AES-256 key has 32 bytes");
    return NULL;
  }
  if (prefix.length > PREFIX_BYTES_MAX) {
    throw_range(env, "AAD prefix above 256 bytes");
    return NULL;
  }
  struct aead_key *key = calloc(1, sizeof *key);
  if (key == NULL) {
    throw_plain(env, "out of memory");
    return NULL;
  }
  key->base.kind = KEY_AEAD;
  key->prefix_length = prefix.length;
  if (prefix.length > 0) memcpy(key->aad, prefix.data, prefix.length);
  key->sealer = EVP_CIPHER_CTX_new();
  key->opener = EVP_CIPHER_CTX_new();
  const EVP_CIPHER *cipher = EVP_aes_256_gcm();
  if (key->sealer == NULL || key->opener == NULL ||
      EVP_EncryptInit_ex(key->sealer, cipher, NULL, secret.data, NULL) != 1 ||
      EVP_DecryptInit_ex(key->opener, cipher, NULL, secret.data, NULL) != 1) {
    aead_free(&key->base);
    throw_plain(env, "AES-256-GCM is not available");
    return NULL;
  }
  return key_add(env, call.state, &key->base);
}

/* True if the whole layout lies in `length` bytes. Sums of u32 in u64 do not overflow. */
static bool layout_fits(size_t length, uint32_t at, uint32_t aad, uint32_t text) {
  uint64_t end = (uint64_t)at + aad + NONCE_BYTES + text + TAG_BYTES;
  return aad <= TEXT_BYTES_MAX && text <= TEXT_BYTES_MAX && end <= length;
}

/* EVP takes AAD as an update without output; it is the same for both directions. */
static bool authenticate(struct aead_key *key, EVP_CIPHER_CTX *context, const uint8_t *aad,
                         size_t length) {
  int written = 0;
  bool joined = length <= JOINED_BYTES_MAX;
  size_t first = key->prefix_length + (joined ? length : 0);
  if (joined) memcpy(key->aad + key->prefix_length, aad, length);
  if (first > 0 && EVP_CipherUpdate(context, NULL, &written, key->aad, (int)first) != 1)
    return false;
  return joined || EVP_CipherUpdate(context, NULL, &written, aad, (int)length) == 1;
}

/* `source` is where the text stands in clear: its place in the layout, or apart from it. */
static bool seal_from(struct aead_key *key, uint8_t *aad, size_t aad_length,
                      const uint8_t *source, size_t text_length) {
  EVP_CIPHER_CTX *context = key->sealer;
  uint8_t *nonce = aad + aad_length;
  uint8_t *text = nonce + NONCE_BYTES;
  uint8_t *tag = text + text_length;
  int written = 0;
  if (EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce) != 1 ||
      !authenticate(key, context, aad, aad_length))
    return false;
  if (text_length > 0 &&
      EVP_EncryptUpdate(context, text, &written, source, (int)text_length) != 1)
    return false;
  /* What EVP_CTRL_AEAD_GET_TAG does, without its detour. */
  OSSL_PARAM wanted[2] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, TAG_BYTES),
      OSSL_PARAM_construct_end(),
  };
  return EVP_EncryptFinal_ex(context, tag, &written) == 1 &&
         EVP_CIPHER_CTX_get_params(context, wanted) == 1;
}

static bool seal_one(struct aead_key *key, uint8_t *aad, size_t aad_length, size_t text_length) {
  return seal_from(key, aad, aad_length, aad + aad_length + NONCE_BYTES, text_length);
}

/* sealFrom(key, buffer, at, aadLength, textLength, source, sourceAt) */
napi_value aead_seal_from(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes buffer, source;
  uint32_t at, aad, text, source_at;
  if (!call_begin(&call, env, info, 7)) return NULL;
  struct key *key = call_key(&call, 0, KEY_AEAD);
  if (key == NULL || !call_bytes(&call, 1, &buffer) || !call_u32(&call, 2, &at) ||
      !call_u32(&call, 3, &aad) || !call_u32(&call, 4, &text) ||
      !call_bytes(&call, 5, &source) || !call_u32(&call, 6, &source_at))
    return NULL;
  if (!layout_fits(buffer.length, at, aad, text) ||
      (uint64_t)source_at + text > source.length)
    throw_range(env, "sealed layout outside the buffer");
  else if (!seal_from((struct aead_key *)key, buffer.data + at, aad, source.data + source_at, text))
    throw_plain(env, "AES-256-GCM failed");
  return NULL;
}

/* seal(key, buffer, at, aadLength, textLength) */
napi_value aead_seal(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes buffer;
  uint32_t at, aad, text;
  if (!call_begin(&call, env, info, 5)) return NULL;
  struct key *key = call_key(&call, 0, KEY_AEAD);
  if (key == NULL || !call_bytes(&call, 1, &buffer) || !call_u32(&call, 2, &at) ||
      !call_u32(&call, 3, &aad) || !call_u32(&call, 4, &text))
    return NULL;
  if (!layout_fits(buffer.length, at, aad, text))
    throw_range(env, "sealed layout outside the buffer");
  else if (!seal_one((struct aead_key *)key, buffer.data + at, aad, text))
    throw_plain(env, "AES-256-GCM failed");
  return NULL;
}

/*
 * sealMany(key, buffer, table, count): row i of the table is at, aadLength, textLength. The table
 * may be shared memory that another thread writes, so each row is read once, where it is checked.
 */
napi_value aead_seal_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes buffer;
  const uint32_t *rows;
  size_t length;
  uint32_t count;
  if (!call_begin(&call, env, info, 4)) return NULL;
  struct key *key = call_key(&call, 0, KEY_AEAD);
  if (key == NULL || !call_bytes(&call, 1, &buffer) || !call_table(&call, 2, &rows, &length) ||
      !call_u32(&call, 3, &count))
    return NULL;
  if ((uint64_t)count * 3 > length) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  const volatile uint32_t *table = rows;
  for (size_t row = 0; row < (size_t)count * 3; row += 3)
    if (!layout_fits(buffer.length, table[row], table[row + 1], table[row + 2])) {
      throw_range(env, "sealed layout outside the buffer");
      return NULL;
    }
  for (size_t row = 0; row < (size_t)count * 3; row += 3) {
    uint32_t at = table[row], aad = table[row + 1], text = table[row + 2];
    if (!layout_fits(buffer.length, at, aad, text) ||
        !seal_one((struct aead_key *)key, buffer.data + at, aad, text)) {
      throw_plain(env, "AES-256-GCM failed");
      return NULL;
    }
  }
  return NULL;
}

static bool open_one(struct aead_key *key, uint8_t *aad, size_t aad_length, size_t text_length) {
  EVP_CIPHER_CTX *context = key->opener;
  uint8_t *nonce = aad + aad_length;
  uint8_t *text = nonce + NONCE_BYTES;
  uint8_t *tag = text + text_length;
  int written = 0;
  if (EVP_DecryptInit_ex(context, NULL, NULL, NULL, nonce) != 1 ||
      !authenticate(key, context, aad, aad_length))
    return false;
  if (text_length > 0 &&
      EVP_DecryptUpdate(context, text, &written, text, (int)text_length) != 1)
    return false;
  return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
         EVP_DecryptFinal_ex(context, tag, &written) == 1;
}

/* open(key, buffer, at, aadLength, textLength): true, or false with the text zeroed. */
napi_value aead_open(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes buffer;
  uint32_t at, aad, text;
  napi_value result = NULL;
  if (!call_begin(&call, env, info, 5)) return NULL;
  struct key *key = call_key(&call, 0, KEY_AEAD);
  if (key == NULL || !call_bytes(&call, 1, &buffer) || !call_u32(&call, 2, &at) ||
      !call_u32(&call, 3, &aad) || !call_u32(&call, 4, &text))
    return NULL;
  if (!layout_fits(buffer.length, at, aad, text)) {
    throw_range(env, "sealed layout outside the buffer");
    return NULL;
  }
  bool opened = open_one((struct aead_key *)key, buffer.data + at, aad, text);
  if (!opened) memset(buffer.data + at + aad + NONCE_BYTES, 0, text);
  napi_get_boolean(env, opened, &result);
  return result;
}

/* Integers of a row of openMany: key, at, aadLength, textLength, result. */
#define OPEN_ROW 5

/* The row's key if its layout fits, else NULL. */
static struct aead_key *opening(struct state *state, size_t length, const uint32_t *row) {
  if (!layout_fits(length, row[1], row[2], row[3])) return NULL;
  return (struct aead_key *)key_named(state, row[0], KEY_AEAD);
}

/*
 * openMany(buffer, rows, count): opens row i as `open` does; its result is 1, or 0 with the text
 * zeroed. All rows are checked before the first is opened, and each is read once where it is used.
 */
napi_value aead_open_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes buffer;
  uint32_t *rows;
  size_t length;
  uint32_t count;
  if (!call_begin(&call, env, info, 3) || !call_bytes(&call, 0, &buffer) ||
      !call_results(&call, 1, &rows, &length) || !call_u32(&call, 2, &count))
    return NULL;
  if ((uint64_t)count * OPEN_ROW > length) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  volatile uint32_t *table = rows;
  for (int pass = 0; pass < 2; pass++)
    for (size_t at = 0; at < (size_t)count * OPEN_ROW; at += OPEN_ROW) {
      const uint32_t row[] = {table[at], table[at + 1], table[at + 2], table[at + 3]};
      struct aead_key *key = opening(call.state, buffer.length, row);
      if (key == NULL) {
        throw_range(env, "no such key, or a sealed layout outside the buffer");
        return NULL;
      }
      if (pass == 0) continue;
      uint8_t *aad = buffer.data + row[1];
      bool opened = open_one(key, aad, row[2], row[3]);
      if (!opened) memset(aad + row[2] + NONCE_BYTES, 0, row[3]);
      table[at + 4] = opened;
    }
  return NULL;
}
