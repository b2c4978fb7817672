/**
 * A shard of the resident table: linear probing over slots `hash, id`, where id 0 is none.
 * @module
 */

/** Slots are pairs; half of the bits above the shard's choose the home. */
export function putSlot(shard: Int32Array, hash: number, id: number): void {
  const mask = shard.length - 1;
  let at = (hash >>> 5) & mask & ~1;
  while (shard[at + 1] !== 0) at = (at + 2) & mask;
  shard[at] = hash;
  shard[at + 1] = id;
}

/** Fills a hole from behind, so that probing never meets a gap before its key. */
export function shiftBack(shard: Int32Array, from: number): void {
  const mask = shard.length - 1;
  let hole = from;
  for (let at = (hole + 2) & mask; shard[at + 1] !== 0; at = (at + 2) & mask) {
    const home = ((shard[at] as number) >>> 5) & mask & ~1;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    shard[hole] = shard[at] as number;
    shard[hole + 1] = shard[at + 1] as number;
    hole = at;
  }
  shard[hole + 1] = 0;
}
