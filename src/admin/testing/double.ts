/**
 * A node in memory behind the admin service: remembers what it was asked and answers plausibly. For
 * tests of the service and of the command line.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { NodeStatus } from "../../node/api.ts";
import { Durations } from "../../node/durations.ts";
import type { NodeMeasures } from "../../node/measures.ts";
import type {
  Applied,
  Capability,
  KeyInfo,
  KeyOperations,
  KeyringInfo,
  Proof,
  RewriteChanged,
  RewriteInfo,
} from "../../node/operations.ts";
import type { VerifyProgress } from "../../node/verification.ts";
import type { AdminBackend } from "../backend.ts";

export const nodeStatus: NodeStatus = {
  nodeId: "n1",
  clusterId: "c0ffee",
  encryption: true,
  state: "serving",
  appliedIndex: 5,
  durableIndex: 4,
  log: { first: 1, last: 5, bytes: 4096 },
  store: { bytes: 1536, deadBytes: 0, segments: 2 },
  resident: { bytes: 1, limit: 2, dirtyBytes: 0 },
  active: { storage: 1, log: 2, index: 3 },
  keys: [
    { id: 1, purpose: "storage", state: "active", bytes: 10, records: 1 },
    { id: 2, purpose: "log", state: "active", bytes: 20, records: 2 },
    { id: 3, purpose: "index", state: "active", bytes: 30, records: 3 },
  ],
  primitives: "node",
};

function keyInfo(id: number, purpose: KeyInfo["purpose"], state: KeyInfo["state"]): KeyInfo {
  return {
    id,
    purpose,
    state,
    bytes: id * 10,
    records: id,
    kekIds: ["file:00112233"],
    createdMs: 1_700_000_000_000,
    createdIndex: 1,
    activatedIndex: 1,
    writesLeft: 2 ** 32,
  };
}

export class NodeDouble implements AdminBackend, KeyOperations {
  /** Methods with what they were asked, in order. */
  readonly calls: unknown[][] = [];
  /** Thrown by the next change, whatever it is. */
  failure: Error | null = null;
  /** A change is not done before this. */
  gate: Promise<void> = Promise.resolve();
  kekConfigured = true;
  bootstrapped = true;
  index = 5;
  active = { storage: 1, log: 2, index: 3 };
  keyInfos: KeyInfo[] = [
    keyInfo(1, "storage", "active"),
    keyInfo(2, "log", "active"),
    keyInfo(3, "index", "active"),
  ];
  nodeState: NodeStatus = nodeStatus;
  rewriting: RewriteInfo | null = null;
  clean = true;
  progress: VerifyProgress[] = [];
  readonly failures = new Map<string, number>();
  readonly writes = new Durations();

  get keys(): KeyOperations {
    return this;
  }

  status(): NodeStatus {
    return this.nodeState;
  }

  async checkpoint(): Promise<void> {
    await this.change("checkpoint");
  }

  async *verify(bytesPerSecond: number): AsyncGenerator<VerifyProgress> {
    this.calls.push(["verify", bytesPerSecond]);
    for (const one of this.progress) {
      await this.gate;
      yield one;
    }
  }

  measures(): NodeMeasures {
    const { segments, bytes, deadBytes } = this.nodeState.store;
    const usage = { segments, bytes, deadBytes, records: 3 };
    return {
      status: this.nodeState,
      uptimeMs: 1000,
      store: {
        ...usage,
        keys: [],
        indexBytes: 64,
        flushes: 1,
        flushedBytes: 10,
        compactions: 0,
        compactedBytes: 0,
        damage: [],
      },
      envelopes: { log: { seals: 3, opens: 1 }, store: { seals: 2, opens: 4 } },
      failures: this.failures,
      alarms: new Map(),
      alarmCodes: new Map(),
      writes: this.writes,
      batches: 2,
      reads: new Durations(),
      databases: [{ db: 0, keys: 3 }],
      hits: 1,
      misses: 1,
      expired: 0,
    };
  }

  private async change(...call: unknown[]): Promise<Applied> {
    this.calls.push(call);
    await this.gate;
    if (this.failure !== null) throw this.failure;
    return { appliedIndex: ++this.index, changed: true };
  }

  capability(): Capability {
    return {
      encryptionCapable: true,
      encryption: this.bootstrapped ? "on" : "off",
      kekConfigured: this.kekConfigured,
      sidecarPresent: true,
      sidecarUsable: true,
      build: "node",
      nodeId: "n1",
      fullNodeId: "00000000000000aa",
      localEpochs: { "1": 3, "2": 3 },
    };
  }

  keyring(): KeyringInfo {
    return {
      clusterId: "c0ffee",
      nodeId: "n1",
      bootstrapped: this.bootstrapped,
      active: this.active,
      storageCutover: 1,
      logCutover: 1,
      appliedIndex: this.index,
      durableIndex: 4,
      keys: this.keyInfos,
      keks: [
        {
          id: "file:00112233",
          provider: "file",
          healthy: true,
          reason: "",
          checkedMs: 1_700_000_000_000,
          latencyMs: 0.25,
        },
      ],
      writers: [
        {
          keyId: 2,
          node16: 170,
          fullNodeId: "00000000000000aa",
          firstSeen: 1,
          lastSeen: 3,
          session: "0123456789abcdef",
          open: true,
        },
      ],
      rewrites: this.rewriting === null ? [] : [this.rewriting],
      state: this.nodeState.state,
      haltReason: this.nodeState.haltReason ?? "",
    };
  }

  history() {
    return [
      {
        index: 1,
        timeMs: 1_700_000_000_000,
        proposer: "00000000000000aa",
        kind: "bootstrap",
        keyId: 1,
        purpose: "storage" as const,
        detail: "file:00112233",
      },
    ];
  }

  async probeKeks() {
    return this.keyring().keks;
  }

  bootstrap(request: string): Promise<Applied> {
    return this.change("bootstrap", request);
  }

  enableStorage(request: string): Promise<Applied> {
    return this.change("enableStorage", request);
  }

  enableLog(request: string): Promise<Applied> {
    return this.change("enableLog", request);
  }

  async rotate(request: string, purpose: "storage" | "log", ifActive: number) {
    const applied = await this.change("rotate", request, purpose, ifActive);
    const keyId = Math.max(...this.keyInfos.map(({ id }) => id)) + 1;
    this.keyInfos = this.keyInfos.map((key) =>
      key.purpose === purpose && key.state === "active" ? { ...key, state: "decrypt-only" } : key,
    );
    this.keyInfos.push(keyInfo(keyId, purpose, "active"));
    this.active = { ...this.active, [purpose]: keyId };
    return { ...applied, keyId };
  }

  registerWriter(request: string): Promise<Applied> {
    return this.change("registerWriter", request);
  }

  async addKek(request: string, spec: string) {
    return { ...(await this.change("addKek", request, spec)), kekId: "file:44556677" };
  }

  removeKek(request: string, kekId: string): Promise<Applied> {
    return this.change("removeKek", request, kekId);
  }

  async replaceKek(request: string, kekId: string, spec: string) {
    return { ...(await this.change("replaceKek", request, kekId, spec)), kekId: "file:44556677" };
  }

  fence(request: string, keyId: number): Promise<Applied> {
    return this.change("fence", request, keyId);
  }

  retire(request: string, keyId: number): Promise<Applied> {
    return this.change("retire", request, keyId);
  }

  async proof(keyId: number): Promise<Proof> {
    const key = this.keyInfos.find(({ id }) => id === keyId);
    if (key === undefined) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `key ${keyId}`);
    const count = this.clean ? 0 : 2;
    return {
      keyId,
      purpose: key.purpose,
      state: key.state,
      clean: this.clean,
      clusterId: "c0ffee",
      nodeId: "n1",
      appliedIndex: this.index,
      timeMs: 1_700_000_000_000,
      counted: [
        {
          surface: "store segment",
          count,
          bytes: count * 100,
          files: this.clean ? [] : ["7", "9"],
        },
      ],
      filesExamined: 12,
      macKeyId: 2,
      mac: "ab".repeat(32),
    };
  }

  skip(request: string, index: number, reason: string): Promise<Applied> {
    return this.change("skip", request, index, reason);
  }

  private async rewriteAs(call: unknown[], state: RewriteInfo["state"]): Promise<RewriteChanged> {
    const applied = await this.change(...call);
    const [, , keyId, speed] = call as [string, string, number, number | undefined];
    this.rewriting = {
      keyId,
      state,
      bytesTotal: 1000,
      bytesDone: this.rewriting?.bytesDone ?? 0,
      recordsDone: 0,
      bytesPerSecond: speed ?? this.rewriting?.bytesPerSecond ?? 0,
      currentBytesPerSecond: 0,
      etaMs: -1,
    };
    return { ...this.rewriting, ...applied };
  }

  startRewrite(request: string, keyId: number, bytesPerSecond: number): Promise<RewriteChanged> {
    return this.rewriteAs(["startRewrite", request, keyId, bytesPerSecond], "running");
  }

  pauseRewrite(request: string, keyId: number): Promise<RewriteChanged> {
    return this.rewriteAs(["pauseRewrite", request, keyId], "paused");
  }

  resumeRewrite(request: string, keyId: number): Promise<RewriteChanged> {
    return this.rewriteAs(["resumeRewrite", request, keyId], "running");
  }

  throttleRewrite(request: string, keyId: number, bytesPerSecond: number): Promise<RewriteChanged> {
    return this.rewriteAs(["throttleRewrite", request, keyId, bytesPerSecond], "running");
  }

  cancelRewrite(request: string, keyId: number): Promise<RewriteChanged> {
    return this.rewriteAs(["cancelRewrite", request, keyId], "cancelled");
  }

  rewrite(keyId: number): RewriteInfo | null {
    return this.rewriting?.keyId === keyId ? this.rewriting : null;
  }

  async resync(request: string, apply: boolean) {
    const applied = await this.change("resync", request, apply);
    return { ...applied, steps: ["write the sidecar from the store"], done: apply };
  }
}
