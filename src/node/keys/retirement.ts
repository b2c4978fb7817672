/**
 * The end of a key: fence, proof, destroy. Nothing may lie under it any more; then every wrap of it
 * goes from sidecar, control records and log, its rows leave the registry and the key is zeroed in
 * memory. After the entry there is no way back, so everything is counted before it. A stop between
 * the entry and the clearing of old files is made up for by the next start. docs/operations.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { controlTables, keyringKey } from "../../control/records.ts";
import { proposeChange } from "../../control/start.ts";
import type { KeyRow } from "../../control/state.ts";
import { type ClearingDeps, clearLog, clearWraps } from "../clearing.ts";
import type { Applied, RequestId } from "../operations.ts";
import type { Runtime } from "../runtime.ts";
import { evidenceOf } from "../usage.ts";
import { doneBefore, type KeyWork } from "./work.ts";

/** Old segments are copied and the log is emptied on the way. */
const retireMsMax = 600_000;

/** KeyOperations.fence: no entry and no load may use the key from here on. */
export function fence(work: KeyWork, request: RequestId, keyId: number): Promise<Applied> {
  return work.mutate(request, doneBefore("fence", keyId), (id) => {
    judge(work.runtime, keyId);
    return fenceNow(work, id, keyId);
  });
}

function fenceNow(work: KeyWork, request: Buffer, keyId: number): Promise<Applied> {
  return work.entry({
    stamp: work.stamp(request),
    make: (stamp) => proposeChange({ kind: "fence", keyId: keyId as KeyRow["id"] }, stamp),
  });
}

/**
 * KeyOperations.retire.
 * @throws CONTROL_KEY_UNKNOWN, CONTROL_KEY_ACTIVE; KEY_IN_USE with what is left under the key;
 * CLEARING_INCOMPLETE: retired, and asked again it clears the rest.
 */
export async function retire(work: KeyWork, request: RequestId, keyId: number): Promise<Applied> {
  const { runtime } = work;
  const applied = await work.mutate(
    request,
    doneBefore("retire", keyId),
    async (id) => {
      const row = judge(runtime, keyId);
      if (row.state !== "retired") await prepare(work, id, row);
      const retired = await work.entry({
        stamp: work.stamp(id),
        make: (stamp) => proposeChange({ kind: "retire", keyId: row.id }, stamp),
        accepted: () => runtime.deps.session.dropOpeners(),
      });
      await clearWraps(clearing(runtime), [keyId]);
      return retired;
    },
    retireMsMax,
  );
  if (!applied.changed) await work.exclusive(() => clearRetired(runtime), retireMsMax);
  return applied;
}

function judge({ deps: { state } }: Runtime, keyId: number): KeyRow {
  const row = state.keys.get(keyId);
  if (row === undefined) throw new StrongroomError("CONTROL_KEY_UNKNOWN", `key ${keyId}`);
  if (row.state === "active") throw new StrongroomError("CONTROL_KEY_ACTIVE", `key ${keyId}`);
  return row;
}

/** Makes what can be made empty without copying, judges, and fences. */
async function prepare(work: KeyWork, request: Buffer, row: KeyRow): Promise<void> {
  const { runtime } = work;
  if (row.activated === 0 && row.state === "decrypt-only")
    throw new StrongroomError("KEY_IN_USE", `key ${row.id} was added for a rotation under way`);
  await runtime.flusher.flush();
  if (row.purpose === "log") await clearLog(clearing(runtime));
  await needNothingLeft(runtime, row.id);
  if (row.state === "fenced") return;
  await fenceNow(work, work.stepOf(request, "fence"), row.id);
  await needNothingLeft(runtime, row.id);
}

/** @throws KEY_IN_USE. */
async function needNothingLeft({ deps }: Runtime, keyId: number): Promise<void> {
  const left = (await evidenceOf(deps, keyId)).surfaces.filter(({ count }) => count > 0);
  if (left.length === 0) return;
  const told = left.map(({ surface, count, bytes, files }) => {
    const named = files.length === 0 ? "" : ` in ${files.slice(0, 3).join(", ")}`;
    return `${count} ${surface}${count === 1 ? "" : "s"} of ${bytes} bytes${named}`;
  });
  throw new StrongroomError("KEY_IN_USE", `key ${keyId}: ${told.join("; ")}`);
}

/** What a stop kept from being cleared: wraps of retired keys in files that are older. */
export async function clearRetired(runtime: Runtime): Promise<void> {
  const { state, store } = runtime.deps;
  const retired = [...state.keys.values()].filter((row) => row.state === "retired");
  if (retired.length === 0) return;
  await runtime.flusher.flush();
  const holding = retired.filter((row) => {
    const name = { table: controlTables.keyring, key: keyringKey(row.id) };
    return store.compactor.olderControls([name]).length > 0;
  });
  if (holding.length > 0)
    await clearWraps(
      clearing(runtime),
      holding.map((row) => row.id),
    );
}

export function clearing(runtime: Runtime): ClearingDeps {
  const { store, log, scheduler } = runtime.deps;
  return { store, log, scheduler, flush: () => runtime.flusher.flush() };
}
