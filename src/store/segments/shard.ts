/**
 * The slots of the record index: shards of typed arrays outside the JavaScript heap, each kept by
 * sorted linear probing. A slot's home is proportional to its key, keys stand in order from their
 * home on without a gap, so a lookup is one short walk and a range of keys is a walk of memory.
 *
 * A slot is 10 words: key 4 | segment | offset | length | keyspace | flags 8 bits, older copies 24
 * | expiry in seconds. While the index is loaded two more hold the record's sequence.
 *
 * The hazard is a slot that a walk cannot reach: every change keeps the two invariants above, and
 * `check` proves them in tests.
 * @module
 */
import { assert } from "../../base/assert.ts";

export const shardBits = 10;
export const shardCount = 1 << shardBits;
export const slotWords = 10;
/** With the sequence, high and low word, at the end. */
export const loadingWords = 12;

export const wordSegment = 4;
export const wordOffset = 5;
export const wordLength = 6;
export const wordKeyspace = 7;
export const wordFlags = 8;
export const wordExpiry = 9;
export const wordSequence = 10;

export const slotUsed = 1;
export const slotRoot = 2;
export const slotTombstone = 4;
/** The root exists by a change that is not yet on disk. */
export const slotPending = 8;
/** The root is deleted by a change that is not yet on disk. */
export const slotPendingDelete = 16;
/** Reserved: the root of a collection in chunks. */
export const slotCollection = 32;
/** A record of the key is on disk, at the slot's place. */
export const slotPlaced = 64;

const capacityMin = 8;
/** Of a full shard. More would be filled in fewer steps, and stand half empty for longer. */
const growth = 1.25;
/** A shift of more words is worth a call of copyWithin. */
const shiftWordsMax = 64;
const perTwo32 = 1 / 0x1_0000_0000;

function slackOf(capacity: number): number {
  return 16 + (capacity >>> 4);
}

function homesFor(keys: number): number {
  return Math.max(capacityMin, Math.ceil(keys / 0.7));
}

let generations = 0;

export class Shards {
  stride: number;
  /** Another one whenever memory of a shard is, and in every index of this thread. */
  generation = ++generations;
  readonly words: Uint32Array[] = [];
  readonly used = new Int32Array(shardCount);
  readonly capacity = new Uint32Array(shardCount);
  total = 0;

  constructor(stride: number) {
    this.stride = stride;
    // A shard gets memory with its first key.
    const none = new Uint32Array(0);
    for (let shard = 0; shard < shardCount; shard++) this.words.push(none);
  }

  /** Slot at which a key's walk begins. */
  home(shard: number, w0: number, w1: number): number {
    const rest = ((w0 << shardBits) | (w1 >>> (32 - shardBits))) >>> 0;
    return (rest * (this.capacity[shard] as number) * perTwo32) >>> 0;
  }

  /**
   * The word offset of the first slot at or behind the key's home that is empty or holds no lesser
   * key; the length of the array if there is none.
   */
  seek(shard: number, w0: number, w1: number, w2: number, w3: number): number {
    const words = this.words[shard] as Uint32Array;
    const stride = this.stride;
    const end = words.length;
    let at = this.home(shard, w0, w1) * stride;
    for (; at < end; at += stride) {
      if (((words[at + wordFlags] as number) & slotUsed) === 0) return at;
      const first = words[at] as number;
      if (first < w0) continue;
      if (first > w0) return at;
      const second = words[at + 1] as number;
      if (second < w1) continue;
      if (second > w1) return at;
      const third = words[at + 2] as number;
      if (third < w2) continue;
      if (third > w2 || (words[at + 3] as number) >= w3) return at;
    }
    return at;
  }

  /**
   * Puts an empty slot for a key that has none, and returns its word offset.
   * @param sought - What `seek` has just said for this key.
   */
  insert(shard: number, sought: number, w0: number, w1: number, w2: number, w3: number): number {
    let at = sought;
    const used = this.used[shard] as number;
    if (used + 1 > (this.capacity[shard] as number) * 0.8) {
      this.grow(shard);
      at = this.seek(shard, w0, w1, w2, w3);
    }
    let free = this.nextFree(this.words[shard] as Uint32Array, at);
    while (free < 0) {
      this.grow(shard);
      at = this.seek(shard, w0, w1, w2, w3);
      free = this.nextFree(this.words[shard] as Uint32Array, at);
    }
    const words = this.words[shard] as Uint32Array;
    const { stride } = this;
    if (free - at > shiftWordsMax) words.copyWithin(at + stride, at, free);
    else for (let to = free + stride - 1; to >= at + stride; to--) words[to] = words[to - stride]!;
    words[at] = w0;
    words[at + 1] = w1;
    words[at + 2] = w2;
    words[at + 3] = w3;
    for (let word = 4; word < stride; word++) words[at + word] = 0;
    words[at + wordFlags] = slotUsed;
    this.used[shard] = used + 1;
    this.total++;
    return at;
  }

