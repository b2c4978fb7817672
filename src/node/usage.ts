/**
 * What lies under each key on this node's disks: records in segments of the store and their hints,
 * entries in files of the log. Key 0 is what is in clear. Hazard: "nothing is left under it" must
 * be read from what is there, not from what should be: files of the store are asked for the key
 * that their own bytes name; entries of the log are counted as they are written or read at start.
 * docs/operations.
 * @module
 */
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

/** Of every key under which anything lies, from counts in memory: for a status. */
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
  for (const { keyId, entries, bytes } of log.usage())
    usage.set(keyId, {
      ...(usage.get(keyId) ?? { ...none, keyId }),
      logEntries: entries,
      logBytes: bytes,
    });
  return usage;
}

/** Of one key, from counts in memory. */
export function usageOf(source: UsageSource, keyId: number): KeyUsageOf {
  return usageOfAll(source).get(keyId) ?? { ...none, keyId };
}

/** One kind of place where something under a key may be. Shape of `ProofCount`. */
export interface Surface {
  readonly surface: string;
  readonly count: number;
  readonly bytes: number;
  readonly files: readonly string[];
}

export interface Evidence {
  readonly surfaces: readonly Surface[];
  readonly filesExamined: number;
}

const filesNamedMax = 100;

function surfaceOf(
  surface: string,
  files: readonly { readonly name: string; readonly bytes: number }[],
): Surface {
  const names = files.slice(0, filesNamedMax).map(({ name }) => name);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { surface, count: files.length, bytes, files: names };
}

/**
 * Looks at every file of store and log: what is under the key, surface by surface, empty ones
 * included. For a retirement and its proof; reads a block of every file of the store.
 */
export async function evidenceOf(source: UsageSource, keyId: number): Promise<Evidence> {
  const { store, log } = source;
  const files = await store.files();
  const under = (kind: string) =>
    surfaceOf(
      `store ${kind}`,
      files.filter((file) => file.kind === kind && file.keyId === keyId),
    );
  // A file whose key cannot be told may be under any; one that is being made is under the active.
  const unknown = files.filter(
    ({ keyId: of, kind, number }) =>
      of === null && !store.isNew(number) && !(kind === "temporary" && number === 0),
  );
  const { storeRecords, storeBytes, logEntries, logBytes } = usageOf(source, keyId);
  const inLog = log.usage().find((one) => one.keyId === keyId);
  const records = { surface: "store record", count: storeRecords, bytes: storeBytes, files: [] };
  const entries = { count: logEntries, bytes: logBytes, files: inLog?.files ?? [] };
  const open = store.openKeyId === keyId ? 1 : 0;
  return {
    surfaces: [
      under("segment"),
      records,
      under("hint"),
      under("manifest"),
      surfaceOf("store file of an unknown key", unknown),
      { surface: "pending flush", count: open, bytes: 0, files: [] },
      { surface: "log entry", ...entries, files: entries.files.slice(0, filesNamedMax) },
    ],
    filesExamined: files.length + log.fileCount,
  };
}
