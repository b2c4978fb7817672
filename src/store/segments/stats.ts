/**
 * Counts for INFO, metrics and the proof that nothing is left under a key.
 * @module
 */
import type { KeyUsage, StoreStats } from "../store.ts";
import type { Books } from "./books.ts";
import type { Compactor } from "./compactor.ts";
import type { Flusher } from "./flusher.ts";

type Sum = { -readonly [Field in keyof KeyUsage]: KeyUsage[Field] };

export function statsOf(books: Books, flusher: Flusher, compactor: Compactor): StoreStats {
  const keys = new Map<number, Sum>();
  const damage: string[] = [];
  const all = { segments: 0, bytes: 0, records: 0, deadBytes: 0 };
  for (const segment of books.segments.values()) {
    const { keyId } = segment.header;
    const sum = keys.get(keyId) ?? { keyId, segments: 0, bytes: 0, records: 0, deadBytes: 0 };
    keys.set(keyId, sum);
    for (const into of [sum, all]) {
      into.segments++;
      into.bytes += segment.length;
      into.records += segment.records;
      into.deadBytes += segment.deadBytes;
    }
    if (segment.damage !== null) damage.push(segment.damage);
  }
  return {
    ...all,
    keys: [...keys.values()].sort((one, other) => one.keyId - other.keyId),
    indexBytes: books.index.shards.bytes(),
    flushes: flusher.flushes,
    flushedBytes: flusher.flushedBytes,
    compactions: compactor.compactions,
    compactedBytes: compactor.compactedBytes,
    damage,
  };
}
