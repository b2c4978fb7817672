/**
 * Speaks to the admin service of a node: the one that runs over a data directory, or one at an
 * address. Answers are the plain objects of the house, failures the errors that the node threw.
 * Every change carries a request id, so that a lost answer can be asked for again.
 * @module
 */
import { randomBytes } from "node:crypto";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { StrongroomError } from "../base/errors.ts";
import type { NodeStatus } from "../node/api.ts";
import type {
  Applied,
  Capability,
  KekInfo,
  KeyEvent,
  KeyringInfo,
  Proof,
  ResyncReport,
  RewriteInfo,
} from "../node/operations.ts";
import type { VerifyProgress } from "../node/verification.ts";
import { AdminService, type GetStatusResponse } from "../proto/strongroom/admin/v1/admin_pb.ts";
import { type Plain, toPlain } from "./convert.ts";
import { errorFromWire } from "./errors.ts";
import type { AdminTarget } from "./find.ts";
import { transportTo } from "./transport.ts";

export { type AdminTarget, findNode } from "./find.ts";

/** A change that was made, and the id under which its outcome can be asked for again. */
export type Done = Applied & { readonly requestId: string };
export type RewriteDone = Done & { readonly rewrite: RewriteInfo };

export interface AdminStatus {
  readonly node: NodeStatus;
  readonly keyring: KeyringInfo;
}

/** Everything that the service offers. `requestId`: drawn if it is left out. */
export interface AdminClient {
  capability(): Promise<Capability>;
  status(): Promise<AdminStatus>;
  history(): Promise<readonly KeyEvent[]>;
  probeKeks(): Promise<readonly KekInfo[]>;
  proof(keyId: number): Promise<Proof>;
  /** @param bytesPerSecond - 0: the node's own default. */
  verify(bytesPerSecond: number, signal?: AbortSignal): AsyncIterable<VerifyProgress>;

  bootstrap(requestId?: string): Promise<Done>;
  enableStorage(requestId?: string): Promise<Done>;
  enableLog(requestId?: string): Promise<Done>;
  rotate(
    purpose: "storage" | "log",
    ifActive?: number,
    requestId?: string,
  ): Promise<Done & { readonly keyId: number }>;
  registerWriter(requestId?: string): Promise<Done>;
  addKek(spec: string, requestId?: string): Promise<Done & { readonly kekId: string }>;
  removeKek(kekId: string, requestId?: string): Promise<Done>;
  replaceKek(
    kekId: string,
    spec: string,
    requestId?: string,
  ): Promise<Done & { readonly kekId: string }>;
  fence(keyId: number, requestId?: string): Promise<Done>;
  retire(keyId: number, requestId?: string): Promise<Done>;
  skip(index: number, reason: string, requestId?: string): Promise<Done>;

  /** @param bytesPerSecond - 0: unthrottled; left out: the node's own default. */
  startRewrite(keyId: number, bytesPerSecond?: number, requestId?: string): Promise<RewriteDone>;
  pauseRewrite(keyId: number, requestId?: string): Promise<RewriteDone>;
  resumeRewrite(keyId: number, requestId?: string): Promise<RewriteDone>;
  throttleRewrite(keyId: number, bytesPerSecond: number, requestId?: string): Promise<RewriteDone>;
  cancelRewrite(keyId: number, requestId?: string): Promise<RewriteDone>;
  /** The state now and whenever it changed, until the rewrite ends. */
  watchRewrite(keyId: number, signal?: AbortSignal): AsyncIterable<RewriteInfo>;

  resync(apply: boolean, requestId?: string): Promise<Done & ResyncReport>;
  checkpoint(requestId?: string): Promise<Done>;
}

/** A request id for a change, to be kept until its outcome is known. */
export function drawRequestId(): string {
  return randomBytes(16).toString("hex");
}

/** Failures after which a change may have happened: the request had left. */
function maybeSent(error: unknown): boolean {
  const { code } = (ConnectError.from(error).cause ?? {}) as NodeJS.ErrnoException;
  return code !== undefined && !["ECONNREFUSED", "ENOTFOUND", "ENOENT"].includes(code);
}

type Raw = Client<typeof AdminService>;
type AppliedMessage = { readonly applied?: { readonly requestId: string } | undefined };

/** Makes one call, and its answer plain. */
async function ask<M extends MessageShape<DescMessage>>(call: Promise<M>): Promise<Plain<M>> {
  try {
    return toPlain(await call);
  } catch (error) {
    throw errorFromWire(error);
  }
}

/** Makes one change, and its answer plain, with `applied` spread into it. */
async function change<M extends MessageShape<DescMessage> & AppliedMessage>(
  id: string | undefined,
  call: (request: { readonly requestId: string }) => Promise<M>,
): Promise<Done & Omit<Plain<M>, "applied">> {
  const requestId = id ?? drawRequestId();
  try {
    const { applied, ...rest } = toPlain(await call({ requestId })) as Plain<M> & {
      readonly applied: Done;
    };
    return { ...applied, ...rest } as Done & Omit<Plain<M>, "applied">;
  } catch (error) {
    const told = errorFromWire(error);
    if (told.code !== "ADMIN_NOT_RUNNING" || !maybeSent(error)) throw told;
    throw new StrongroomError("ADMIN_OUTCOME_UNKNOWN", `request ${requestId}`, { cause: error });
  }
}

async function* stream<M, T>(messages: AsyncIterable<M>, one: (message: M) => T) {
  let begun = false;
  try {
    for await (const message of messages) {
      begun = true;
      yield one(message);
    }
  } catch (error) {
    const told = errorFromWire(error);
    if (!begun || told.code !== "ADMIN_NOT_RUNNING") throw told;
    throw new StrongroomError("ADMIN_STREAM_BROKEN", "", { cause: error });
  }
}

