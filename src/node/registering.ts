/**
 * What a start says in the log before it serves: its load, under fresh epochs that are durable in
 * the sidecar first, and at the very first start the keys and envelopes. DESIGN "Sessions".
 * @module
 */
import { planLoad } from "../control/planning.ts";
import { nextStep, proposalOf } from "../control/start.ts";
import { noStamp } from "../entry/stamp.ts";
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
  const rotation = new Rotation(new KeyWork(runtime));
  for (const purpose of load.rotateSoon)
    if (purpose !== "index") await rotation.because("epochs", purpose);
}
