/*
 * CRC-32 (ISO 3309, the polynomial of zlib), reflected, by carry-less multiplication: Gopal et al.,
 * "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009. Where
 * the processor has none, by a table of 256 entries. Equal to zlib's crc32 for every input.
 */
#include "addon.h"

#include <string.h>

static uint32_t table[256];

/* Idempotent: threads that meet here write the same values. */
static void fill_table(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xedb88320u : value >> 1;
    table[byte] = value;
  }
}

static uint32_t by_table(uint32_t crc, const uint8_t *data, size_t length) {
  for (size_t at = 0; at < length; at++) crc = (crc >> 8) ^ table[(crc ^ data[at]) & 0xff];
  return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLD_BYTES_MIN 64

/* The paper's constants for this polynomial, bit-reflected: x^(4*128+32) mod P and so on. */
__attribute__((target("pclmul,sse4.1"))) static __m128i fold(__m128i value, __m128i next,
                                                              __m128i constants) {
  __m128i low = _mm_clmulepi64_si128(value, constants, 0x00);
  __m128i high = _mm_clmulepi64_si128(value, constants, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* Folds 64 bytes a step, then 16; `length` is a multiple of 16 and at least 64. */
__attribute__((target("pclmul,sse4.1"))) static uint32_t by_folding(uint32_t crc,
                                                                     const uint8_t *data,
                                                                     size_t length) {
  const __m128i by512 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by128 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by64 = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low32 = _mm_setr_epi32(-1, 0, -1, 0);
  const __m128i *block = (const __m128i *)data;
  __m128i lane[4];
  for (int n = 0; n < 4; n++) lane[n] = _mm_loadu_si128(block++);
  lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128((int)crc));
  for (length -= 64; length >= 64; length -= 64)
    for (int n = 0; n < 4; n++) lane[n] = fold(lane[n], _mm_loadu_si128(block++), by512);
  __m128i value = lane[0];
  for (int n = 1; n < 4; n++) value = fold(value, lane[n], by128);
  for (; length >= 16; length -= 16) value = fold(value, _mm_loadu_si128(block++), by128);
  /* 128 bits to 64, then Barrett reduction to 32. */
  __m128i high = _mm_clmulepi64_si128(value, by128, 0x10);
  value = _mm_xor_si128(_mm_srli_si128(value, 8), high);
  high = _mm_srli_si128(value, 4);
  value = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(value, low32), by64, 0x00), high);
  high = _mm_clmulepi64_si128(_mm_and_si128(value, low32), barrett, 0x10);
  high = _mm_clmulepi64_si128(_mm_and_si128(high, low32), barrett, 0x00);
  return (uint32_t)_mm_extract_epi32(_mm_xor_si128(value, high), 1);
}

static bool can_fold(void) {
  return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

static uint32_t crc_of(uint32_t crc, const uint8_t *data, size_t length) {
  if (length >= FOLD_BYTES_MIN && can_fold()) {
    size_t folded = length & ~(size_t)15;
    crc = by_folding(crc, data, folded);
    data += folded;
    length -= folded;
  }
  return by_table(crc, data, length);
}
#else
static uint32_t crc_of(uint32_t crc, const uint8_t *data, size_t length) {
  return by_table(crc, data, length);
}
#endif

void crc32_prepare(void) { fill_table(); }

uint32_t crc32_from(uint32_t start, const uint8_t *data, size_t length) {
  return ~crc_of(~start, data, length);
}

/* crc32(data, at, length, start): CRC-32 of the range, going on from `start`. */
napi_value crc32_of(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes data;
  uint32_t at, length, start;
  napi_value result = NULL;
  if (!call_begin(&call, env, info, 4) || !call_bytes(&call, 0, &data) ||
      !call_u32(&call, 1, &at) || !call_u32(&call, 2, &length) || !call_u32(&call, 3, &start))
    return NULL;
  if ((uint64_t)at + length > data.length) {
    throw_range(env, "range outside the buffer");
    return NULL;
  }
  napi_create_uint32(env, crc32_from(start, data.data + at, length), &result);
  return result;
}
