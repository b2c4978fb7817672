/**
 * The entries of the resident set outside the JavaScript heap, found by a sharded hash table
 * (linear probing, deletion by shifting back). An entry is a number; its fields fill one cache line
 * of 64 bytes, because a look-up costs what it misses; its key and value lie in the arena as
 * `physical key 16 | key | value`. A slot of the table is `hash, id`, so that only the right entry
 * is touched.
 * @module
 */
import { assert } from "../base/assert.ts";
import { sameBytes } from "../base/bytes.ts";
import { Arena, slotBytesMax } from "./arena.ts";
import { type HashSecret, hashIn, hashSecret } from "./hash.ts";
import { putSlot, shiftBack } from "./table.ts";

export const flag = {
  type: 15,
  /** Gone for every reader; kept until its tombstone is durable. */
  deleted: 16,
  /** OBJECT ENCODING says raw. */
  raw: 32,
  /** Used since the clock hand passed. */
  used: 64,
  /** Stands in the dirty list: changed since the last freeze. */
  dirty: 128,
  /** In the frozen set and not yet encoded. */
  frozen: 256,
  /** Encoded into a run whose place is not in the index yet. */
  flying: 512,
  /** The physical key in front of the key is filled in. */
  physical: 1024,
  /** The directory was told that this unflushed key exists. */
  listed: 2048,
  /** The directory was told that this unflushed key is gone. */
  unlisted: 4096,
} as const;

/** While one of these is set the entry must stay resident. */
export const pinned = flag.dirty | flag.frozen | flag.flying;
export const physicalBytes = 16;
/** What an entry takes beside its slot in the arena: its line, and its share of the table. */
export const entryBytes = 80;

/** What the arena may hold beside what lives in it. */
const spareShare = 1 / 32;
const spareBytes = 4 << 20;

const shardCount = 64;
const shardSlotsMin = 256;

/** A table of so many entries grows by a quarter. */
const largeTable = 1 << 16;

/** Words of 4 bytes an entry. */
const words = 16;
const wordHash = 0;
const wordFlags = 1;
const wordKeyLength = 2;
const wordValueLength = 3;
const wordKeyspace = 4;
const wordOrdinal = 5;
const wordAccess = 6;
const wordRoom = 7;
/** Doubles, counted in 8 bytes from the entry's beginning. */
const doubles = 8;
const doubleAddress = 4;
const doubleExpireAt = 5;
const doubleIndex = 6;

/** The counts. */
const countEntries = 0;
const countTop = 1;
const countFreeIds = 2;

let generations = 0;

/** All memory of the entries, as the addon takes it. */
export interface Tables {
  /** The shards, lines, slots used of each shard, free ids, counts; then the arena's books. */
  readonly words: readonly Int32Array[];
  readonly pieces: readonly Buffer[];
  /** Another one for other tables, in all of this thread. */
  readonly generation: number;
  /** Moves of the entries' own tables and of the arena's, at that time. */
  readonly moves: number;
  readonly arenaMoves: number;
}

export class Entries {
  readonly arena = new Arena();
  private capacity = 1024;
  private i32 = new Int32Array(1024 * words);
  private f64 = new Float64Array(this.i32.buffer);
  /** How many entries there are; ids from 1 to the second were in use at least once. */
  private readonly counts = new Float64Array(3);
  /** Bytes of the arena at which the next compaction is worth its pass. */
  private compactAt = 0;
  private freeIds = new Int32Array(1024);
  private readonly shards: Int32Array[] = [];
  private readonly shardUsed = new Int32Array(shardCount);
  readonly secret: HashSecret;
  private moves = 0;
  private moved: Tables | null = null;

  /** @param seed - 32 secret bits. */
  constructor(seed: number) {
    this.secret = hashSecret(seed);
    for (let n = 0; n < shardCount; n++) this.shards.push(new Int32Array(shardSlotsMin * 2));
  }

  get count(): number {
    return this.counts[countEntries] as number;
  }

  /** Ids from 1 to here were in use at least once. */
  get top(): number {
    return this.counts[countTop] as number;
  }

  /** Where everything stands, for who looks at many entries at once. */
  get tables(): Tables {
    const { arena, moved } = this;
    if (moved?.moves === this.moves && moved.arenaMoves === arena.moves) return moved;
    const counts = new Int32Array(this.counts.buffer);
    this.moved = {
      words: [...this.shards, this.i32, this.shardUsed, this.freeIds, counts, ...arena.books],
      pieces: [...arena.pieces],
      generation: ++generations,
      moves: this.moves,
      arenaMoves: arena.moves,
    };
    return this.moved;
  }

  /** The fields of all entries, a line each, for who reads many at once. Moves when it grows. */
  get lines(): Int32Array {
    return this.i32;
  }

