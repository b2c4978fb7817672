/**
 * The key operations of a running node, assembled from their parts. Each part is a module beside
 * or below this one that knows one kind of change; here they become one object, for the admin
 * service and the library.
 * @module
 */
import { proofOf } from "./keys/proof.ts";
import { registerWriter } from "./keys/registration.ts";
import { fence, retire } from "./keys/retirement.ts";
import { Rewrapping } from "./keys/rewrap.ts";
import { Rotation } from "./keys/rotation.ts";
import { skip } from "./keys/skip.ts";
import { capabilityOf, historyOf, keyringOf } from "./keys/views.ts";
import { doneBefore, KeyWork } from "./keys/work.ts";
import { bootstrap, enableLog, enableStorage } from "./migration.ts";
import type { KeyOperations } from "./operations.ts";
import { resync } from "./resync.ts";
import type { Runtime } from "./runtime.ts";

export function keyOperations(runtime: Runtime): KeyOperations {
  const work = new KeyWork(runtime);
  const rotation = new Rotation(work);
  const rewrapping = new Rewrapping(work);
  return {
    capability: () => capabilityOf(runtime),
    keyring: () => keyringOf(runtime),
    history: () => historyOf(runtime),
    probeKeks: () => runtime.deps.kekSet.probe(runtime.deps),
    bootstrap: (request) => work.guarded(request, doneBefore, () => bootstrap(runtime, request)),
    enableStorage: (request) =>
      work.guarded(request, doneBefore, () => enableStorage(runtime, request)),
    enableLog: (request) => work.guarded(request, doneBefore, () => enableLog(runtime, request)),
    rotate: (request, purpose, ifActive) => rotation.rotate(request, purpose, ifActive),
    registerWriter: (request) => registerWriter(work, request),
    addKek: (request, spec) => rewrapping.add(request, spec),
    removeKek: (request, kekId) => rewrapping.remove(request, kekId),
    replaceKek: (request, kekId, spec) => rewrapping.replace(request, kekId, spec),
    fence: (request, keyId) => fence(work, request, keyId),
    retire: (request, keyId) => retire(work, request, keyId),
    proof: async (keyId) => proofOf(runtime, keyId),
    skip: (request, index, reason) => skip(work, request, index, reason),
    startRewrite: (keyId, rate) => runtime.rewrites.start(keyId, rate),
    pauseRewrite: async (keyId) => runtime.rewrites.pause(keyId),
    resumeRewrite: async (keyId) => runtime.rewrites.resumeOne(keyId),
    throttleRewrite: async (keyId, rate) => runtime.rewrites.throttle(keyId, rate),
    cancelRewrite: async (keyId) => runtime.rewrites.cancel(keyId),
    rewrite: (keyId) => runtime.rewrites.info(keyId),
    resync: (apply) => resync(runtime, apply),
  };
}
