/**
 * The first step of a compaction: which records of a segment are live. Commands run meanwhile; what
 * dies after it was judged is copied, and the copy is dead.
 *
 * The hazard is a deleted key that comes back: a tombstone is dead only when no older copy of its
 * key is on disk, and what has expired becomes a tombstone while there are some.
 * @module
 */
import { letGo, readSafe64 } from "../../base/bytes.ts";
import type { Scheduler } from "../../base/ports.ts";
import { expireAtAt, kindTombstone, physicalAt } from "../../entry/record.ts";
import { type JudgeMany, nativeJudgeMany } from "../../platform/slots.ts";
import { ranksOf } from "./bytes.ts";
import {
  fateCopied,
  fateDead,
  fateExpired,
  fateUndecided,
  manyRecords,
  type Source,
  singleRecords,
  touchRecords,
} from "./following.ts";
import { hintEntryBytes, hintOffsetAt } from "./hint.ts";
import type { RecordIndex } from "./index.ts";

/**
 * Decides about every record of a segment: its fate.
 * @param durableMs - Milliseconds of the durable commit, the only clock that decides what has
 *   expired.
 * @returns Those to be copied, in the order of their places. The caller lets go of it.
 */
export async function judgeRecords(
  index: RecordIndex,
  source: Source,
  durableMs: () => number,
  scheduler: Scheduler,
  native: JudgeMany | null = nativeJudgeMany,
): Promise<Uint32Array> {
  const { hint, fates } = source;
  const live = new Uint32Array(hint.records);
  let count = 0;
  const slice = native === null ? singleRecords : manyRecords;
  for (let from = 0; from < hint.records; from += slice) {
    if (from > 0) await scheduler.yieldNow();
    const end = Math.min(from + slice, hint.records);
    const many = judgeMany(index, source, from, end, native);
    for (let record = from; record < end; record++) {
      if (!many) touchRecords(index, source, record);
      if (!many || fates[record] === fateUndecided)
        fates[record] = judge(index, source, record, durableMs);
      if (fates[record] !== fateDead) live[count++] = record;
    }
  }
  const ordered = inOrder(source, live.subarray(0, count));
  letGo(live);
  return ordered;
}

/** @returns False: nothing was decided. */
function judgeMany(
  index: RecordIndex,
  source: Source,
  from: number,
  end: number,
  native: JudgeMany | null,
): boolean {
  // Records of a keyspace that is gone are dead wherever they stand; that is not for the addon,
  // which takes those for dead that have no slot.
  if (native === null || index.tally.sweeping) return false;
  const { words, capacity, generation } = index.shards;
  const order = Uint32Array.of(source.segment.header.number, 0, from, end);
  native(words, capacity, generation, source.hint.entries, source.fates, order);
  return true;
}

function judge(
  index: RecordIndex,
  source: Source,
  record: number,
  durableMs: () => number,
): number {
  const { entries } = source.hint;
  const at = record * hintEntryBytes;
  if (!index.find(entries, at + physicalAt)) return fateDead;
  if (index.tally.dropped.has(index.keyspace)) return fateDead;
  const offset = entries.readUInt32BE(at + hintOffsetAt);
  if (!index.isAt(source.segment.header.number, offset)) return fateDead;
  if (entries[at] === kindTombstone) return index.droppable ? fateDead : fateCopied;
  const expireAt = readSafe64(entries, at + expireAtAt);
  if (expireAt === 0 || expireAt > durableMs()) return fateCopied;
  return index.copies === 0 ? fateDead : fateExpired;
}

function inOrder({ hint }: Source, live: Uint32Array): Uint32Array {
  const offsets = new Uint32Array(live.length);
  for (const [n, record] of live.entries())
    offsets[n] = hint.entries.readUInt32BE(record * hintEntryBytes + hintOffsetAt);
  const ranks = ranksOf(offsets);
  const ordered = new Uint32Array(live.length);
  for (const [n, rank] of ranks.entries()) ordered[rank] = live[n] as number;
  letGo(offsets);
  letGo(ranks);
  return ordered;
}
