/**
 * Loads the native addon, built from `native/` where a C compiler was found. Absent, unloadable or
 * switched off by STRONGROOM_NATIVE=off it is null, and everything works without it.
 * @module
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Places records in slots of the record index, as `RecordIndex.place` does, which explains it: the
 * records whose bodies stand in `run`, for rows (body, offset, length, 0, 0) of the segment. A row
 * comes back as (keyspace, dead length, length, what, dead segment), where `what` has bits: 1
 * placed; 2 and 4 the root was and is live; 8 and 16 an expiry was and is there. `what` is 0, and
 * the rest as it was, for a record whose key has no slot: it is for the caller.
 * @param generation - Of `Shards`: while it is the same, the shards stand where they stood.
 */
export type PlaceMany = (
  shards: readonly Uint32Array[],
  capacities: Uint32Array,
  generation: number,
  run: Uint8Array,
  segment: number,
  rows: Uint32Array,
  count: number,
) => void;

/**
 * Brings the slots of `count` keys of 16 bytes, which stand in `keys` from `at` on every `stride`
 * bytes, into the processor's cache. Changes nothing.
 */
export type TouchMany = (
  shards: readonly Uint32Array[],
  capacities: Uint32Array,
  generation: number,
  keys: Uint8Array,
  at: number,
  stride: number,
  count: number,
) => void;

/**
 * Decides about records of a segment as `judging.ts` does one by one: `entries` are those of its
 * hint, `fates` are filled in. `order` holds the number of the segment, nothing, and the records
 * from and to which.
 */
export type JudgeMany = (
  shards: readonly Uint32Array[],
  capacities: Uint32Array,
  generation: number,
  entries: Uint8Array,
  fates: Uint8Array,
  order: Uint32Array,
) => void;

/**
 * Lets the slots of such records follow them, as `following.ts` does one by one: `copies` holds
 * offset and length of each record's copy, `order` in its second place the segment of the copies.
 * What was followed has another fate afterwards; the others are for the caller.
 */
export type FollowMany = (
  shards: readonly Uint32Array[],
  capacities: Uint32Array,
  generation: number,
  entries: Uint8Array,
  fates: Uint8Array,
  copies: Uint32Array,
  order: Uint32Array,
) => void;

/**
 * Work on many entries of the resident set at once. Each call begins with all tables of the set
 * (`Tables.words` of keyspace/entries.ts) and the arena's memory, looked at only when `generation`
 * is another one. What one by one is done by keyspace/ is explained there.
 */
export interface EntriesNative {
  /**
   * Brings what look-ups of keys read into the processor's cache, and fills in their hashes;
   * nothing else changes. `rows` holds the secret of the hash in three integers and the number of
   * keys; then start and end in `buffer`, tweak and hash of each.
   */
  touchKeys(
    tables: readonly Int32Array[],
    pieces: readonly Uint8Array[],
    generation: number,
    buffer: Uint8Array,
    rows: Int32Array,
  ): void;
  /** Applies SETs of a batch, as `Resident.setMany` tells. @returns how many. */
  setMany(
    tables: readonly Int32Array[],
    pieces: readonly Uint8Array[],
    generation: number,
    buffer: Uint8Array,
    order: Int32Array,
  ): number;
  /** Evicts clean entries, as `Resident.evict`, up to one that is the caller's. */
  evictMany(
    tables: readonly Int32Array[],
    pieces: readonly Uint8Array[],
    generation: number,
    order: Int32Array,
  ): void;
}

/**
 * Encodes frozen entries of the resident set into a run, as `Encoder.beforeChange` does, which
 * explains it. `lines` are the entries' fields, `pieces` the arena's memory, `ids` the entries.
 * `order` holds: the first entry and the end, counted in `ids`; where in `run` the next frame
 * begins, and where the last may end; the group; the timestamp of the commit in two words; from
 * which length a value may be compressed; the keyspaces that live. The first and the third are
 * changed to how far it came: it ends in front of an entry that is for the caller.
 * @returns The number of frames.
 */
export type EncodeMany = (
  lines: Int32Array,
  pieces: readonly Uint8Array[],
  ids: Uint32Array,
  run: Uint8Array,
  order: Uint32Array,
) => number;

/**
 * Gives sealed frames their headers and enters them, as the writer of a segment does one by one,
 * into what its digest, its hint and its places hold. `order` holds where in `run` the first frame
 * begins, and the end; the seed of the file; the position of the run in it; 1 if puts are sealed;
 * how much of `digest`, `hint` and `places` is used. The first and the last three are changed to
 * how far it came: it ends in front of a frame that is for the caller.
 * @returns The number of frames.
 */
export type EnterMany = (
  run: Uint8Array,
  digest: Uint8Array,
  hint: Uint8Array,
  places: Uint32Array,
  order: Uint32Array,
) => number;

/** Reads through the addon: positions and lengths in bytes. */
export interface NativeIo {
  /** pread(2) into `target[targetAt, +length)`: bytes read, or a negated errno. */
  pread(fd: number, target: Uint8Array, targetAt: number, length: number, position: number): number;
  /** The same, but -EAGAIN instead of waiting for the disk, and for what lies behind the end. */
  preadCached(
    fd: number,
    target: Uint8Array,
    targetAt: number,
    length: number,
    position: number,
  ): number;
  /**
   * `pread` for rows (fd, at, length, position, result) of `readMany`: results are filled in, and
   * the first of a row becomes 1 if it waited for the disk, else 0.
   */
  preadMany(target: Uint8Array, rows: Uint32Array, count: number): void;
  /** Brings `[position, +length)` of a file into the kernel's cache: 0 or a negated errno. */
  warm(fd: number, position: number, length: number): number;
}

