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
import type { RequestKind } from "./localrows.ts";
import { bootstrap, enableLog, enableStorage } from "./migration.ts";
import type {
  Applied,
  KeyOperations,
  RequestId,
  ResyncReport,
  RewriteChanged,
  RewriteInfo,
} from "./operations.ts";
import type { Note } from "./requests.ts";
import { resync } from "./resync.ts";
import { nothingLeft } from "./rewrite.ts";
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
    bootstrap: (request) =>
      work.guarded(request, doneBefore("bootstrap"), () => bootstrap(runtime, request)),
    enableStorage: (request) =>
      work.guarded(request, doneBefore("enable-storage"), () => enableStorage(runtime, request)),
    enableLog: (request) =>
      work.guarded(request, doneBefore("enable-log"), () => enableLog(runtime, request)),
    rotate: (request, purpose, ifActive) => rotation.rotate(request, purpose, ifActive),
    registerWriter: (request) => registerWriter(work, request),
    addKek: (request, spec) => rewrapping.add(request, spec),
    removeKek: (request, kekId) => rewrapping.remove(request, kekId),
    replaceKek: (request, kekId, spec) => rewrapping.replace(request, kekId, spec),
    fence: (request, keyId) => fence(work, request, keyId),
    retire: (request, keyId) => retire(work, request, keyId),
    proof: (keyId) => proofOf(runtime, keyId),
    skip: (request, index, reason) => skip(work, request, index, reason),
    ...rewriting(work),
    rewrite: (keyId) => runtime.rewrites.info(keyId),
    resync: (request, apply) => resyncAsked(work, request, apply),
  };
}

type Rewriting = Pick<
  KeyOperations,
  "startRewrite" | "pauseRewrite" | "resumeRewrite" | "throttleRewrite" | "cancelRewrite"
>;

function rewriting(work: KeyWork): Rewriting {
  const { rewrites } = work.runtime;
  const run = (
    ask: { readonly request: RequestId; readonly kind: RequestKind; readonly keyId: number },
    change: (note: Note) => Promise<RewriteInfo>,
  ): Promise<RewriteChanged> =>
    work.local(
      ask,
      () => rewrites.info(ask.keyId) ?? nothingLeft(ask.keyId),
      (note) => {
        work.gate();
        return change(note);
      },
    );
  return {
    startRewrite: (request, keyId, rate) =>
      run({ request, kind: "start", keyId }, (note) => rewrites.start(keyId, rate, note)),
    pauseRewrite: (request, keyId) =>
      run({ request, kind: "pause", keyId }, async (note) => rewrites.pause(keyId, note)),
    resumeRewrite: (request, keyId) =>
      run({ request, kind: "resume", keyId }, async (note) => rewrites.resumeOne(keyId, note)),
    throttleRewrite: (request, keyId, rate) =>
      run({ request, kind: "throttle", keyId }, async (note) =>
        rewrites.throttle(keyId, rate, note),
      ),
    cancelRewrite: (request, keyId) =>
      run({ request, kind: "cancel", keyId }, async (note) => rewrites.cancel(keyId, note)),
  };
}

async function resyncAsked(
  work: KeyWork,
  request: RequestId,
  apply: boolean,
): Promise<Applied & ResyncReport> {
  const { runtime } = work;
  const { appliedIndex } = runtime.machine;
  if (!apply) return { ...(await resync(runtime, null)), appliedIndex, changed: false };
  const ask = { request, kind: "resync", keyId: 0 } as const;
  return work.local(
    ask,
    () => ({ steps: [], done: true }),
    (note) => resync(runtime, note),
  );
}
