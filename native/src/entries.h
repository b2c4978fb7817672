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

#endif
