/**
 * What a start says in the log before it serves: its load, under fresh epochs that are durable in
 * the sidecar first, and at the very first start the keys and envelopes. A key under which few
 * loads are left is rotated then. DESIGN "Sessions".
 * @module
 */
import { isStrongroomError } from "../base/errors.ts";
import { planLoad } from "../control/planning.ts";
import { nextStep, proposalOf } from "../control/start.ts";
import { noStamp } from "../entry/stamp.ts";
import type { Purpose } from "../entry/wraps.ts";
import { Rotation } from "./keys/rotation.ts";
import { KeyWork } from "./keys/work.ts";
import type { Runtime } from "./runtime.ts";

/** @throws what the registration is refused with: this node must not write. */
export async function register(runtime: Runtime, encryption: "on" | "off"): Promise<void> {
  const { state, session, port, keeper, random, clock } = runtime.deps;
  const load = planLoad(state, keeper.document, random);
  await keeper.raiseEpochs(load.epochs);
  runtime.planned(load.log.salt);
  if (load.storage !== null) runtime.planned(load.storage.salt);
  for (;;) {
    const step = nextStep(state, load, encryption);
    if (step === "serve") break;
    const stamp = { ...noStamp, timeMs: clock.nowMs() };
    const proposal = proposalOf(step, keeper.document, load, stamp);
    await runtime.propose(proposal, proposal.opens ? load.session : null);
    if (proposal.opens) {
      session.enter(load.session);
      runtime.proposer.restart();
    }
  }
  if (load.storage !== null) port.registered(load.storage.dek, load.storage.epoch);
  await rotateSoon(runtime, load.rotateSoon);
}

/**
 * Before anything else can end the process: each start takes an epoch. A rotation that fails does
 * not keep the node from serving, since many loads are left: it is told, and tried again
 * (`RotationClock`).
 * @throws what has halted the node, or NODE_STOPPING.
 */
async function rotateSoon(runtime: Runtime, purposes: readonly Purpose[]): Promise<void> {
  const { group, deps } = runtime;
  const rotation = new Rotation(new KeyWork(runtime));
  for (const purpose of purposes) {
    if (purpose === "index") continue;
    try {
      await rotation.because("epochs", purpose);
    } catch (error) {
      if (group.haltedBy !== null || isStrongroomError(error, "NODE_STOPPING")) throw error;
      deps.alarm("rotation-failed", (error as Error).message);
      // The next one would wait for the same KEK, and behind this one.
      return;
    }
  }
}
