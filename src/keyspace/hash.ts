/**
 * A seeded 32-bit hash of keys for the resident table, so that nobody who does not know the seed
 * can choose keys that collide. Its order is never seen from outside. The mixing is MurmurHash3's
 * (public domain, github.com/aappleby/smhasher).
 * @module
 */

/** @param seed - 32 secret bits. */
export function hashKey(seed: number, data: Uint8Array, start: number, end: number): number {
  let hash = seed;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    let word =
      (data[at] as number) |
      ((data[at + 1] as number) << 8) |
      ((data[at + 2] as number) << 16) |
      ((data[at + 3] as number) << 24);
    word = Math.imul(word, 0xcc9e2d51);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let shift = 0; at < end; at++, shift += 8) tail |= (data[at] as number) << shift;
  tail = Math.imul(tail, 0xcc9e2d51);
  tail = (tail << 15) | (tail >>> 17);
  hash ^= Math.imul(tail, 0x1b873593);
  hash ^= end - start;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
