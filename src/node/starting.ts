/**
 * Parts of a start that need no more than what they are given: what a start may pass over, whether
 * log and store belong together, what the store's rows give back, and how all is closed again.
 * @module
 */
import { type ErrorCode, isStrongroomError, StrongroomError } from "../base/errors.ts";
import { controlTables } from "../control/records.ts";
import { entryHeaderIn } from "../entry/logentry.ts";
import type { SegmentLog } from "../log/segments/open.ts";
import { restoreRecord } from "../machine/records.ts";
import { isDefect } from "./defect.ts";
import { type LocalRow, readLocalRows } from "./localrows.ts";
import type { Runtime } from "./runtime.ts";

export type Close = () => void | Promise<void>;

/** Closes everything, whatever fails on the way. @throws the first failure, at the end. */
export async function closeAll(closers: Close[]): Promise<void> {
  const failures: unknown[] = [];
  for (let close = closers.pop(); close !== undefined; close = closers.pop())
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
}

/** What is wrong with a sidecar that an operator may ask to be passed over. */
const givenUp: readonly ErrorCode[] = [
  "SIDECAR_UNREADABLE",
  "SIDECAR_TAMPERED",
  "SIDECAR_FOREIGN",
  "SIDECAR_OTHER_NODE",
  "KEY_WRAP_DAMAGED",
];

/** @returns Why the sidecar is passed over and rebuilt; null: the error refuses the start. */
export function judgePassingOver(error: unknown, asked: boolean): "older" | "asked" | null {
  if (isStrongroomError(error, "SIDECAR_OLDER")) return "older";
  return asked && isStrongroomError(error, ...givenUp) ? "asked" : null;
}

/** Gives machine and node their rows back; control's are in its state already. */
export function restoreRows(runtime: Runtime, records: readonly LocalRow[], nodeId: string): void {
  const local = readLocalRows(records);
  if (local.nodeId !== null && local.nodeId !== nodeId)
    throw new StrongroomError("SIDECAR_OTHER_NODE", `the store is of ${local.nodeId}`);
  runtime.nodeKnown = local.nodeId !== null;
  runtime.rewrites.restore(local.rewrites);
  runtime.requests.restore(local.requests);
  const control = new Set<number>(Object.values(controlTables));
  for (const { table, value } of records)
    if (!control.has(table)) restoreRecord(runtime.machine, table, value);
}

/** The log must hold everything behind the store's state, and be the log that the state is of. */
export function judgeLog(
  log: Pick<SegmentLog, "first" | "last" | "read">,
  durable: { appliedIndex: number; session: bigint; seq: number },
): void {
  const { appliedIndex } = durable;
  if (log.last < appliedIndex)
    throw new StrongroomError("NODE_LOG_BEHIND", `it ends at ${log.last}, not ${appliedIndex}`);
  if (log.first > appliedIndex + 1)
    throw new StrongroomError("NODE_LOG_GAP", `it begins at ${log.first}, not ${appliedIndex + 1}`);
  if (log.first > appliedIndex || appliedIndex === 0) return;
  for (const { entry } of log.read(appliedIndex as never, appliedIndex as never)) {
    const header = entryHeaderIn(entry);
    // One that was passed and cannot be read counts as 0 of no session (`Group`).
    if ((header?.session ?? 0n) !== durable.session || (header?.seq ?? 0) !== durable.seq)
      throw new StrongroomError("NODE_LOG_FOREIGN", `at entry ${appliedIndex}`);
  }
}

/**
 * What an entry itself, or a record that it needs, can be wrong with: an operator may pass it. So
 * may one that the program has a defect for, since another start applies it from the beginning.
 */
const ofEntries = [
  "STORE_RECORD_DAMAGED",
  "STORE_READ_FAILED",
  "CRYPTO_TAG_MISMATCH",
  "CRYPTO_ENVELOPE_SHORT",
  "CRYPTO_ENVELOPE_VERSION",
  "CONTROL_ENTRY_UNDECODABLE",
  "CONTROL_FEATURE_UNKNOWN",
  "ENTRY_OPCODE_UNKNOWN",
  "ENTRY_COMMAND_UNKNOWN",
  "FORMAT_RANGE",
  "FORMAT_TRAILING",
  "FORMAT_TRUNCATED",
  "FORMAT_VERSION",
] as const;

/** False if the log holds an entry that cannot be applied here: the group has halted at it. */
export async function replayed({ group: loop, deps }: Runtime): Promise<boolean> {
  try {
    await loop.replay(deps.log);
    return true;
  } catch (error) {
    const ofEntry = isStrongroomError(error, ...ofEntries) || isDefect(error);
    if (loop.haltedAt === 0 || !ofEntry) throw error;
    loop.halt(error as Error);
    return false;
  }
}
