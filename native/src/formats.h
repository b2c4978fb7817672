/*
 * What the addon knows of frames and records: src/files/framing.ts and src/entry/record.ts say what
 * they are, and these numbers are theirs.
 */
#ifndef STRONGROOM_FORMATS_H
#define STRONGROOM_FORMATS_H

#define FRAME_HEADER_BYTES 16

/* The header of a put or a tombstone. */
#define KIND_PUT 1
#define KIND_TOMBSTONE 2
#define KEY_AT 1
#define KEY_BYTES 16
#define ROOT_AT 17
#define KEYSPACE_AT 18
#define EXPIRE_AT_AT 22
#define COMMIT_TS_AT 30
#define HEADER_BYTES 46

/* Of a sealed put: where its text begins, and the tag behind it. */
#define TEXT_AT 64
#define TAG_BYTES 16

#endif
