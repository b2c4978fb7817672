/**
 * A keyed 32-bit hash of keys for the resident table. Whoever can choose keys must not be able to
 * choose ones that collide: MurmurHash3's mixing (public domain, github.com/aappleby/smhasher), but
 * with secret multipliers, since with the published ones collisions are known that hold for every
 * seed (Aumasson and Bernstein, oCERT-2012-001). Its order is never seen from outside.
 * @module
 */

/** What keeps the hash secret. The multipliers are odd, so that no bit of a word is lost. */
export interface HashSecret {
  readonly seed: number;
  readonly first: number;
  readonly second: number;
}

/** @param seed - 32 secret bits. */
export function hashSecret(seed: number): HashSecret {
  return { seed: seed | 0, first: finish(seed + 1) | 1, second: finish(seed + 2) | 1 };
}

/** The finalizer of MurmurHash3: every bit of the input reaches every bit of the output. */
function finish(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** @param tweak - Any 32 bits; other tweaks give independent hashes. @returns an int32. */
export function hashKey(
  secret: HashSecret,
  tweak: number,
  data: Uint8Array,
  start: number,
  end: number,
): number {
  const { first, second } = secret;
  let hash = secret.seed ^ tweak;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    let word =
      (data[at] as number) |
      ((data[at + 1] as number) << 8) |
      ((data[at + 2] as number) << 16) |
      ((data[at + 3] as number) << 24);
    word = Math.imul(word, first);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, second);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let shift = 0; at < end; at++, shift += 8) tail |= (data[at] as number) << shift;
  tail = Math.imul(tail, first);
  tail = (tail << 15) | (tail >>> 17);
  hash ^= Math.imul(tail, second);
  return finish(hash ^ (end - start));
}

/** Keys of other keyspaces hash independently. */
export function tweakOf(keyspace: number): number {
  return Math.imul(keyspace, 0x9e3779b1);
}

/** The hash of a key of a keyspace. */
export function hashIn(
  secret: HashSecret,
  keyspace: number,
  data: Uint8Array,
  start: number,
  end: number,
): number {
  return hashKey(secret, tweakOf(keyspace), data, start, end);
}
