/**
 * The record index: where on disk the newest record of every physical key lies. It counts the older
 * copies of a key that are still on disk, because a tombstone must outlive them, and the live roots
 * of every keyspace id. Changes say what became dead; the caller keeps the books of the segments.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { kindTombstone } from "../../entry/record.ts";
import { nativeTouchMany } from "../../platform/slots.ts";
import {
  loadingWords,
  Shards,
  shardBits,
  slotPending,
  slotPendingDelete,
  slotPlaced,
  slotRoot,
  slotTombstone,
  slotUsed,
  slotWords,
  wordExpiry,
  wordFlags,
  wordKeyspace,
  wordLength,
  wordOffset,
  wordSegment,
  wordSequence,
} from "./shard.ts";
import { KeyspaceTally } from "./tally.ts";

const copiesShift = 8;
/** A count that has reached this stays: its tombstone waits for the next start. */
const copiesMax = 0xff_ffff;
const expirySecondsMax = 0xffff_ffff;

/** Seconds, rounded up: a slot never says "expired" early. 0: never. */
export function expirySeconds(expireAt: number): number {
  return expireAt === 0 ? 0 : Math.min(Math.ceil(expireAt / 1000), expirySecondsMax);
}

/** Of the slot of a put or a tombstone with this kind and root bit. */
export function flagsOf(kind: number, root: number): number {
  return (root === 1 ? slotRoot : 0) | (kind === kindTombstone ? slotTombstone : 0);
}

/** True if the root in a slot with these flags exists. */
export function isLiveRoot(flags: number): boolean {
  if ((flags & slotRoot) === 0) return false;
  if ((flags & slotPending) !== 0) return true;
  return (flags & (slotPlaced | slotTombstone | slotPendingDelete)) === slotPlaced;
}

export interface Place {
  segment: number;
  offset: number;
  /** Bytes of the frame's body. */
  length: number;
}

export class RecordIndex {
  readonly shards: Shards;
  readonly tally = new KeyspaceTally();
  /** Slots with an expiry, so that a sweep of none costs nothing. */
  expiring = 0;
  /** The slot that the last `find`, `place` or `mark` met. */
  words: Uint32Array;
  at = 0;
  shard = 0;
  /** What the last change made dead: segment 0 if nothing. */
  readonly dead: Place = { segment: 0, offset: 0, length: 0 };
  private loading: boolean;
  /** What `touch` read last; means nothing. */
  touched = 0;
  private w0 = 0;
  private w1 = 0;
  private w2 = 0;
  private w3 = 0;

  /** @param loading - Keep sequences until `finishLoading`, to let the greater one win. */
  constructor(loading: boolean) {
    this.loading = loading;
    this.shards = new Shards(loading ? loadingWords : slotWords);
    this.words = this.shards.words[0] as Uint32Array;
  }

  private take(key: Uint8Array, at: number): void {
    this.w0 = word(key, at);
    this.w1 = word(key, at + 4);
    this.w2 = word(key, at + 8);
    this.w3 = word(key, at + 12);
    this.shard = this.w0 >>> (32 - shardBits);
  }

  /**
   * Reads where a key's walk begins, for the processor's cache: a few of these in a row wait for
   * memory together, look-ups one after the other.
   */
  touch(key: Uint8Array, at: number): void {
    const w0 = word(key, at);
    const shard = w0 >>> (32 - shardBits);
    const { shards } = this;
    const first = shards.home(shard, w0, word(key, at + 4)) * shards.stride;
    // Kept, or the read could be left out.
    this.touched = (shards.words[shard] as Uint32Array)[first + wordFlags] ?? 0;
  }

  /**
   * The same for `count` keys, one every `stride` bytes: what is looked up next is then at hand.
   * More than a few hundred would drive each other out.
   */
  touchMany(keys: Uint8Array, at: number, stride: number, count: number): void {
    const { words, capacity, generation } = this.shards;
    if (nativeTouchMany !== null)
      nativeTouchMany(words, capacity, generation, keys, at, stride, count);
    else
      for (let key = at, n = 0; n < count && key < keys.length; key += stride, n++)
        this.touch(keys, key);
  }