  /** Makes room for about `keys` evenly spread keys at once, while the shards are empty. */
  reserve(keys: number): void {
    if (keys < shardCount * capacityMin) return;
    const homes = homesFor(keys / shardCount);
    const words = (homes + slackOf(homes)) * this.stride;
    // One piece, which the kernel can back with large pages.
    const memory = new ArrayBuffer(shardCount * words * 4);
    this.generation = ++generations;
    for (let shard = 0; shard < shardCount; shard++) {
      assert(this.capacity[shard] === 0, "memory is reserved before the first key");
      this.capacity[shard] = homes;
      this.words[shard] = new Uint32Array(memory, shard * words * 4, words);
    }
  }

  private nextFree(words: Uint32Array, from: number): number {
    const stride = this.stride;
    for (let at = from; at < words.length; at += stride)
      if (((words[at + wordFlags] as number) & slotUsed) === 0) return at;
    return -1;
  }

  /** Takes the slot at word offset `at` out; later ones move towards their homes. */
  remove(shard: number, at: number): void {
    const words = this.words[shard] as Uint32Array;
    const stride = this.stride;
    let end = at + stride;
    for (; end < words.length; end += stride) {
      if (((words[end + wordFlags] as number) & slotUsed) === 0) break;
      if (this.home(shard, words[end] as number, words[end + 1] as number) * stride === end) break;
    }
    words.copyWithin(at, at + stride, end);
    words.fill(0, end - stride, end);
    this.used[shard] = (this.used[shard] as number) - 1;
    this.total--;
  }

  private grow(shard: number): void {
    const wanted = Math.ceil((this.capacity[shard] as number) * growth);
    this.rebuild(shard, Math.max(wanted, capacityMin), this.stride);
  }

  /** Lays a shard out anew with at least `capacity` homes and another stride. */
  private rebuild(shard: number, capacity: number, stride: number): void {
    const old = this.words[shard] as Uint32Array;
    for (let homes = capacity; ; homes += (homes >>> 3) + 8) {
      this.capacity[shard] = homes;
      const words = new Uint32Array((homes + slackOf(homes)) * stride);
      if (this.spread(shard, old, words, stride)) {
        this.words[shard] = words;
        this.generation = ++generations;
        return;
      }
    }
  }

  private spread(shard: number, old: Uint32Array, words: Uint32Array, stride: number): boolean {
    const kept = Math.min(stride, this.stride);
    let next = 0;
    for (let from = 0; from < old.length; from += this.stride) {
      if (((old[from + wordFlags] as number) & slotUsed) === 0) continue;
      const home = this.home(shard, old[from] as number, old[from + 1] as number) * stride;
      const to = home > next ? home : next;
      if (to >= words.length) return false;
      for (let word = 0; word < kept; word++) words[to + word] = old[from + word] as number;
      next = to + stride;
    }
    return true;
  }

  /** Gives the words that only loading needs back. */
  finishLoading(): void {
    for (let shard = 0; shard < shardCount; shard++)
      if (this.capacity[shard] !== 0)
        this.rebuild(shard, homesFor(this.used[shard] as number), slotWords);
    this.stride = slotWords;
  }

  /** Asserts order, reachability and counts. For tests: it reads everything. */
  check(): void {
    let total = 0;
    for (let shard = 0; shard < shardCount; shard++) {
      const words = this.words[shard] as Uint32Array;
      let count = 0;
      for (let at = 0; at < words.length; at += this.stride) {
        if (((words[at + wordFlags] as number) & slotUsed) === 0) continue;
        count++;
        const key = Array.from(words.subarray(at, at + 4)) as [number, number, number, number];
        assert(this.seek(shard, ...key) === at, "a slot is out of reach or out of order");
      }
      assert(count === this.used[shard], "a shard miscounts");
      total += count;
    }
    assert(total === this.total, "the index miscounts");
  }

  bytes(): number {
    let sum = 0;
    for (const words of this.words) sum += words.byteLength;
    return sum;
  }
}
