/**
 * Takes the records of closed segments into an index that is being loaded. Hints are sorted by
 * physical key, and many are taken together, shard by shard of the index, because a start costs
 * what it misses in the cache. Hints in another order are taken too, only slower: which record wins
 * does not depend on the order.
 * @module
 */
import { readSafe64 } from "../../base/bytes.ts";
import { expireAtAt, keyspaceAt, physicalAt, rootAt, sequenceAt } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { hintEntryBytes, hintLengthAt, hintOffsetAt } from "./hint.ts";
import { expirySeconds, flagsOf, type RecordIndex } from "./index.ts";
import { shardBits, shardCount } from "./shard.ts";

/** The records of one segment, as its hint holds them. */
export class SegmentRecords {
  readonly entries: Buffer;
  readonly view: DataView;
  /** Number of the segment. */
  readonly segment: number;
  /** Where the next record stands that was not taken yet. */
  at = 0;
  /** Bytes of the frames of those that were, and their greatest sequence. */
  bytes = 0;
  sequence = 0;

  constructor(entries: Buffer, segment: number) {
    this.entries = entries;
    this.view = new DataView(entries.buffer, entries.byteOffset, entries.length);
    this.segment = segment;
  }

  /** End of the records from `at` on that belong into this shard. */
  endOf(shard: number): number {
    const { view } = this;
    let end = this.at;
    while (end < view.byteLength && shardOf(view.getUint32(end + physicalAt)) === shard)
      end += hintEntryBytes;
    return end;
  }
}

/** Told the place's segment and length of every record that another one supersedes. */
export type Died = (segment: number, length: number) => void;

/** @throws FORMAT_RANGE for a sequence or an expiry that is no safe integer. */
export function loadRecords(index: RecordIndex, all: readonly SegmentRecords[], died: Died): void {
  for (let shard = 0; shard < shardCount; shard++)
    for (const records of all) {
      const end = records.endOf(shard);
      if (end > records.at) take(index, records, end, died);
    }
  for (const records of all) take(index, records, records.entries.length, died);
}

const shardOf = (w0: number): number => w0 >>> (32 - shardBits);

/** Takes the records up to `end`. */
function take(index: RecordIndex, records: SegmentRecords, end: number, died: Died): void {
  const { entries, view, segment } = records;
  for (let at = records.at; at < end; at += hintEntryBytes) {
    const length = view.getUint32(at + hintLengthAt);
    const sequence = readSafe64(entries, at + sequenceAt);
    if (sequence > records.sequence) records.sequence = sequence;
    records.bytes += frameHeaderBytes + length;
    index.place(
      entries,
      at + physicalAt,
      segment,
      view.getUint32(at + hintOffsetAt),
      length,
      view.getUint32(at + keyspaceAt),
      flagsOf(entries[at] as number, entries[at + rootAt] as number),
      expirySeconds(readSafe64(entries, at + expireAtAt)),
      sequence,
    );
    if (index.dead.segment !== 0) died(index.dead.segment, index.dead.length);
  }
  records.at = end;
}