  private locate(): boolean {
    const at = this.shards.seek(this.shard, this.w0, this.w1, this.w2, this.w3);
    const words = this.shards.words[this.shard] as Uint32Array;
    this.words = words;
    this.at = at;
    return (
      at < words.length &&
      ((words[at + wordFlags] as number) & slotUsed) !== 0 &&
      words[at + 3] === this.w3 &&
      words[at + 2] === this.w2 &&
      words[at + 1] === this.w1 &&
      words[at] === this.w0
    );
  }

  private create(keyspace: number): void {
    this.at = this.shards.insert(this.shard, this.at, this.w0, this.w1, this.w2, this.w3);
    this.words = this.shards.words[this.shard] as Uint32Array;
    this.words[this.at + wordKeyspace] = keyspace;
  }

  /** True if the key has a slot; the getters then read it. */
  find(key: Uint8Array, at: number): boolean {
    this.take(key, at);
    return this.locate();
  }

  get flags(): number {
    return (this.words[this.at + wordFlags] as number) & 0xff;
  }
  get copies(): number {
    return (this.words[this.at + wordFlags] as number) >>> copiesShift;
  }
  get segment(): number {
    return this.words[this.at + wordSegment] as number;
  }
  get offset(): number {
    return this.words[this.at + wordOffset] as number;
  }
  get length(): number {
    return this.words[this.at + wordLength] as number;
  }
  /** Seconds since 1970, rounded up; 0: its newest record on disk has none. */
  get expiry(): number {
    return this.words[this.at + wordExpiry] as number;
  }
  get keyspace(): number {
    return this.words[this.at + wordKeyspace] as number;
  }

  /** True if the slot's record is a tombstone that shadows nothing: dead weight already. */
  private shadowsNothing(): boolean {
    const flags = this.words[this.at + wordFlags] as number;
    return (flags & slotTombstone) !== 0 && flags >>> copiesShift === 0;
  }

  private setFlags(flags: number, copies: number): void {
    const at = this.at + wordFlags;
    const before = isLiveRoot(this.words[at] as number);
    this.words[at] = (flags | (copies << copiesShift)) >>> 0;
    const after = isLiveRoot(flags);
    if (before !== after) this.tally.of(this.keyspace).live += after ? 1 : -1;
  }

  private setExpiry(seconds: number): void {
    const at = this.at + wordExpiry;
    const change = Number(seconds !== 0) - Number(this.words[at] !== 0);
    if (change !== 0) {
      this.expiring += change;
      this.tally.of(this.keyspace).expiring += change;
    }
    this.words[at] = seconds;
  }

  private died(segment: number, offset: number, length: number): void {
    this.dead.segment = segment;
    this.dead.offset = offset;
    this.dead.length = length;
  }

  /**
   * A record of the key is durable at this place. `dead` tells what became dead by that: its
   * predecessor, or itself if it is older, of a dropped keyspace or a tombstone over nothing (not
   * told while loading: an older copy may still come). Clears the marks of `mark`.
   * @param flags - slotRoot, slotTombstone, slotCollection.
   * @param sequence - Only looked at while loading.
   */
  place(
    key: Uint8Array,
    at: number,
    segment: number,
    offset: number,
    length: number,
    keyspace: number,
    flags: number,
    seconds: number,
    sequence: number,
  ): void {
    this.died(0, 0, 0);
    this.tally.of(keyspace).records++;
    if (this.tally.dropped.has(keyspace)) {
      this.died(segment, offset, length);
      return;
    }
    this.take(key, at);
    if (!this.locate()) this.create(keyspace);
    let copies = this.copies;
    if ((this.flags & slotPlaced) !== 0) {
      copies = Math.min(copies + 1, copiesMax);
      if (this.loading && this.sequence() > sequence) {
        this.setFlags(this.flags, copies);
        this.died(segment, offset, length);
        return;
      }
      // A tombstone that shadows nothing was counted as dead when it came, except while loading.
      if (this.loading || !this.shadowsNothing()) this.died(this.segment, this.offset, this.length);
    }
    this.put(segment, offset, length, seconds, sequence);
    this.setFlags(slotUsed | slotPlaced | flags, copies);
    if (!this.loading && this.shadowsNothing()) this.died(segment, offset, length);
  }

  /** A record was placed by `PlaceMany`, which told `what`. */
  count(keyspace: number, what: number): void {
    const counts = this.tally.of(keyspace);
    counts.records++;
    counts.live += ((what >>> 2) & 1) - ((what >>> 1) & 1);
    const expiring = ((what >>> 4) & 1) - ((what >>> 3) & 1);
    counts.expiring += expiring;
    this.expiring += expiring;
  }

