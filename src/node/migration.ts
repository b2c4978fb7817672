/**
 * From plaintext to sealed while clients write: first keys (bootstrap), the storage envelope, and,
 * once no clear segment is left, the log envelope. Each step is one entry of the log, may be asked
 * for again, and goes on after a crash from what the entry says. Hazard: whatever was in clear must
 * not stay behind in a file that nobody looks at any more: free files of the log, a sidecar half
 * written, a segment that the compactor finished late. docs/operations/plaintext-to-sealed.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import { planLoad, planMigration } from "../control/planning.ts";
import { proposeBootstrap, proposeChange, proposeRegistration } from "../control/start.ts";
import type { Stamp } from "../entry/stamp.ts";
import { capabilityOf } from "./keys/views.ts";
import type { Applied, Capability, RequestId } from "./operations.ts";
import type { Runtime } from "./runtime.ts";

function stampFor(runtime: Runtime, request: RequestId): Stamp {
  return { request: Buffer.from(request, "hex"), timeMs: runtime.deps.clock.nowMs() };
}

/** Every member that would have to seal and open: this node is the only one. */
function members(runtime: Runtime): Capability[] {
  return [capabilityOf(runtime)];
}

/** @throws CONTROL_MEMBER_INCAPABLE with the first condition that is missing, and where. */
function needCapable(runtime: Runtime): void {
  for (const member of members(runtime)) {
    const missing = !member.encryptionCapable
      ? "its build cannot encrypt"
      : !member.kekConfigured
        ? "no KEK is configured"
        : !(member.sidecarPresent && member.sidecarUsable)
          ? "its sidecar cannot be written"
          : null;
    if (missing !== null)
      throw new StrongroomError("CONTROL_MEMBER_INCAPABLE", `${member.nodeId}: ${missing}`);
  }
}

/**
 * First keys of a database that began in clear: fresh storage and log DEKs, and a DEK that wraps
 * the index key in use. From here on the index key is in clear in old log files only.
 * @throws KEK_* of the providers; CONTROL_MEMBER_INCAPABLE.
 */
export function bootstrap(runtime: Runtime, request: RequestId): Promise<Applied> {
  return runtime.inTurn(async () => {
    const { state, keeper, keks, random, session, port, host } = runtime.deps;
    if (state.bootstrapped) return { appliedIndex: state.bootstrapIndex, changed: false };
    if (keks.length === 0) throw new StrongroomError("KEK_NOT_CONFIGURED");
    needCapable(runtime);
    const { document, deks } = await planMigration(state, keeper.document, keks, random);
    for (const { keyId, purpose, raw } of deks)
      if (purpose === "index") raw.fill(0);
      else host.prepare(keyId, document.keys.get(keyId)?.wraps ?? [], raw);
    try {
      const load = planLoad(state, document, random);
      const { log, storage } = load;
      assert(storage !== null);
      keeper.plan(load.epochs);
      runtime.planned(log.salt);
      runtime.planned(storage.salt);
      port.registered(storage.dek, storage.epoch);
      const proposal = proposeBootstrap(document, load, stampFor(runtime, request));
      const appliedIndex = await runtime.propose(proposal, load.session, () => {
        session.enter(load.session);
        runtime.proposer.restart();
      });
      return { appliedIndex, changed: true };
    } finally {
      host.dropPrepared();
    }
  });
}

/**
 * Every segment that is begun from here on is sealed. This load stands in the registry under the
 * storage key since the bootstrap or its start, so durably before the first envelope.
 * @throws CONTROL_NOT_BOOTSTRAPPED, CONTROL_MEMBER_INCAPABLE.
 */
export function enableStorage(runtime: Runtime, request: RequestId): Promise<Applied> {
  return runtime.inTurn(async () => {
    const { state } = runtime.deps;
    if (!state.bootstrapped) throw new StrongroomError("CONTROL_NOT_BOOTSTRAPPED");
    if (state.storageCutover > 0) return { appliedIndex: state.storageCutover, changed: false };
    needCapable(runtime);
    // The cutover waits for the run under way: let that be a short one.
    await runtime.flusher.flush();
    const proposal = proposeChange({ kind: "enable-storage" }, stampFor(runtime, request));
    const appliedIndex = await runtime.propose(proposal, null);
    return { appliedIndex, changed: true };
  });
}

/**
 * Entries behind this one are sealed. A new session begins with it, in a file of its own; then what
 * is in clear is flushed and truncated, and its files are deleted.
 * @throws CONTROL_CUTOVER_ORDER while clear segments are left; CONTROL_NOT_BOOTSTRAPPED;
 * CONTROL_MEMBER_INCAPABLE.
 */
export function enableLog(runtime: Runtime, request: RequestId): Promise<Applied> {
  return runtime.inTurn(async () => {
    const { state, log } = runtime.deps;
    if (!state.bootstrapped) throw new StrongroomError("CONTROL_NOT_BOOTSTRAPPED");
    const changed = state.logCutover === 0;
    if (changed) {
      needNothingClear(runtime);
      needCapable(runtime);
      // Free files are deleted before clients have to wait for the cutover.
      await log.retireFiles();
      const proposal = proposeChange({ kind: "enable-log" }, stampFor(runtime, request));
      await runtime.propose(proposal, null);
      await beginSession(runtime);
    }
    await dropClearEntries(runtime);
    return { appliedIndex: state.logCutover, changed };
  });
}

function needNothingClear({ deps: { state, store } }: Runtime): void {
  if (state.storageCutover === 0)
    throw new StrongroomError("CONTROL_CUTOVER_ORDER", "enable-storage comes first");
  const { keys, damage } = store.stats();
  const clear = keys.find(({ keyId }) => keyId === 0);
  if (clear === undefined) return;
  const left = `${clear.segments} clear segments with ${clear.bytes} bytes are left`;
  const unread = damage.length === 0 ? "" : `; damaged: ${damage.join("; ")}`;
  throw new StrongroomError("CONTROL_CUTOVER_ORDER", `${left}: keys rewrite 0 first${unread}`);
}

/** A session whose every entry is sealed; its first entry moves the log to a fresh file. */
async function beginSession(runtime: Runtime): Promise<void> {
  const { state, keeper, random, session } = runtime.deps;
  const load = planLoad(state, keeper.document, random);
  const { dek, epoch, salt } = load.log;
  await keeper.raiseEpochs(new Map([[dek, epoch]]));
  runtime.planned(salt);
  await runtime.propose(proposeRegistration(load, "log"), load.session, () => {
    session.enter(load.session);
    runtime.proposer.restart();
  });
}

/** What fails here is done by the next flush, or after a restart: the log forgets nothing of it. */
async function dropClearEntries(runtime: Runtime): Promise<void> {
  const { log, store, alarm } = runtime.deps;
  if (!log.holdsRetiredFiles) return;
  try {
    await runtime.flusher.flush();
    await log.truncate((store.durable.appliedIndex + 1) as never);
  } catch (error) {
    alarm("log-truncate", (error as Error).message);
  }
}