  get bytes(): number {
    return this.arena.liveBytes + this.count * entryBytes;
  }

  /**
   * Moves entries out of sparse slabs when the arena holds much more than what lives in it, as it
   * does after the sizes of values have changed. One pass over a column, and then none for a while.
   */
  compact(): void {
    const arena = this.arena;
    const excess = arena.bytes - arena.liveBytes * (1 + spareShare) - spareBytes;
    if (excess < 0 || arena.bytes < this.compactAt) return;
    this.compactAt = arena.bytes + spareBytes / 2;
    if (arena.drainSparse(excess + spareBytes / 2) === 0) return;
    for (let id = 1; id <= this.top; id++) {
      if (this.flags(id) === 0 || !arena.isDraining(this.address(id))) continue;
      const bytes = physicalBytes + this.keyLength(id) + this.valueLength(id);
      this.move(id, bytes, bytes);
    }
    this.compactAt = arena.bytes + spareBytes / 2;
  }

  hashOf(keyspace: number, buffer: Uint8Array, start: number, end: number): number {
    return hashIn(this.secret, keyspace, buffer, start, end);
  }

  /** @returns the entry's id, or 0. Deleted and expired entries are found too. */
  find(hash: number, keyspace: number, buffer: Uint8Array, start: number, end: number): number {
    const shard = this.shards[hash & (shardCount - 1)] as Int32Array;
    const mask = shard.length - 1;
    for (let at = (hash >>> 5) & mask & ~1; ; at = (at + 2) & mask) {
      const id = shard[at + 1] as number;
      if (id === 0) return 0;
      if (shard[at] === hash && this.sameKey(id, keyspace, buffer, start, end)) return id;
    }
  }

  /** False: no key with this hash is here. */
  meets(hash: number): boolean {
    const shard = this.shards[hash & (shardCount - 1)] as Int32Array;
    const mask = shard.length - 1;
    for (let at = (hash >>> 5) & mask & ~1; shard[at + 1] !== 0; at = (at + 2) & mask)
      if (shard[at] === hash) return true;
    return false;
  }

  /** The slot that the look-up of this hash reads first: an id, or 0. */
  firstOf(hash: number): number {
    const shard = this.shards[hash & (shardCount - 1)] as Int32Array;
    return shard[((hash >>> 5) & (shard.length - 1) & ~1) + 1] as number;
  }

  private sameKey(
    id: number,
    keyspace: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const length = end - start;
    const line = id * words;
    if (this.i32[line + wordKeyLength] !== length) return false;
    if (this.i32[line + wordKeyspace] !== (keyspace | 0)) return false;
    const address = this.f64[id * doubles + doubleAddress] as number;
    const own = this.arena.buffer(address);
    const at = this.arena.offset(address) + physicalBytes;
    return sameBytes(own, at, buffer, start, length);
  }

  /** Adds an entry whose key is not there yet. Its value is undefined bytes. */
  insert(
    hash: number,
    keyspace: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    valueLength: number,
  ): number {
    const id = this.takeId();
    const keyLength = end - start;
    const needed = physicalBytes + keyLength + valueLength;
    const address = this.arena.allocate(needed);
    const { i32, f64 } = this;
    const line = id * words;
    i32[line + wordHash] = hash;
    i32[line + wordFlags] = 0;
    i32[line + wordKeyLength] = keyLength;
    i32[line + wordValueLength] = valueLength;
    i32[line + wordKeyspace] = keyspace;
    i32[line + wordAccess] = 0;
    i32[line + wordRoom] = Arena.slotBytes(needed);
    f64[id * doubles + doubleAddress] = address;
    f64[id * doubles + doubleExpireAt] = 0;
    const own = this.arena.buffer(address);
    const at = this.arena.offset(address) + physicalBytes;
    if (keyLength <= 32)
      for (let n = 0; n < keyLength; n++) own[at + n] = buffer[start + n] as number;
    else own.set(buffer.subarray(start, end), at);
    this.place(id, hash);
    (this.counts[countEntries] as number)++;
    return id;
  }

  private takeId(): number {
    const { counts } = this;
    const free = counts[countFreeIds] as number;
    if (free > 0) {
      counts[countFreeIds] = free - 1;
      return this.freeIds[free - 1] as number;
    }
    const id = (counts[countTop] as number) + 1;
    counts[countTop] = id;
    if (id === this.capacity) this.grow();
    return id;
  }

  private grow(): void {
    this.capacity = Math.ceil(this.capacity * (this.capacity < largeTable ? 2 : 1.25));
    const lines = new Int32Array(this.capacity * words);
    lines.set(this.i32);
    this.i32 = lines;
    this.f64 = new Float64Array(lines.buffer);
    const free = new Int32Array(this.capacity);
    free.set(this.freeIds);
    this.freeIds = free;
    this.moves++;
  }