/** Memory that goes back. Of the C library's allocator only glibc's is known. */
export interface NativeHeap {
  /** Bytes that were freed; the pages of some may have been given back. */
  heapFree(): number;
  /** Gives pages without a block that lives back to the system (malloc_trim(3)). */
  heapTrim(): void;
  /**
   * Whole pages of mapped memory go back to the system and are zeros from then on (madvise(2),
   * MADV_DONTNEED): 0 or a negated errno. Never for memory of the allocator.
   */
  pagesGiveBack(view: Uint8Array): number;
}

/**
 * Many sockets at a time; only sockets.ts holds these. Rows are four integers each. Results below
 * zero are a negated errno; a slot that is not in use is a RangeError, in `socketsSendMany` -EBADF.
 */
export interface NativeSocketCalls {
  /** Once a thread. `ready` runs when `socketsReceive` has something to tell. */
  socketsOpen(ready: () => void): void;
  /** A slot for a duplicate of this listening stream socket; a row's result of 1: some wait. */
  socketsListen(fd: number): number;
  /**
   * A slot for the next connection of a listening socket, TCP without delay of small writes (RFC
   * 896); nothing is watched yet. -EAGAIN: none waits; -ECONNABORTED: one was lost.
   * @param keepAliveSeconds - After so long without a word the peer is asked for a sign of life
   * (tcp(7), TCP_KEEPIDLE); 0: never.
   */
  socketsAccept(slot: number, keepAliveSeconds: number): number;
  /** "ADDRESS:PORT" of the peer, and of this end behind a space; "" where there is none. */
  socketsNames(slot: number): string;
  /** What to tell of: 1 readable, 2 writable. Errors and a complete close are always told. */
  socketsWatch(slot: number, what: number): number;
  /** @param orderly - 1: the stream ends after what was sent. */
  socketsClose(slot: number, orderly: number): void;
  /**
   * Fills rows (slot, writable, at, result): `result` bytes stand at `input[at]`; 0: the stream has
   * ended; -EAGAIN: nothing was to be received. @returns the number of rows.
   */
  socketsReceive(input: Uint8Array, rows: Int32Array, bytesMax: number): number;
  /** Sends `data[at, +length)` for rows (slot, at, length, result), and fills in the results. */
  socketsSendMany(rows: Int32Array, count: number, data: Uint8Array): void;
  socketsSend(slot: number, data: Uint8Array, at: number, length: number): number;
  socketsDescriptor(slot: number): number;
}

/**
 * The addon's exports. Arguments are checked in C: TypeError and RangeError as elsewhere. A key is
 * named by a small integer that `dispose` takes back: only native-primitives.ts holds them.
 */
export interface NativeAddon extends NativeIo, NativeHeap, NativeSocketCalls, EntriesNative {
  /** Changes with the functions below; an addon of another version is not used. */
  readonly version: number;
  aead(key: Uint8Array, aadPrefix: Uint8Array): number;
  seal(key: number, buffer: Uint8Array, at: number, aadLength: number, textLength: number): void;
  sealFrom(
    key: number,
    buffer: Uint8Array,
    at: number,
    aadLength: number,
    textLength: number,
    source: Uint8Array,
    sourceAt: number,
  ): void;
  sealMany(key: number, buffer: Uint8Array, table: Uint32Array, count: number): void;
  open(key: number, buffer: Uint8Array, at: number, aadLength: number, textLength: number): boolean;
  /** Rows (key, at, aadLength, textLength, opened), the last filled in with 1 or 0. */
  openMany(buffer: Uint8Array, rows: Uint32Array, count: number): void;
  mac(key: Uint8Array): number;
  sign(
    key: number,
    data: Uint8Array,
    at: number,
    length: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void;
  signMany(
    key: number,
    data: Uint8Array,
    table: Uint32Array,
    count: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void;
  /** Zeroes and frees a key of either kind. */
  dispose(key: number): void;
  /** send(2) without waiting, of `data[at, +length)`: bytes taken, or a negated errno. */
  send(fd: number, data: Uint8Array, at: number, length: number): number;
  /** flock(2), LOCK_EX | LOCK_NB: 0 or a negated errno. */
  flock(fd: number): number;
  /** CRC-32 as zlib's, of `data[at, +length)`, going on from `start`. */
  crc32(data: Uint8Array, at: number, length: number, start: number): number;
  placeMany: PlaceMany;
  touchMany: TouchMany;
  judgeMany: JudgeMany;
  followMany: FollowMany;
  /** @param key - Of physical keys. */
  encodeMany(key: number, ...rest: Parameters<EncodeMany>): number;
  enterMany: EnterMany;
  /**
   * One call to a PKCS #11 token, on a thread of its own; `done` is called once. Packed and
   * explained by pkcs11.ts.
   */
  pkcs11(
    operation: number,
    request: Uint8Array,
    done: (step: number, code: number, output: Buffer) => void,
  ): void;
  /** Nanoseconds that the kernel tells then, 0 where it knows none, or a negated errno. */
  setSlice(thread: number, nanoseconds: number): number;
  /** Address of the first byte modulo 4096. */
  pageOffset(bytes: Uint8Array): number;
}

const path = fileURLToPath(new URL("../../native/build/strongroom.node", import.meta.url));
const version = 16;

function load(): NativeAddon | null {
  if (process.env.STRONGROOM_NATIVE === "off") return null;
  try {
    const addon = createRequire(import.meta.url)(path) as NativeAddon;
    return addon.version === version ? addon : null;
  } catch {
    return null;
  }
}

let loaded: NativeAddon | null | undefined;

/** The addon, or null. The first call decides for the life of this thread. */
export function loadNative(): NativeAddon | null {
  loaded ??= load();
  return loaded;
}
