/**
 * The key operations of a running node, assembled from their parts. Each part is a module beside
 * or below this one that knows one kind of change; here they become one object, for the admin
 * service and the library.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { capabilityOf, historyOf, keyringOf } from "./keys/views.ts";
import { bootstrap, enableLog, enableStorage } from "./migration.ts";
import type { KeyOperations } from "./operations.ts";
import type { Runtime } from "./runtime.ts";

function unavailable(what: string): never {
  throw new StrongroomError("KEY_OPERATION_UNAVAILABLE", `${what} is not offered by this build`);
}

export function keyOperations(runtime: Runtime): KeyOperations {
  return {
    capability: () => capabilityOf(runtime),
    keyring: () => keyringOf(runtime),
    history: () => historyOf(runtime),
    probeKeks: async () => unavailable("probing KEKs"),
    bootstrap: (request) => bootstrap(runtime, request),
    enableStorage: (request) => enableStorage(runtime, request),
    enableLog: (request) => enableLog(runtime, request),
    rotate: async (_request, purpose, ifActive) => {
      const active = runtime.deps.state.active(purpose)?.id ?? 0;
      if (ifActive !== 0 && active !== ifActive)
        return { keyId: active, appliedIndex: runtime.machine.appliedIndex, changed: false };
      return { ...(await runtime.rotate(purpose)), changed: true };
    },
    registerWriter: async () => unavailable("registering a writer"),
    addKek: async () => unavailable("adding a KEK"),
    removeKek: async () => unavailable("removing a KEK"),
    replaceKek: async () => unavailable("replacing a KEK"),
    fence: async () => unavailable("fencing"),
    retire: async () => unavailable("retiring"),
    proof: async () => unavailable("a proof"),
    skip: async () => unavailable("skipping"),
    startRewrite: async () => unavailable("rewriting"),
    pauseRewrite: async () => unavailable("rewriting"),
    resumeRewrite: async () => unavailable("rewriting"),
    throttleRewrite: async () => unavailable("rewriting"),
    cancelRewrite: async () => unavailable("rewriting"),
    rewrite: () => null,
    resync: async () => unavailable("resync"),
  };
}