  private place(id: number, hash: number): void {
    const number = hash & (shardCount - 1);
    let shard = this.shards[number] as Int32Array;
    const used = (this.shardUsed[number] as number) + 1;
    this.shardUsed[number] = used;
    if (used * 3 > shard.length) shard = this.growShard(number);
    putSlot(shard, hash, id);
  }

  private growShard(number: number): Int32Array {
    const old = this.shards[number] as Int32Array;
    const shard = new Int32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2)
      if (old[at + 1] !== 0) putSlot(shard, old[at] as number, old[at + 1] as number);
    this.shards[number] = shard;
    this.moves++;
    return shard;
  }

  /** Forgets an entry and gives back its memory. */
  remove(id: number): void {
    assert((this.flags(id) & pinned) === 0, "a pinned entry was removed");
    const hash = this.i32[id * words + wordHash] as number;
    const number = hash & (shardCount - 1);
    const shard = this.shards[number] as Int32Array;
    const mask = shard.length - 1;
    let at = (hash >>> 5) & mask & ~1;
    while (shard[at + 1] !== id) at = (at + 2) & mask;
    shiftBack(shard, at);
    this.shardUsed[number] = (this.shardUsed[number] as number) - 1;
    this.arena.free(this.f64[id * doubles + doubleAddress] as number);
    this.i32[id * words + wordFlags] = 0;
    this.i32[id * words + wordKeyspace] = 0;
    const { counts } = this;
    this.freeIds[counts[countFreeIds] as number] = id;
    (counts[countFreeIds] as number)++;
    (counts[countEntries] as number)--;
  }

  /** Gives the value `length` bytes, keeping the first min(old, new) of them. */
  resize(id: number, length: number): void {
    const head = physicalBytes + this.keyLength(id);
    const needed = head + length;
    const room = this.i32[id * words + wordRoom] as number;
    if (needed > room || needed * 2 < room) {
      const keep = head + Math.min(length, this.valueLength(id));
      const wanted = needed > slotBytesMax && needed > room ? Math.ceil(needed * 1.25) : needed;
      this.move(id, wanted, keep);
    }
    this.i32[id * words + wordValueLength] = length;
  }

  /** Gives an entry another place of `bytes` bytes with its first `keep` bytes. */
  private move(id: number, bytes: number, keep: number): void {
    const { arena } = this;
    const old = this.address(id);
    const from = arena.offset(old);
    const address = arena.allocate(bytes);
    arena.buffer(old).copy(arena.buffer(address), arena.offset(address), from, from + keep);
    arena.free(old);
    this.f64[id * doubles + doubleAddress] = address;
    this.i32[id * words + wordRoom] = Arena.slotBytes(bytes);
  }

  private address(id: number): number {
    return this.f64[id * doubles + doubleAddress] as number;
  }
  hash(id: number): number {
    return this.i32[id * words + wordHash] as number;
  }
  flags(id: number): number {
    return this.i32[id * words + wordFlags] as number;
  }
  setFlags(id: number, flags: number): void {
    this.i32[id * words + wordFlags] = flags;
  }
  keyLength(id: number): number {
    return this.i32[id * words + wordKeyLength] as number;
  }
  valueLength(id: number): number {
    return this.i32[id * words + wordValueLength] as number;
  }
  /** u32; 0 for an id that is not in use. */
  keyspace(id: number): number {
    return (this.i32[id * words + wordKeyspace] as number) >>> 0;
  }
  /** Milliseconds since 1970, 0 for never. */
  expireAt(id: number): number {
    return this.f64[id * doubles + doubleExpireAt] as number;
  }
  setExpireAt(id: number, expireAt: number): void {
    this.f64[id * doubles + doubleExpireAt] = expireAt;
  }
  /** Where it was changed last. */
  index(id: number): number {
    return this.f64[id * doubles + doubleIndex] as number;
  }
  ordinal(id: number): number {
    return (this.i32[id * words + wordOrdinal] as number) >>> 0;
  }
  setModified(id: number, index: number, ordinal: number): void {
    this.f64[id * doubles + doubleIndex] = index;
    this.i32[id * words + wordOrdinal] = ordinal;
  }
  /** Seconds since 1970 of the last access. */
  access(id: number): number {
    return (this.i32[id * words + wordAccess] as number) >>> 0;
  }
  setAccess(id: number, seconds: number): void {
    this.i32[id * words + wordAccess] = seconds;
  }

  buffer(id: number): Buffer {
    return this.arena.buffer(this.address(id));
  }
  physicalAt(id: number): number {
    return this.arena.offset(this.address(id));
  }
  keyAt(id: number): number {
    return this.physicalAt(id) + physicalBytes;
  }
  valueAt(id: number): number {
    return this.physicalAt(id) + physicalBytes + this.keyLength(id);
  }
}
