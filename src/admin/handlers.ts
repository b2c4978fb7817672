/**
 * The methods of the service: what comes in is checked, changes pass the gate and run once, and
 * what the node answers goes out as messages. Who asks has been judged before.
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { StrongroomError } from "../base/errors.ts";
import type { Random } from "../base/ports.ts";
import type { NodeStatus } from "../node/api.ts";
import type { Applied, RewriteChanged } from "../node/operations.ts";
import {
  type AdminService,
  type AppliedSchema,
  GetCapabilityResponseSchema,
  GetProofResponseSchema,
  KekSchema,
  KeyEventSchema,
  KeyringSchema,
  NodeStatusSchema,
  RewriteSchema,
  VerifyResponseSchema,
} from "../proto/strongroom/admin/v1/admin_pb.ts";
import type { AdminBackend } from "./backend.ts";
import { toMessage } from "./convert.ts";
import { wireError } from "./errors.ts";
import { type GateKind, passGate, type SidecarProbe } from "./gate.ts";
import { type MutationLimits, Mutations } from "./mutations.ts";
import { Streams, watchRewrite } from "./streams.ts";

export interface HandlerDeps {
  readonly backend: AdminBackend;
  readonly random: Random;
  readonly probe: SidecarProbe;
  readonly limits?: MutationLimits;
}

type Implementation = ServiceImpl<typeof AdminService>;
type AppliedInit = MessageInitShape<typeof AppliedSchema>;

const reasonBytesMax = 500;
const textBytesMax = 4096;

function invalid(text: string): StrongroomError {
  return new StrongroomError("ADMIN_REQUEST_INVALID", text);
}

function bounded(name: string, text: string, bytesMax = textBytesMax): string {
  const bytes = Buffer.byteLength(text);
  if (bytes >= 1 && bytes <= bytesMax) return text;
  throw invalid(`${name} must have 1 to ${bytesMax} bytes`);
}

function count(name: string, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw invalid(`${name} is too large`);
}

function purposeOf(text: string): "storage" | "log" {
  if (text === "storage" || text === "log") return text;
  throw invalid("purpose must be storage or log");
}

function statusMessage(status: NodeStatus): MessageInitShape<typeof NodeStatusSchema> {
  const { log, store, resident, keys: _keys, active: _active, ...same } = status;
  return toMessage(NodeStatusSchema, {
    ...same,
    haltReason: status.haltReason ?? "",
    logFirst: log.first,
    logLast: log.last,
    logBytes: log.bytes,
    storeBytes: store.bytes,
    storeDeadBytes: store.deadBytes,
    storeSegments: store.segments,
    residentBytes: resident.bytes,
    residentLimitBytes: resident.limit,
    residentDirtyBytes: resident.dirtyBytes,
  });
}

/** A request without the fields that protobuf adds. */
interface Mutating {
  readonly $typeName: string;
  readonly requestId: string;
}

/** Everything asked, as text: what a request id stands for. */
function askedBy(request: Mutating): string {
  const { requestId: _, ...rest } = request;
  return JSON.stringify(rest, (_key, value) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}

/** The methods that change something. */
class Changes {
  readonly #deps: HandlerDeps;
  readonly #mutations: Mutations;

  constructor(deps: HandlerDeps) {
    this.#deps = deps;
    this.#mutations = new Mutations(deps.random, deps.limits);
  }

  /** Runs one change; `work` gets the request id. */
  async run<T extends Applied>(
    request: Mutating,
    kind: GateKind | "free",
    work: (requestId: string) => Promise<T>,
  ): Promise<{ readonly applied: AppliedInit; readonly result: T }> {
    let id = "";
    try {
      id = this.#mutations.idOf(request.requestId);
      const result = await this.#mutations.run(id, askedBy(request), async () => {
        const { backend, probe } = this.#deps;
        if (kind !== "free") await passGate(backend.keys, probe, kind);
        return work(id);
      });
      const { appliedIndex, changed } = result;
      return { result, applied: { appliedIndex: BigInt(appliedIndex), changed, requestId: id } };
    } catch (error) {
      throw wireError(error, id);
    }
  }

  /** A change of this node alone: it answers with the index at which it was made. */
  async local<T>(request: Mutating, kind: GateKind | "free", work: () => Promise<T>) {
    const { applied, result } = await this.run(request, kind, async () => {
      const value = await work();
      const { appliedIndex } = this.#deps.backend.keys.keyring();
      return { value, appliedIndex, changed: true };
    });
    return { applied, value: result.value };
  }
}

type Reading = Pick<
  Implementation,
  "getCapability" | "getStatus" | "getKeyHistory" | "probeKeks" | "getProof"
>;

/** Failures of a method as the wire has them. */
function telling<Request, Response>(work: (request: Request) => Response | Promise<Response>) {
  return async (request: Request): Promise<Response> => {
    try {
      return await work(request);
    } catch (error) {
      throw wireError(error);
    }
  };
}

function reading({ backend, probe }: HandlerDeps): Reading {
  const { keys } = backend;
  const sidecarUsable = (): Promise<boolean> =>
    probe().then(
      () => true,
      () => false,
    );
  return {
    getCapability: telling(async () => {
      const capability = keys.capability();
      const usable = capability.sidecarUsable && (await sidecarUsable());
      return toMessage(GetCapabilityResponseSchema, { ...capability, sidecarUsable: usable });
    }),
    getStatus: telling(async () => ({
      node: statusMessage(await backend.status()),
      keyring: toMessage(KeyringSchema, keys.keyring()),
    })),
    getKeyHistory: telling(() => ({
      events: keys.history().map((event) => toMessage(KeyEventSchema, event)),
    })),
    probeKeks: telling(async () => ({
      keks: (await keys.probeKeks()).map((kek) => toMessage(KekSchema, kek)),
    })),
    getProof: telling(async ({ keyId }) =>
      toMessage(GetProofResponseSchema, { proof: await keys.proof(keyId) }),
    ),
  };
}

