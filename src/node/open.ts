/**
 * Opens a node: lock, KEKs, sidecar, store, log, replay, registration, serve. Each step that fails
 * closes everything that was opened before it, in reverse. Nothing of a user's data is changed
 * before all of it has been judged good.
 * @module
 */
import type { GroupId } from "../base/brand.ts";
import { equalBytes } from "../base/bytes.ts";
import type { Clock, Disk, Random, Scheduler } from "../base/ports.ts";
import { activeKey, bornEncrypted } from "../control/document.ts";
import { verifierOf } from "../control/macs.ts";
import { identityOf } from "../control/planning.ts";
import {
  confirmReplayed,
  explainStoreFailure,
  type Reconciliation,
  reconcile,
} from "../control/reconcile.ts";
import { fromRecords } from "../control/restore.ts";
import { controlRows } from "../control/rowtext.ts";
import type { ControlState } from "../control/state.ts";
import { openSegmentLog, type SegmentLog } from "../log/segments/open.ts";
import { systemClock } from "../platform/clock.ts";
import { NodeDisk } from "../platform/disk.ts";
import { memoryBytes } from "../platform/memory.ts";
import { loadPrimitives, type Primitives } from "../platform/primitives.ts";
import { systemRandom } from "../platform/random.ts";
import { systemScheduler } from "../platform/scheduler.ts";
import { unusable } from "../platform/unusable.ts";
import { requireDurableControl } from "../store/capability.ts";
import {
  openSegmentStore,
  type SegmentStore,
  segmentBytesDefault,
} from "../store/segments/store.ts";
import { AlarmTally } from "./alarms.ts";
import type { NodeOptions, NodeStatus, RotateResult } from "./api.ts";
import { ControlHost } from "./controlhost.ts";
import type { NodeEngine } from "./engine.ts";
import { runBytesFor } from "./flusher.ts";
import { folders } from "./folders.ts";
import {
  type Foundation,
  type FoundationDeps,
  layFoundation,
  lockDirectory,
  type Rebuild,
} from "./foundation.ts";
import { type KekSet, type OpenKek, openKeks } from "./keks.ts";
import { keyOperations } from "./keyoperations.ts";
import { StoragePort } from "./keyport.ts";
import { beginKeys } from "./keys/begin.ts";
import { measuresOf, type NodeMeasures } from "./measures.ts";
import type { KeyOperations } from "./operations.ts";
import { register } from "./registering.ts";
import { Runtime } from "./runtime.ts";
import { LogSession } from "./session.ts";
import { NodeSettings } from "./settings.ts";
import {
  type Close,
  closeAll,
  judgeLog,
  judgePassingOver,
  replayed,
  restoreRows,
} from "./starting.ts";
import { statusOf } from "./status.ts";
import { type VerifyProgress, verifyNode } from "./verification.ts";
import { WorkerExecutor } from "./workerexecutor.ts";

const group = 0 as GroupId;
const tickMs = 100;
const aliveMs = 60_000;

/** What a test or a host program may put in place of the real world. */
export interface NodeDeps {
  readonly clock?: Clock;
  readonly disk?: Disk;
  readonly random?: Random;
  readonly scheduler?: Scheduler;
  readonly primitives?: Primitives;
  /** Tells the operator of something that needs attention. No keys, no user data. */
  readonly alarm?: (event: string, detail: string) => void;
  /** SHUTDOWN was asked for by a client. */
  readonly shutdown?: () => Promise<void>;
  /** Opens a KEK by its name. */
  readonly openKek?: OpenKek;
  /** True once the node is asked to stop: a start that waits for a KEK, or for room, gives up. */
  readonly stopping?: () => boolean;
}

/** A node in this process. */
export interface StrongroomNode {
  readonly engine: NodeEngine;
  readonly keys: KeyOperations;
  status(): NodeStatus;
  rotate(purpose: "storage" | "log"): Promise<RotateResult>;
  checkpoint(): Promise<void>;
  /** Opens everything while it serves. @param bytesPerSecond - 0: 64 MiB. */
  verify(bytesPerSecond: number): AsyncIterable<VerifyProgress>;
  /** What metrics are made of. */
  measures(): NodeMeasures;
  /** Flushes and closes everything. Idempotent. */
  close(): Promise<void>;
}

/** What the control host works on, besides keys and state. */
interface HostParts {
  readonly kekSet: KekSet;
  readonly store: SegmentStore;
  readonly log: SegmentLog;
  readonly session: LogSession;
  readonly salts: readonly Uint8Array[];
}

/** @throws StrongroomError: the one refusal of this start; nothing stays open. */
export async function openNode(options: NodeOptions, deps: NodeDeps = {}): Promise<StrongroomNode> {
  const closers: Close[] = [];
  // A start that waits for a KEK has nothing else that keeps the process alive.
  const alive = setInterval(() => {}, aliveMs);
  try {
    return await new Opening(options, deps, closers).open();
  } catch (error) {
    // The refusal is told, not what its clean-up may have met.
    await closeAll(closers).catch(() => {});
    throw unusable(error, options.dataDir);
  } finally {
    clearInterval(alive);
  }
}

