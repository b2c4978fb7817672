/**
 * What lies under each key on this node's disks: records in segments of the store, entries in files
 * of the log. Key 0 is what is in clear. Hazard: "nothing is left under it" must be read from what
 * is there, not from what should be. docs/operations.
 * @module
 */
import { readEntryHeader } from "../entry/logentry.ts";
import type { SegmentLog } from "../log/segments/open.ts";
import type { SegmentStore } from "../store/segments/store.ts";

export interface UsageSource {
  readonly store: SegmentStore;
  readonly log: SegmentLog;
}

/** Sealed under one key. Bytes as they stand on the disk. */
export interface KeyUsageOf {
  readonly keyId: number;
  readonly storeSegments: number;
  readonly storeRecords: number;
  readonly storeBytes: number;
  readonly logEntries: number;
  readonly logBytes: number;
}

const none: Omit<KeyUsageOf, "keyId"> = {
  storeSegments: 0,
  storeRecords: 0,
  storeBytes: 0,
  logEntries: 0,
  logBytes: 0,
};

/** Of every key under which anything lies. Reads the headers of the log's entries: not hot. */
export function usageOfAll({ store, log }: UsageSource): ReadonlyMap<number, KeyUsageOf> {
  const usage = new Map<number, KeyUsageOf>();
  for (const { keyId, segments, records, bytes } of store.stats().keys)
    usage.set(keyId, {
      ...none,
      keyId,
      storeSegments: segments,
      storeRecords: records,
      storeBytes: bytes,
    });
  for (const { entry } of log.read(log.first)) {
    const { keyId } = readEntryHeader(entry);
    const before = usage.get(keyId) ?? { ...none, keyId };
    usage.set(keyId, {
      ...before,
      logEntries: before.logEntries + 1,
      logBytes: before.logBytes + entry.length,
    });
  }
  return usage;
}

/** Of one key. */
export function usageOf(source: UsageSource, keyId: number): KeyUsageOf {
  return usageOfAll(source).get(keyId) ?? { ...none, keyId };
}
