/**
 * The entries of the resident set as columns outside the JavaScript heap, found by a sharded hash
 * table (linear probing, deletion by shifting back). An entry is a number; its key and value lie
 * in the arena as `physical key 16 | key | value`.
 * @module
 */
import { assert } from "../base/assert.ts";
import { Arena } from "./arena.ts";
import { hashKey } from "./hash.ts";

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
} as const;

/** While one of these is set the entry must stay resident. */
export const pinned = flag.dirty | flag.frozen | flag.flying;
export const physicalBytes = 16;
/** What an entry takes beside its slot in the arena: columns and table. */
export const entryBytes = 72;

const shardCount = 64;
const shardSlotsMin = 256;

export class Entries {
  readonly arena = new Arena();
  hash = new Int32Array(1024);
  address = new Float64Array(1024);
  keyLength = new Int32Array(1024);
  valueLength = new Int32Array(1024);
  expireAt = new Float64Array(1024);
  index = new Float64Array(1024);
  ordinal = new Uint32Array(1024);
  flags = new Int32Array(1024);
  keyspace = new Uint32Array(1024);
  /** Seconds since 1970 of the last access. */
  access = new Uint32Array(1024);
  room = new Int32Array(1024);
  count = 0;
  /** Ids from 1 to here were in use at least once. */
  top = 0;
  private readonly freeIds: number[] = [];
  private readonly shards: Int32Array[] = [];
  private readonly shardUsed = new Int32Array(shardCount);
  private readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
    for (let n = 0; n < shardCount; n++) this.shards.push(new Int32Array(shardSlotsMin));
  }

  get bytes(): number {
    return this.arena.liveBytes + this.count * entryBytes;
  }

  /**
   * Moves entries out of sparse slabs when the arena holds much more than what lives in it, as it
   * does after the sizes of values have changed. One pass over a column.
   */
  compact(): void {
    const arena = this.arena;
    if (arena.bytes < arena.liveBytes * 1.25 + (16 << 20) || arena.drainSparse() === 0) return;
    for (let id = 1; id <= this.top; id++) {
      const old = this.address[id] as number;
      if (this.flags[id] === 0 || !arena.isDraining(old)) continue;
      const bytes =
        physicalBytes + (this.keyLength[id] as number) + (this.valueLength[id] as number);
      const address = arena.allocate(bytes);
      const from = arena.offset(old);
      arena.buffer(old).copy(arena.buffer(address), arena.offset(address), from, from + bytes);
      arena.free(old);
      this.address[id] = address;
      this.room[id] = Arena.slotBytes(bytes);
    }
  }

  hashOf(keyspace: number, buffer: Uint8Array, start: number, end: number): number {
    return hashKey(this.seed ^ Math.imul(keyspace, 0x9e3779b1), buffer, start, end);
  }

  /** @returns the entry's id, or 0. Deleted and expired entries are found too. */
  find(hash: number, keyspace: number, buffer: Uint8Array, start: number, end: number): number {
    const shard = this.shards[hash & (shardCount - 1)] as Int32Array;
    const mask = shard.length - 1;
    for (let at = (hash >>> 6) & mask; ; at = (at + 1) & mask) {
      const id = shard[at] as number;
      if (id === 0) return 0;
      if (this.hash[id] === hash && this.sameKey(id, keyspace, buffer, start, end)) return id;
    }
  }

  private sameKey(
    id: number,
    keyspace: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const length = end - start;
    if (this.keyLength[id] !== length || this.keyspace[id] !== keyspace) return false;
    const address = this.address[id] as number;
    const own = this.arena.buffer(address);
    const at = this.arena.offset(address) + physicalBytes;
    if (length > 64) return own.compare(buffer, start, end, at, at + length) === 0;
    for (let n = 0; n < length; n++) if (own[at + n] !== buffer[start + n]) return false;
    return true;
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
    const id = this.freeIds.pop() ?? this.newId();
    const keyLength = end - start;
    const needed = physicalBytes + keyLength + valueLength;
    const address = this.arena.allocate(needed);
    this.room[id] = Arena.slotBytes(needed);
    this.hash[id] = hash;
    this.address[id] = address;
    this.keyLength[id] = keyLength;
    this.valueLength[id] = valueLength;
    this.expireAt[id] = 0;
    this.keyspace[id] = keyspace;
    this.flags[id] = 0;
    const own = this.arena.buffer(address);
    const at = this.arena.offset(address) + physicalBytes;
    if (keyLength <= 32)
      for (let n = 0; n < keyLength; n++) own[at + n] = buffer[start + n] as number;
    else own.set(buffer.subarray(start, end), at);
    this.place(id, hash);
    this.count++;
    return id;
  }

  private newId(): number {
    const id = ++this.top;
    if (id === this.flags.length) this.growColumns(id * 2);
    return id;
  }

  private growColumns(length: number): void {
    const larger = <T extends Int32Array | Float64Array | Uint32Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.hash = larger(this.hash, new Int32Array(length));
    this.address = larger(this.address, new Float64Array(length));
    this.keyLength = larger(this.keyLength, new Int32Array(length));
    this.valueLength = larger(this.valueLength, new Int32Array(length));
    this.expireAt = larger(this.expireAt, new Float64Array(length));
    this.index = larger(this.index, new Float64Array(length));
    this.ordinal = larger(this.ordinal, new Uint32Array(length));
    this.flags = larger(this.flags, new Int32Array(length));
    this.keyspace = larger(this.keyspace, new Uint32Array(length));
    this.access = larger(this.access, new Uint32Array(length));
    this.room = larger(this.room, new Int32Array(length));
  }

  private place(id: number, hash: number): void {
    const number = hash & (shardCount - 1);
    let shard = this.shards[number] as Int32Array;
    const used = (this.shardUsed[number] as number) + 1;
    this.shardUsed[number] = used;
    if (used * 3 > shard.length * 2) shard = this.growShard(number);
    const mask = shard.length - 1;
    let at = (hash >>> 6) & mask;
    while (shard[at] !== 0) at = (at + 1) & mask;
    shard[at] = id;
  }

  private growShard(number: number): Int32Array {
    const old = this.shards[number] as Int32Array;
    const shard = new Int32Array(old.length * 2);
    const mask = shard.length - 1;
    for (const id of old) {
      if (id === 0) continue;
      let at = ((this.hash[id] as number) >>> 6) & mask;
      while (shard[at] !== 0) at = (at + 1) & mask;
      shard[at] = id;
    }
    this.shards[number] = shard;
    return shard;
  }

  /** Forgets an entry and gives back its memory. */
  remove(id: number): void {
    assert(((this.flags[id] as number) & pinned) === 0, "a pinned entry was removed");
    const hash = this.hash[id] as number;
    const number = hash & (shardCount - 1);
    const shard = this.shards[number] as Int32Array;
    const mask = shard.length - 1;
    let at = (hash >>> 6) & mask;
    while (shard[at] !== id) at = (at + 1) & mask;
    this.shiftBack(shard, mask, at);
    this.shardUsed[number] = (this.shardUsed[number] as number) - 1;
    this.arena.free(this.address[id] as number);
    this.flags[id] = 0;
    this.keyspace[id] = 0;
    this.freeIds.push(id);
    this.count--;
  }

  private shiftBack(shard: Int32Array, mask: number, hole: number): void {
    let at = (hole + 1) & mask;
    for (;;) {
      const id = shard[at] as number;
      if (id === 0) break;
      const home = ((this.hash[id] as number) >>> 6) & mask;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        shard[hole] = id;
        hole = at;
      }
      at = (at + 1) & mask;
    }
    shard[hole] = 0;
  }

  /** Gives the value `length` bytes, keeping the first min(old, new) of them. */
  resize(id: number, length: number): void {
    const head = physicalBytes + (this.keyLength[id] as number);
    const needed = head + length;
    const room = this.room[id] as number;
    if (needed > room || needed * 2 < room) {
      const old = this.address[id] as number;
      const keep = head + Math.min(length, this.valueLength[id] as number);
      const wanted = needed > 1 << 17 && needed > room ? Math.ceil(needed * 1.25) : needed;
      const address = this.arena.allocate(wanted);
      const from = this.arena.offset(old);
      const to = this.arena.buffer(address);
      this.arena.buffer(old).copy(to, this.arena.offset(address), from, from + keep);
      this.arena.free(old);
      this.address[id] = address;
      this.room[id] = Arena.slotBytes(wanted);
    }
    this.valueLength[id] = length;
  }

  buffer(id: number): Buffer {
    return this.arena.buffer(this.address[id] as number);
  }
  physicalAt(id: number): number {
    return this.arena.offset(this.address[id] as number);
  }
  keyAt(id: number): number {
    return this.physicalAt(id) + physicalBytes;
  }
  valueAt(id: number): number {
    return this.physicalAt(id) + physicalBytes + (this.keyLength[id] as number);
  }
}