  private put(segment: number, offset: number, length: number, seconds: number, sequence: number) {
    const words = this.words;
    words[this.at + wordSegment] = segment;
    words[this.at + wordOffset] = offset;
    words[this.at + wordLength] = length;
    this.setExpiry(seconds);
    if (!this.loading) return;
    words[this.at + wordSequence] = Math.floor(sequence / 0x1_0000_0000);
    words[this.at + wordSequence + 1] = sequence >>> 0;
  }

  private sequence(): number {
    const high = this.words[this.at + wordSequence] as number;
    return high * 0x1_0000_0000 + (this.words[this.at + wordSequence + 1] as number);
  }

  /** True if a record of the key is on disk. */
  get placed(): boolean {
    return (this.flags & slotPlaced) !== 0;
  }

  /** True if the newest record on disk is a put, of a keyspace that was not dropped. */
  get readable(): boolean {
    return (
      (this.flags & (slotPlaced | slotTombstone)) === slotPlaced &&
      !this.tally.dropped.has(this.keyspace)
    );
  }

  /** The slot's tombstone shadows nothing on disk: may be forgotten with its record. */
  get droppable(): boolean {
    return this.shadowsNothing();
  }

  /** True if the slot's record is the one at this place. */
  isAt(segment: number, offset: number): boolean {
    return (this.flags & slotPlaced) !== 0 && this.segment === segment && this.offset === offset;
  }

  /** After `find`: the record now lies elsewhere; an expired put may have become a tombstone. */
  move(segment: number, offset: number, length: number, tombstone: boolean): void {
    this.words[this.at + wordSegment] = segment;
    this.words[this.at + wordOffset] = offset;
    this.words[this.at + wordLength] = length;
    if (!tombstone || (this.flags & slotTombstone) !== 0) return;
    this.setExpiry(0);
    this.setFlags(this.flags | slotTombstone, this.copies);
  }

  /** After `find`: one older copy is gone. True if its tombstone shadows nothing now. */
  dropCopy(): boolean {
    const copies = this.copies;
    assert(copies > 0, "more copies go than were counted");
    if (copies === copiesMax) return false;
    this.setFlags(this.flags, copies - 1);
    return this.shadowsNothing();
  }

  /** After `find`: the slot's own record is gone from the disk, and no older copy is there. */
  forget(): void {
    assert(this.copies === 0, "an older copy would come back");
    this.setExpiry(0);
    const pending = this.flags & (slotPending | slotRoot);
    if ((pending & slotPending) !== 0) {
      this.setFlags(slotUsed | pending, 0);
      return;
    }
    this.setFlags(slotUsed, 0);
    this.shards.remove(this.shard, this.at);
  }

  /** A root exists, or does not, by a change that is not on disk yet. */
  mark(key: Uint8Array, at: number, keyspace: number, exists: boolean): void {
    if (this.tally.dropped.has(keyspace)) return;
    this.take(key, at);
    if (!this.locate()) {
      if (!exists) return;
      this.create(keyspace);
    }
    const flags = (this.flags | slotRoot) & ~(slotPending | slotPendingDelete);
    if (!exists && (flags & slotPlaced) === 0) {
      this.setFlags(slotUsed, 0);
      this.shards.remove(this.shard, this.at);
      return;
    }
    this.setFlags(flags | (exists ? slotPending : slotPendingDelete), this.copies);
  }

  /** All slots have their newest record: the sequences are no longer needed. */
  finishLoading(): void {
    this.loading = false;
    this.shards.finishLoading();
  }

  /** After a walk: makes the slot at word offset `at` of `shard` the current one. */
  use(shard: number, at: number): void {
    this.shard = shard;
    this.words = this.shards.words[shard] as Uint32Array;
    this.at = at;
  }

  /** Takes the current slot out, whatever it holds: its keyspace is no more. */
  evict(): void {
    this.setExpiry(0);
    this.setFlags(slotUsed, 0);
    this.shards.remove(this.shard, this.at);
  }
}

function word(key: Uint8Array, at: number): number {
  return ((key[at]! << 24) | (key[at + 1]! << 16) | (key[at + 2]! << 8) | key[at + 3]!) >>> 0;
}
