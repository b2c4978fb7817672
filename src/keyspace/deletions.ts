/**
 * Remembers when keys were deleted, coarsely: for each of 1024 buckets of names the last entry that
 * deleted one of them, or gave one an expiry: it may vanish without an entry. WATCH of an absent
 * key needs it: a key that was made and is gone again is absent before and after, and somebody may
 * have read it in between. It is part of the replicated state, so every replica refuses the same
 * transactions; that a bucket is shared refuses a few more than need be, and their clients try
 * again.
 * @module
 */

export const deletionBuckets = 1024;

export class DeletionClock {
  /** Log index of the last such entry in each bucket, 0 for none. */
  readonly buckets = new Float64Array(deletionBuckets);
  /** Set by `note`; whoever makes the clock durable clears it. */
  changed = false;

  note(keyspace: number, buffer: Uint8Array, start: number, end: number, index: number): void {
    this.buckets[bucketOf(keyspace, buffer, start, end)] = index;
    this.changed = true;
  }

  /** Any key may have been there and be gone since: whole databases were flushed or exchanged. */
  noteAll(index: number): void {
    this.buckets.fill(index);
    this.changed = true;
  }

  last(keyspace: number, key: Uint8Array): number {
    return this.buckets[bucketOf(keyspace, key, 0, key.length)] as number;
  }
}

/** FNV-1a, 32 bits, over the keyspace id and the name: the same on every replica. */
function bucketOf(keyspace: number, buffer: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let shift = 24; shift >= 0; shift -= 8)
    hash = Math.imul(hash ^ ((keyspace >>> shift) & 0xff), 0x01000193);
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (buffer[at] as number), 0x01000193);
  return (hash ^ (hash >>> 16)) & (deletionBuckets - 1);
}