class Opening {
  private readonly options: NodeOptions;
  private readonly deps: NodeDeps;
  private readonly closers: Close[];
  private readonly disk: Disk;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly primitives: Primitives;
  private readonly tally: AlarmTally;
  private readonly alarm: (event: string, detail: string) => void;
  private readonly stopping: () => boolean;

  private served = false;
  private reconciled: Reconciliation = { kind: "consistent" };

  constructor(options: NodeOptions, deps: NodeDeps, closers: Close[]) {
    this.options = options;
    this.deps = deps;
    this.closers = closers;
    this.disk = deps.disk ?? new NodeDisk();
    this.random = deps.random ?? systemRandom;
    this.scheduler = deps.scheduler ?? systemScheduler;
    this.primitives = deps.primitives ?? loadPrimitives();
    this.tally = new AlarmTally(deps.alarm ?? (() => {}));
    this.alarm = this.tally.alarm;
    this.stopping = deps.stopping ?? (() => false);
  }

  async open(): Promise<StrongroomNode> {
    const { options, disk, random, primitives, closers } = this;
    const kekSet = await openKeks(options.keks, this.deps.openKek);
    closers.push(() => kekSet.close());
    const lock = lockDirectory(disk, options.dataDir);
    closers.push(() => (this.served ? lock.release() : lock.undo()));
    const { scheduler, alarm } = this;
    const waiting = { scheduler, alarm, stopping: this.stopping };
    const { keks, broken } = kekSet;
    for (const { error } of broken) alarm("kek-broken", error.message);
    const own = { disk, random, primitives, keks, broken: broken[0]?.error ?? null, waiting };
    const { foundation, runtime } = await this.foundAndBuild(own, kekSet);
    if (await this.replay(runtime, foundation)) await register(runtime, options.encryption);
    return this.serve(runtime);
  }

  /** With the sidecar as it is or, where that is given up, with one rebuilt from the store. */
  private async foundAndBuild(
    deps: FoundationDeps,
    kekSet: KekSet,
  ): Promise<{ foundation: Foundation; runtime: Runtime }> {
    const { options, closers } = this;
    const mark = closers.length;
    let former: Foundation | null = null;
    const attempt = async (rebuild: Rebuild | null) => {
      const foundation = await layFoundation(options, deps, rebuild);
      former = foundation;
      closers.push(() => foundation.keystore.close());
      return { foundation, runtime: this.build(foundation, kekSet) };
    };
    try {
      return await attempt(null);
    } catch (error) {
      const why = judgePassingOver(error, options.rebuildSidecar === true);
      if (why === null) throw error;
      this.alarm("sidecar-passed-over", (error as Error).message);
      await closeAll(closers.splice(mark));
      const known = former as Foundation | null;
      const formerNodeId = why === "older" ? (known?.document.nodeId ?? null) : null;
      return await attempt({ formerNodeId });
    }
  }

  private build(foundation: Foundation, kekSet: KekSet): Runtime {
    const { keks } = kekSet;
    const { options, random, scheduler, primitives, closers } = this;
    const { document, keystore, keeper, macs } = foundation;
    const place = { cluster: document.cluster, group };
    const node = identityOf(document.nodeId);
    const port = new StoragePort(keystore, group, node.node16);
    const store = this.openStore(foundation, port);
    closers.push(() => store.close());
    const records = [...store.controls()];
    const sha256 = (data: Uint8Array): Buffer => primitives.sha256(data);
    const state = fromRecords(controlRows(records), { sha256, group }, document.cluster);
    port.state = state;
    this.reconciled = reconcile(document, state, options.encryption);
    const log = this.openLog(foundation);
    closers.push(() => log.close());
    const session = new LogSession(state, keystore, primitives, place);
    closers.push(() => session.dispose());
    const indexKey = document.clear?.keyId ?? activeKey(document, "index");
    const keys = keystore.physicalKeys(indexKey, group);
    closers.push(() => keys.dispose());
    const salts: Uint8Array[] = [];
    const host = this.makeHost(foundation, state, { kekSet, store, log, session, salts });
    const settings = new NodeSettings(options);
    const runtime = new Runtime({
      options,
      clock: this.deps.clock ?? systemClock,
      random,
      scheduler,
      place,
      state,
      keeper,
      macs,
      keks,
      kekSet,
      keystore,
      host,
      session,
      port,
      keys,
      store,
      log,
      settings,
      salts,
      primitives: primitives.kind,
      cacheBytes: () => settings.cacheBytes,
      clockTrusted: () => settings.clock === "trusted",
      alarm: this.alarm,
      shutdown: this.deps.shutdown ?? (() => Promise.resolve()),
    });
    closers.push(() => runtime.stop());
    restoreRows(runtime, records, document.nodeId);
    return runtime;
  }

