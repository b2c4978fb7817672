/**
 * A new load of this node while it serves: fresh epochs and salts under the active keys and a new
 * session, without a restart. Asked for by an operator who believes that an image of the machine
 * was started twice, and by the node itself before a subkey has sealed all it may. Hazard: an
 * envelope under an epoch or salt that is not durable; so epochs stand in the sidecar first, and a
 * subkey is used only once its registration was applied. docs/formats/envelope.md.
 * @module
 */
import { planLoad } from "../../control/planning.ts";
import { proposeRegistration } from "../../control/start.ts";
import type { Applied, RequestId } from "../operations.ts";
import { doneBefore, type KeyWork } from "./work.ts";

/** As an operator asks for it: KeyOperations.registerWriter. A refusal stops this node alone. */
export function registerWriter(work: KeyWork, request: RequestId): Promise<Applied> {
  return work.mutate(request, doneBefore("register"), (id) => newLoad(work, id));
}

/** A new load that nobody asked for. */
export function renewLoad(work: KeyWork): Promise<Applied> {
  return work.exclusive(() => newLoad(work, null));
}

async function newLoad(work: KeyWork, request: Buffer | null): Promise<Applied> {
  const { runtime } = work;
  const { state, keeper, random, session, port, store } = runtime.deps;
  const load = planLoad(state, keeper.document, random);
  await keeper.raiseEpochs(load.epochs);
  runtime.planned(load.log.salt);
  const { storage } = load;
  if (storage !== null) {
    runtime.planned(storage.salt);
    await work.entry({
      stamp: work.stamp(request && work.stepOf(request, "storage")),
      make: (stamp) => proposeRegistration(load, "storage", stamp),
      accepted: () => port.registered(storage.dek, storage.epoch),
    });
    await store.rotate();
  }
  return work.entry({
    stamp: work.stamp(request),
    make: (stamp) => proposeRegistration(load, "log", stamp),
    opens: load.session,
    accepted: () => {
      session.enter(load.session);
      runtime.proposer.restart();
    },
  });
}