/** The status as a node tells it to its own process. */
function statusOf(message: Plain<GetStatusResponse>): AdminStatus {
  const keyring = message.keyring as KeyringInfo;
  const { haltReason, ...node } = message.node as Plain<NonNullable<GetStatusResponse["node"]>>;
  const keys = keyring.keys.flatMap(({ id, purpose, state, bytes, records }) =>
    state === "clear" ? [] : [{ id, purpose, state, bytes, records }],
  );
  const told: NodeStatus = {
    nodeId: node.nodeId,
    clusterId: node.clusterId,
    encryption: node.encryption,
    state: node.state as NodeStatus["state"],
    ...(haltReason === "" ? {} : { haltReason }),
    appliedIndex: node.appliedIndex,
    durableIndex: node.durableIndex,
    log: { first: node.logFirst, last: node.logLast, bytes: node.logBytes },
    store: {
      bytes: node.storeBytes,
      deadBytes: node.storeDeadBytes,
      segments: node.storeSegments,
    },
    resident: {
      bytes: node.residentBytes,
      limit: node.residentLimitBytes,
      dirtyBytes: node.residentDirtyBytes,
    },
    active: keyring.active,
    keys,
    primitives: node.primitives as NodeStatus["primitives"],
  };
  return { node: told, keyring };
}

type Rewriting = Pick<
  AdminClient,
  "startRewrite" | "pauseRewrite" | "resumeRewrite" | "throttleRewrite" | "cancelRewrite"
>;

function rewriting(raw: Raw): Rewriting {
  type Answer = Promise<RewriteDone>;
  return {
    startRewrite: (keyId, speed, requestId) => {
      const bytesPerSecond = speed === undefined ? {} : { bytesPerSecond: BigInt(speed) };
      const request = { keyId, ...bytesPerSecond };
      return change(requestId, (id) => raw.startRewrite({ ...request, ...id })) as Answer;
    },
    pauseRewrite: (keyId, requestId) =>
      change(requestId, (id) => raw.pauseRewrite({ keyId, ...id })) as Answer,
    resumeRewrite: (keyId, requestId) =>
      change(requestId, (id) => raw.resumeRewrite({ keyId, ...id })) as Answer,
    throttleRewrite: (keyId, speed, requestId) => {
      const request = { keyId, bytesPerSecond: BigInt(speed) };
      return change(requestId, (id) => raw.throttleRewrite({ ...request, ...id })) as Answer;
    },
    cancelRewrite: (keyId, requestId) =>
      change(requestId, (id) => raw.cancelRewrite({ keyId, ...id })) as Answer,
  };
}

type Reading = Pick<
  AdminClient,
  "capability" | "status" | "history" | "probeKeks" | "proof" | "verify" | "watchRewrite"
>;

function reading(raw: Raw): Reading {
  const options = (signal?: AbortSignal) =>
    signal === undefined ? { timeoutMs: 0 } : { timeoutMs: 0, signal };
  return {
    capability: async () => (await ask(raw.getCapability({}))) as Capability,
    status: async () => statusOf(await ask(raw.getStatus({}))),
    history: async () => (await ask(raw.getKeyHistory({}))).events as readonly KeyEvent[],
    probeKeks: async () => (await ask(raw.probeKeks({}))).keks,
    proof: async (keyId) => (await ask(raw.getProof({ keyId }))).proof as Proof,
    verify: (speed, signal) =>
      stream(
        raw.verify({ bytesPerSecond: BigInt(speed) }, options(signal)),
        (message) => toPlain(message) as VerifyProgress,
      ),
    watchRewrite: (keyId, signal) =>
      stream(
        raw.watchRewrite({ keyId }, options(signal)),
        (message) => toPlain(message).rewrite as RewriteInfo,
      ),
  };
}

/** A client of one node. Nothing is sent before the first call, nothing stays open between. */
export function connectAdmin(target: AdminTarget): AdminClient {
  const raw = createClient(AdminService, transportTo(target));
  return {
    ...reading(raw),
    ...rewriting(raw),
    bootstrap: (requestId) => change(requestId, (id) => raw.bootstrap(id)),
    enableStorage: (requestId) => change(requestId, (id) => raw.enableStorageEnvelope(id)),
    enableLog: (requestId) => change(requestId, (id) => raw.enableLogEnvelope(id)),
    rotate: (purpose, ifActive = 0, requestId) =>
      change(requestId, (id) => raw.rotateKey({ purpose, ifActive, ...id })),
    registerWriter: (requestId) => change(requestId, (id) => raw.registerWriter(id)),
    addKek: (spec, requestId) => change(requestId, (id) => raw.addKek({ spec, ...id })),
    removeKek: (kekId, requestId) => change(requestId, (id) => raw.removeKek({ kekId, ...id })),
    replaceKek: (kekId, spec, requestId) =>
      change(requestId, (id) => raw.replaceKek({ kekId, spec, ...id })),
    fence: (keyId, requestId) => change(requestId, (id) => raw.fenceKey({ keyId, ...id })),
    retire: (keyId, requestId) => change(requestId, (id) => raw.retireKey({ keyId, ...id })),
    skip: (index, reason, requestId) =>
      change(requestId, (id) => raw.skipEntry({ index: BigInt(index), reason, ...id })),
    resync: (apply, requestId) => change(requestId, (id) => raw.resyncSidecar({ apply, ...id })),
    checkpoint: (requestId) => change(requestId, (id) => raw.checkpoint(id)),
  };
}
