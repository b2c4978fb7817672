/**
 * Takes what was once written out of the files for good: the log up to now, and what control
 * records said before. After a retirement no wrap of the key is left in any file of this node.
 * docs/operations.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Scheduler } from "../base/ports.ts";
import { controlTables, keyringKey } from "../control/records.ts";
import type { SegmentLog } from "../log/segments/open.ts";
import type { SegmentStore } from "../store/segments/store.ts";

export interface ClearingDeps {
  readonly store: SegmentStore;
  readonly log: SegmentLog;
  readonly scheduler: Scheduler;
  /** Makes everything applied durable in the store. */
  readonly flush: () => Promise<void>;
}

const attemptsMax = 100;
const pauseMs = 10;

/**
 * Every file of the log that exists now is gone when it resolves, recycled and free ones included:
 * its entries are in the store. Entries that come meanwhile stand in files made meanwhile.
 * @throws CLEARING_INCOMPLETE while somebody reads a file or entries cannot be applied; and what
 * flush and log throw.
 */
export async function clearLog({ store, log, scheduler, flush }: ClearingDeps): Promise<void> {
  await log.clear(log.first);
  const { last } = log;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    await flush();
    await log.truncate((store.durable.appliedIndex + 1) as typeof last);
    if (log.first > last && !log.holdsRetiredFiles) return;
    await scheduler.delay(pauseMs);
  }
  throw new StrongroomError("CLEARING_INCOMPLETE", `the log still begins at ${log.first}`);
}

/**
 * Removes every older version of these keys' rows, and the log entries that made them: what wraps
 * they had before is in no file any more. For retired keys, and after a KEK was taken away.
 * @throws CLEARING_INCOMPLETE, and what flush, log and compactor throw.
 */
export async function clearWraps(deps: ClearingDeps, keyIds: readonly number[]): Promise<void> {
  await clearLog(deps);
  const rows = keyIds.map((id) => ({ table: controlTables.keyring, key: keyringKey(id) }));
  const left = await deps.store.compactor.clearControls(rows);
  if (left.length > 0)
    throw new StrongroomError("CLEARING_INCOMPLETE", `segments ${left.slice(0, 10).join(", ")}`);
}
