/**
 * Takes the records of closed segments into an index that is being loaded: what `RecordIndex.place`
 * does for each of them, in one walk. Hints are sorted by physical key, so the place of a key is
 * sought from where the one before it stands; and many hints are taken together, shard by shard of
 * the index, because a start costs what it misses in the cache. Hints in another order are taken
 * too, only slower: which record wins does not depend on the order.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { readSafe64 } from "../../base/bytes.ts";
import {
  expireAtAt,
  keyspaceAt,
  kindTombstone,
  physicalAt,
  rootAt,
  sequenceAt,
} from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { hintEntryBytes, hintLengthAt, hintOffsetAt } from "./hint.ts";
import { copiesMax, copiesShift, expirySeconds, type RecordIndex } from "./index.ts";
import {
  shardBits,
  shardCount,
  slotPlaced,
  slotRoot,
  slotTombstone,
  slotUsed,
  wordExpiry,
  wordFlags,
  wordKeyspace,
  wordLength,
  wordOffset,
  wordSegment,
  wordSequence,
} from "./shard.ts";

const two32 = 0x1_0000_0000;
/** Of the flags of a slot that is being loaded, those that tell whether a root is live. */
const rootState = slotRoot | slotTombstone | slotPlaced;
const liveRoot = slotRoot | slotPlaced;

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
  assert(index.tally.dropped.size === 0, "a keyspace was dropped while the index is loaded");
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
  const { shards, tally } = index;
  const { entries, view, segment } = records;
  const { stride } = shards;
  let shard = -1;
  let words = shards.words[0] as Uint32Array;
  let before = 0;
  let at = 0;
  let bytes = 0;
  for (let from = records.at; from < end; from += hintEntryBytes) {
    const w0 = view.getUint32(from + physicalAt);
    const w1 = view.getUint32(from + physicalAt + 4);
    const w2 = view.getUint32(from + physicalAt + 8);
    const w3 = view.getUint32(from + physicalAt + 12);
    const number = shardOf(w0);
    if (number !== shard) {
      shard = number;
      words = shards.words[shard] as Uint32Array;
      at = 0;
    } else if (w0 <= before) at = 0;
    before = w0;
    const begin = Math.max(at, shards.home(shard, w0, w1) * stride);
    at = shards.seekFrom(begin, shard, w0, w1, w2, w3);
    const keyspace = view.getUint32(from + keyspaceAt);
    const length = view.getUint32(from + hintLengthAt);
    const sequence = readSafe64(entries, from + sequenceAt);
    if (sequence > records.sequence) records.sequence = sequence;
    bytes += frameHeaderBytes + length;
    const found =
      at < words.length &&
      ((words[at + wordFlags] as number) & slotUsed) !== 0 &&
      words[at + 3] === w3 &&
      words[at + 2] === w2 &&
      words[at + 1] === w1 &&
      words[at] === w0;
    if (!found) {
      at = shards.insert(shard, at, w0, w1, w2, w3);
      words = shards.words[shard] as Uint32Array;
      words[at + wordKeyspace] = keyspace;
    }
    const old = words[at + wordFlags] as number;
    let copies = old >>> copiesShift;
    tally.of(keyspace).records++;
    if ((old & slotPlaced) !== 0) {
      if (copies < copiesMax) copies++;
      const high = words[at + wordSequence] as number;
      if (high * two32 + (words[at + wordSequence + 1] as number) > sequence) {
        words[at + wordFlags] = ((old & 0xff) | (copies << copiesShift)) >>> 0;
        died(segment, length);
        continue;
      }
      died(words[at + wordSegment] as number, words[at + wordLength] as number);
    }
    words[at + wordSegment] = segment;
    words[at + wordOffset] = view.getUint32(from + hintOffsetAt);
    words[at + wordLength] = length;
    words[at + wordSequence] = Math.floor(sequence / two32);
    words[at + wordSequence + 1] = sequence >>> 0;
    let flags = slotUsed | slotPlaced;
    if (entries[from + rootAt] === 1) flags |= slotRoot;
    if (entries[from] === kindTombstone) flags |= slotTombstone;
    words[at + wordFlags] = (flags | (copies << copiesShift)) >>> 0;
    const seconds = expirySeconds(readSafe64(entries, from + expireAtAt));
    const expired = words[at + wordExpiry] as number;
    words[at + wordExpiry] = seconds;
    const live = Number((flags & rootState) === liveRoot) - Number((old & rootState) === liveRoot);
    const expiring = Number(seconds !== 0) - Number(expired !== 0);
    if (live === 0 && expiring === 0) continue;
    const counts = tally.of(words[at + wordKeyspace] as number);
    counts.live += live;
    counts.expiring += expiring;
    index.expiring += expiring;
  }
  records.bytes += bytes;
  records.at = end;
}
