/**
 * Walks over the record index in the order of physical keys. Cursors are stateless: the next key's
 * first 64 bits, so they survive growth, changes and restarts, and a key that was there all the
 * time is met exactly once.
 * @module
 */
import { isLiveRoot, type RecordIndex } from "./index.ts";
import { shardBits, shardCount, slotUsed, wordExpiry, wordFlags, wordKeyspace } from "./shard.ts";

/** Called with the 16 bytes of a physical key, valid until it returns. */
export type Visit = (physical: Buffer) => void;

const physical = Buffer.alloc(16);

function keyOf(words: Uint32Array, at: number): Buffer {
  for (let word = 0; word < 4; word++) physical.writeUInt32BE(words[at + word] as number, word * 4);
  return physical;
}

/** Slots looked at by one step of a scan that finds little: other databases stand between. */
const examinedMin = 32 * 1024;

/**
 * Visits about `count` live roots of a keyspace from `cursor` on.
 * @returns The next cursor, 0n at the end.
 */
export function scanRoots(
  index: RecordIndex,
  keyspace: number,
  cursor: bigint,
  count: number,
  visit: Visit,
): bigint {
  const from0 = Number(cursor >> 32n);
  const from1 = Number(cursor & 0xffff_ffffn);
  let budget = Math.max(examinedMin, count * 8);
  let wanted = count;
  for (let shard = from0 >>> (32 - shardBits); shard < shardCount; shard++) {
    const words = index.shards.words[shard] as Uint32Array;
    const stride = index.shards.stride;
    const first = from0 >>> (32 - shardBits) === shard;
    let at = first ? index.shards.seek(shard, from0, from1, 0, 0) : 0;
    let last0 = -1;
    let last1 = -1;
    for (; at < words.length; at += stride) {
      const flags = words[at + wordFlags] as number;
      if ((flags & slotUsed) === 0) continue;
      const w0 = words[at] as number;
      const w1 = words[at + 1] as number;
      // Keys that share a cursor stay together.
      if ((wanted <= 0 || budget <= 0) && (w0 !== last0 || w1 !== last1))
        return (BigInt(w0) << 32n) | BigInt(w1);
      last0 = w0;
      last1 = w1;
      budget--;
      if (words[at + wordKeyspace] !== keyspace || !isLiveRoot(flags)) continue;
      wanted--;
      visit(keyOf(words, at));
    }
  }
  return 0n;
}

/**
 * A live root of a keyspace, near the place that `draw` in [0, 1) points at.
 * @returns A view valid until the next walk; null if there is none.
 */
export function randomRoot(index: RecordIndex, keyspace: number, draw: number): Buffer | null {
  if (index.tally.live(keyspace) === 0) return null;
  const start = Math.floor(draw * shardCount);
  const within = draw * shardCount - start;
  const stride = index.shards.stride;
  for (let step = 0; step <= shardCount; step++) {
    const words = index.shards.words[(start + step) % shardCount] as Uint32Array;
    let at = step === 0 ? Math.floor((within * words.length) / stride) * stride : 0;
    for (; at < words.length; at += stride)
      if (words[at + wordKeyspace] === keyspace && isLiveRoot(words[at + wordFlags] as number))
        return keyOf(words, at);
  }
  return null;
}

/**
 * A walk over all slots that goes on where it stopped, and begins again at the end. Slots move
 * between two steps of it: it goes on by the key, so that what is there all the time is met once.
 */
export class Sweep {
  private readonly index: RecordIndex;
  private shard = 0;
  /** The key to go on with; null: the first one of the shard. */
  private next: Uint32Array | null = null;

  constructor(index: RecordIndex) {
    this.index = index;
  }

  restart(): void {
    this.shard = 0;
    this.next = null;
  }

  /** Visits roots with an expiry at or before `nowMs` among the next `budget` slots. */
  expired(nowMs: number, budget: number, visit: Visit): void {
    if (this.index.expiring === 0) return;
    const now = Math.floor(nowMs / 1000);
    this.walk(budget, (words, at) => {
      const expiry = words[at + wordExpiry] as number;
      if (expiry === 0 || expiry > now || !isLiveRoot(words[at + wordFlags] as number))
        return false;
      visit(keyOf(words, at));
      return false;
    });
  }

  /**
   * Looks at the next slots; `each` returns true if it took the slot out.
   * @returns True if the end was reached: the next walk begins anew.
   */
  walk(budget: number, each: (words: Uint32Array, at: number, shard: number) => boolean): boolean {
    const shards = this.index.shards;
    for (let left = budget; left > 0; ) {
      const words = shards.words[this.shard] as Uint32Array;
      for (let at = this.start(); at < words.length; left--) {
        const used = ((words[at + wordFlags] as number) & slotUsed) !== 0;
        if (used && left <= 0) {
          this.next = words.slice(at, at + 4);
          return false;
        }
        if (!used || !each(words, at, this.shard)) at += shards.stride;
      }
      this.next = null;
      this.shard = (this.shard + 1) % shardCount;
      if (this.shard === 0) return true;
    }
    return false;
  }

  /** Word offset within the shard. */
  private start(): number {
    if (this.next === null) return 0;
    const [w0, w1, w2, w3] = this.next as unknown as [number, number, number, number];
    return this.index.shards.seek(this.shard, w0, w1, w2, w3);
  }
}
