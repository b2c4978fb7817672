/*
 * The entries of the resident set, as src/keyspace/entries.ts lays them out: records.c encodes
 * them, touch.c asks for them.
 */
#ifndef STRONGROOM_ENTRIES_H
#define STRONGROOM_ENTRIES_H

#include "addon.h"

/* An entry: a line of 64 bytes. */
#define LINE_WORDS 16
/* Counted in doubles. */
#define DOUBLE_ADDRESS 4

/* The arena: addresses count through pieces of 2^24 bytes. */
#define PIECE_BITS 24
#define PIECES_MAX 4096

static inline double line_double(const int32_t *line, size_t at) {
  double value;
  memcpy(&value, line + at * 2, sizeof value);
  return value;
}

/*
 * Where the memory of an entry begins: its piece, and the place in it, which may lie behind the
 * piece's end. False: in none of the pieces.
 */
static inline bool line_place(const int32_t *line, uint32_t piece_count, uint32_t *piece,
                              size_t *at) {
  double address = line_double(line, DOUBLE_ADDRESS);
  if (!(address >= 0) || address >= (double)((uint64_t)piece_count << PIECE_BITS)) return false;
  uint64_t place = (uint64_t)address;
  *piece = (uint32_t)(place >> PIECE_BITS);
  *at = place & ((1u << PIECE_BITS) - 1);
  return true;
}

#endif