  private makeHost(
    { document, keystore, keeper, macs }: Foundation,
    state: ControlState,
    { kekSet, store, log, session, salts }: HostParts,
  ): ControlHost {
    return new ControlHost({
      state,
      keystore,
      keeper,
      keks: kekSet.keks,
      verify: verifierOf(macs),
      scheduler: this.scheduler,
      nodeId: document.nodeId,
      alarm: this.alarm,
      stopping: this.stopping,
      ownsSalt: (salt) => salts.some((own) => equalBytes(own, salt)),
      ownsSession: (id) => id === session.session,
      cutover: async (of) => {
        if (state.bornEncrypted) return;
        if (of === "storage") await store.cutover();
        else log.forbidReuse();
      },
    });
  }

  private openStore({ document }: Foundation, keys: StoragePort): SegmentStore {
    const { options, disk, random, scheduler, primitives } = this;
    const workers = options.worker !== false;
    const executors = workers
      ? { executor: new WorkerExecutor(), compactExecutor: new WorkerExecutor() }
      : {};
    const open = (): SegmentStore =>
      openSegmentStore({
        disk,
        directory: `${options.dataDir}/${folders.store}`,
        place: { cluster: document.cluster, group },
        primitives,
        keys,
        scheduler,
        random,
        compress: options.compress,
        memoryBytes: memoryBytes(),
        runBytes: runBytesFor(options.cacheBytes),
        compactor: {
          idleBytes: (options.segmentBytes ?? segmentBytesDefault) * 12,
          alarm: this.alarm,
        },
        requireSealed: bornEncrypted(document),
        requireCutover: document.storageCutover > 0 && !bornEncrypted(document),
        ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
        ...executors,
      });
    try {
      return requireDurableControl(open());
    } catch (error) {
      void executors.executor?.close();
      void executors.compactExecutor?.close();
      throw explainStoreFailure(error);
    }
  }

  private openLog({ document }: Foundation): SegmentLog {
    const { options, disk, scheduler } = this;
    const entryBytesMax = options.valueBytesMax + (64 << 20);
    return openSegmentLog({
      disk,
      directory: `${options.dataDir}/${folders.log}`,
      cluster: document.cluster as never,
      group,
      scheduler,
      clock: this.deps.clock ?? systemClock,
      limits: {
        entryBytesMax,
        pendingBytesMax: entryBytesMax,
        ...(options.logFileBytes === undefined ? {} : { fileBytes: options.logFileBytes }),
      },
    });
  }

  /**
   * Brings the state to the end of the log.
   * @returns False if an entry cannot be applied: the node comes up halted, for only a node that
   * runs can be told to pass it.
   */
  private async replay(runtime: Runtime, foundation: Foundation): Promise<boolean> {
    const { machine, databases, group: loop } = runtime;
    const { store, log, state } = runtime.deps;
    const { durable } = store;
    machine.appliedIndex = durable.appliedIndex;
    loop.restore(durable.session, durable.seq);
    judgeLog(log, durable);
    if (foundation.rebuilt) {
      await foundation.keeper.write(foundation.document);
      this.alarm("sidecar-rebuilt", "encryption/keys.json was written afresh from the store");
    }
    for (let id = 1; id < databases.nextId; id++)
      if (!databases.isLive(id) && store.recordsOf(id) > 0) store.dropKeyspace(id);
    if (this.reconciled.kind === "rewrite") {
      await runtime.deps.host.unwrapMissing();
      await foundation.keeper.follow(state, foundation.document.nodeId);
    }
    await log.start();
    if (!(await replayed(runtime))) return false;
    confirmReplayed(foundation.keeper.document, state, this.options.encryption);
    await foundation.keeper.follow(state, foundation.document.nodeId);
    return true;
  }

  private serve(runtime: Runtime): StrongroomNode {
    runtime.state = "serving";
    this.served = true;
    const keysTick = beginKeys(runtime);
    const timer = setInterval(() => {
      runtime.tick();
      keysTick();
    }, tickMs);
    timer.unref();
    this.closers.push(() => clearInterval(timer));
    let closing: Promise<void> | null = null;
    const keys = keyOperations(runtime);
    return {
      engine: runtime.engine,
      keys,
      status: () => statusOf(runtime),
      rotate: (purpose) => keys.rotate(this.random.bytes(16).toString("hex"), purpose, 0),
      checkpoint: () => runtime.engine.checkpoint(),
      verify: (bytesPerSecond) => verifyNode(runtime, bytesPerSecond),
      measures: () => measuresOf(runtime, this.tally),
      close: () => {
        closing ??= closeAll(this.closers);
        return closing;
      },
    };
  }
}