type KeyChanges = Pick<
  Implementation,
  | "bootstrap"
  | "enableStorageEnvelope"
  | "enableLogEnvelope"
  | "rotateKey"
  | "registerWriter"
  | "fenceKey"
  | "retireKey"
  | "skipEntry"
>;

function keyChanges({ backend: { keys } }: HandlerDeps, changes: Changes): KeyChanges {
  return {
    bootstrap: (request) => changes.run(request, "first", (id) => keys.bootstrap(id)),
    enableStorageEnvelope: (request) =>
      changes.run(request, "first", (id) => keys.enableStorage(id)),
    enableLogEnvelope: (request) => changes.run(request, "first", (id) => keys.enableLog(id)),
    rotateKey: async (request) => {
      const { applied, result } = await changes.run(request, "keys", async (id) =>
        keys.rotate(id, purposeOf(request.purpose), request.ifActive),
      );
      return { applied, keyId: result.keyId };
    },
    registerWriter: (request) => changes.run(request, "keys", (id) => keys.registerWriter(id)),
    fenceKey: (request) => changes.run(request, "keys", (id) => keys.fence(id, request.keyId)),
    retireKey: (request) => changes.run(request, "keys", (id) => keys.retire(id, request.keyId)),
    skipEntry: (request) =>
      changes.run(request, "keys", async (id) => {
        const reason = bounded("reason", request.reason, reasonBytesMax);
        return keys.skip(id, count("index", request.index), reason);
      }),
  };
}

type KekChanges = Pick<Implementation, "addKek" | "removeKek" | "replaceKek">;

function kekChanges({ backend: { keys } }: HandlerDeps, changes: Changes): KekChanges {
  return {
    addKek: async (request) => {
      const { applied, result } = await changes.run(request, "keys", async (id) =>
        keys.addKek(id, bounded("spec", request.spec)),
      );
      return { applied, kekId: result.kekId };
    },
    removeKek: (request) =>
      changes.run(request, "keys", async (id) =>
        keys.removeKek(id, bounded("kek_id", request.kekId)),
      ),
    replaceKek: async (request) => {
      const { applied, result } = await changes.run(request, "keys", async (id) =>
        keys.replaceKek(id, bounded("kek_id", request.kekId), bounded("spec", request.spec)),
      );
      return { applied, kekId: result.kekId };
    },
  };
}

type Rewriting = Pick<
  Implementation,
  "startRewrite" | "pauseRewrite" | "resumeRewrite" | "throttleRewrite" | "cancelRewrite"
>;

/** What a rewrite may take of the disk unless it is told: leaves most of it to clients. */
const rewriteBytesPerSecondDefault = 16 * 2 ** 20;

function rewriting({ backend: { keys } }: HandlerDeps, changes: Changes): Rewriting {
  const run = async (request: Mutating, work: (id: string) => Promise<RewriteChanged>) => {
    const { applied, result } = await changes.run(request, "keys", work);
    return { applied, rewrite: toMessage(RewriteSchema, result) };
  };
  return {
    startRewrite: (request) =>
      run(request, async (id) => {
        const given = request.bytesPerSecond;
        const speed =
          given === undefined ? rewriteBytesPerSecondDefault : count("bytes_per_second", given);
        return keys.startRewrite(id, request.keyId, speed);
      }),
    pauseRewrite: (request) => run(request, (id) => keys.pauseRewrite(id, request.keyId)),
    resumeRewrite: (request) => run(request, (id) => keys.resumeRewrite(id, request.keyId)),
    throttleRewrite: (request) =>
      run(request, async (id) =>
        keys.throttleRewrite(id, request.keyId, count("bytes_per_second", request.bytesPerSecond)),
      ),
    cancelRewrite: (request) => run(request, (id) => keys.cancelRewrite(id, request.keyId)),
  };
}

type Streaming = Pick<Implementation, "verify" | "watchRewrite">;

function streaming({ backend }: HandlerDeps): Streaming {
  const streams = new Streams();
  return {
    async *verify(request, context: HandlerContext) {
      const speed = count("bytes_per_second", request.bytesPerSecond);
      yield* streams.run("verify", context.signal, async function* () {
        for await (const progress of backend.verify(speed))
          yield toMessage(VerifyResponseSchema, progress);
      });
    },
    async *watchRewrite({ keyId }, { signal }: HandlerContext) {
      yield* streams.run("watch", signal, async function* () {
        for await (const rewrite of watchRewrite(backend.keys, keyId, signal))
          yield { rewrite: toMessage(RewriteSchema, rewrite) };
      });
    },
  };
}

/** The whole service over one node. */
export function adminHandlers(deps: HandlerDeps): Implementation {
  const changes = new Changes(deps);
  const { backend } = deps;
  return {
    ...reading(deps),
    ...keyChanges(deps, changes),
    ...kekChanges(deps, changes),
    ...rewriting(deps, changes),
    ...streaming(deps),
    resyncSidecar: async (request) => {
      const kind = request.apply ? "keys" : "free";
      const { applied, result } = await changes.run(request, kind, (id) =>
        backend.keys.resync(id, request.apply),
      );
      return { applied, steps: [...result.steps], done: result.done };
    },
    checkpoint: async (request) => {
      const { applied } = await changes.local(request, "free", () => backend.checkpoint());
      return { applied };
    },
  };
}
