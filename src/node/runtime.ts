/**
 * A running group: log, machine, store and what connects them. Built in order by open.ts; this is
 * what holds them together while it serves, and takes them down in reverse.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { Clock, Random, Scheduler } from "../base/ports.ts";
import type { CommandSpec } from "../commands/command.ts";
import { codeToSpec } from "../commands/table.ts";
import type { Kek } from "../control/deks.ts";
import type { SidecarKeeper } from "../control/keeper.ts";
import type { MacSource } from "../control/macs.ts";
import { identityOf, type NodeIdentity } from "../control/planning.ts";
import { type ControlRecord, takeChangedRecords } from "../control/records.ts";
import { rowText } from "../control/rowtext.ts";
import { type Proposal, payloadOf } from "../control/start.ts";
import type { ControlState } from "../control/state.ts";
import type { Keystore } from "../crypto/keystore.ts";
import type { PhysicalKeys } from "../crypto/prf.ts";
import { blockBytes } from "../files/framing.ts";
import { Databases } from "../keyspace/databases.ts";
import { Resident } from "../keyspace/resident.ts";
import type { SegmentLog } from "../log/segments/open.ts";
import { Machine } from "../machine/machine.ts";
import {
  deletionsRecord,
  keyspacesRecord,
  tableDeletions,
  tableKeyspaces,
  tableTime,
  timeRecord,
} from "../machine/records.ts";
import { nativeEntries } from "../platform/residents.ts";
import { whenTurnEnds } from "../platform/turns.ts";
import type { SealedPlace } from "../sealed/place.ts";
import type { SegmentStore } from "../store/segments/store.ts";
import type { RunBuilder } from "../store/store.ts";
import type { NodeOptions } from "./api.ts";
import type { PendingBatch } from "./batch.ts";
import { ClockGuard } from "./clockguard.ts";
import type { ControlHost } from "./controlhost.ts";
import { NodeDirectory } from "./directory.ts";
import { NodeEngine } from "./engine.ts";
import { ExpiryCycle } from "./expiry.ts";
import { Flusher } from "./flusher.ts";
import { Group } from "./group.ts";
import type { KekSet } from "./keks.ts";
import type { StoragePort } from "./keyport.ts";
import { nodeRow } from "./localrows.ts";
import type { EngineSettings } from "./port.ts";
import { Probe } from "./probe.ts";
import { Proposer } from "./proposer.ts";
import { LocalRequests } from "./requests.ts";
import { Rewrites } from "./rewrite.ts";
import type { LogSession } from "./session.ts";
import { answerAll, ReplySink } from "./sink.ts";
import { StoreSource } from "./source.ts";
import { statusOf } from "./status.ts";
import { Stopwatch } from "./stopwatch.ts";

const empty = Buffer.alloc(0);
/** Large enough that headers and commits do not count, small enough that memory does not. */
const flushBytesDefault = 16 << 20;
const flushIntervalMsDefault = 2000;
/** Longest time without a commit. */
const idleMsMax = 1_800_000;

export interface RuntimeDeps {
  readonly options: NodeOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly place: SealedPlace;
  readonly state: ControlState;
  readonly keeper: SidecarKeeper;
  readonly macs: MacSource;
  readonly keks: readonly Kek[];
  /** The same, with their health, to add to and take from. */
  readonly kekSet: KekSet;
  readonly keystore: Keystore;
  readonly host: ControlHost;
  readonly session: LogSession;
  readonly port: StoragePort;
  readonly keys: PhysicalKeys;
  readonly store: SegmentStore;
  readonly log: SegmentLog;
  readonly settings: EngineSettings;
  /** Salts of the loads that this process has planned, to know its own refusals. */
  readonly salts: Uint8Array[];
  readonly primitives: "native" | "node";
  readonly cacheBytes: () => number;
  readonly clockTrusted: () => boolean;
  readonly alarm: (event: string, detail: string) => void;
  readonly shutdown: () => Promise<void>;
}

export class Runtime {
  readonly deps: RuntimeDeps;
  readonly node: NodeIdentity;
  /** On the monotonic clock. */
  readonly startedMs: number;
  readonly machine: Machine;
  readonly databases: Databases;
  readonly group: Group;
  readonly proposer: Proposer;
  readonly flusher: Flusher;
  readonly engine: NodeEngine;
  readonly expiry: ExpiryCycle;
  readonly rewrites: Rewrites;
  readonly requests = new LocalRequests();
  /** The store knows whose it is. */
  nodeKnown = false;
  private readonly probe = new Probe();
  private readonly guard: ClockGuard;
  state: "starting" | "serving" | "stopping" = "starting";
  private readonly directory: NodeDirectory;
  /** Control records that changed and are not durable yet; how many the run under way holds. */
  private readonly unlanded: ControlRecord[] = [];
  private carried = 0;

  constructor(deps: RuntimeDeps) {
    this.deps = deps;
    this.node = identityOf(deps.keeper.document.nodeId);
    this.startedMs = deps.clock.monotonicMs();
    const { store, keys, random, clock, scheduler } = deps;
    const source = new StoreSource(store, keys);
    const flying = (): Int32Array => this.flusher.flying;
    this.directory = new NodeDirectory({ store, source, keys, random, flying, alarm: deps.alarm });
    const resident = new Resident(source, random.bytes(4).readInt32BE(), nativeEntries);
    this.databases = new Databases(resident, this.directory);
    this.directory.attach(this.databases);
    this.machine = new Machine(this.databases, codeToSpec, deps.host);
    this.flusher = new Flusher({
      databases: this.databases,
      store,
      keys,
      clock,
      scheduler,
      limits: {
        flushBytes: deps.options.flushBytes ?? flushBytesDefault,
        flushIntervalMs: deps.options.flushIntervalMs ?? flushIntervalMsDefault,
        ...(deps.options.pinnedBytes === undefined
          ? {}
          : { pinnedBytes: deps.options.pinnedBytes }),
      },
      cacheBytes: deps.cacheBytes,
      whole: () => !this.machine.torn && !this.group.settling && this.group.haltedBy === null,
      halted: () => this.group.haltedBy !== null,
      // Each entry of the embedded log begins a block.
      appliedBytes: () => this.machine.appliedBytes + this.machine.appliedIndex * blockBytes,
      behind: () => this.machine.appliedIndex > store.durable.appliedIndex,
      commit: () => ({
        appliedIndex: this.machine.appliedIndex,
        session: this.group.lastSession,
        seq: this.group.lastSeq,
        commitTs: (BigInt(this.machine.timeMs) << 16n) | BigInt(this.machine.timeLogical),
      }),
      controls: (run) => this.writeControls(run),
      landed: (index) => this.landed(index),
      idle: () => {
        this.applied();
        this.proposer.roomier();
      },
      failed: (error) => this.flushFailed(error),
    });
    this.guard = new ClockGuard({
      clock,
      machineMs: () => this.machine.timeMs,
      trusted: deps.clockTrusted,
      alarm: deps.alarm,
    });
    this.proposer = new Proposer({
      log: deps.log,
      clock: this.guard,
      sealer: deps.session,
      defer: (run) => void setImmediate(run),
      durable: (batch, index) => this.group.durable(batch, index),
      failed: (batch, error) => this.appendFailed(batch, error),
      settling: () => this.group.completing,
      crowded: () => this.flusher.crowded,
      machineMs: () => this.machine.timeMs,
      probe: this.probe,
    });
    this.group = this.makeGroup();
    this.engine = this.makeEngine();
    this.expiry = new ExpiryCycle(this.databases, store, source, (db, names) =>
      this.proposer.expire(db, names),
    );
    const { state, log, alarm } = deps;
    const flush = (): Promise<void> => this.flusher.flush();
    this.rewrites = new Rewrites({ state, store, log, clock, scheduler, flush, alarm });
  }

  private makeGroup(): Group {
    const { deps } = this;
    return new Group({
      machine: this.machine,
      state: deps.state,
      host: deps.host,
      opener: deps.session,
      sink: this.makeSink(),
      release: (batch) => this.proposer.release(batch),
      again: (batch, admission) => this.proposer.again(batch, admission),
      fail: answerAll,
      applied: () => this.applied(),
      recorded: () => {
        this.proposer.recorded();
        this.applied();
      },
      halted: (error) => this.halted(error),
    });
  }

  private makeSink(): ReplySink {
    const { probe } = this;
    const watch = new Stopwatch({ probe, monotonicMs: () => this.deps.clock.monotonicMs() });
    return new ReplySink(
      ({ spec, db, args }, reply) => this.engine.read(spec as CommandSpec, db, args, reply),
      watch,
    );
  }

  private makeEngine(): NodeEngine {
    const { deps } = this;
    return new NodeEngine({
      machine: this.machine,
      proposer: this.proposer,
      group: this.group,
      flusher: this.flusher,
      clock: deps.clock,
      defer: whenTurnEnds,
      settings: deps.settings,
      probe: this.probe,
      damagedRecords: () => this.directory.damagedRecords,
      status: () => statusOf(this),
      setActiveExpiry: (on) => {
        this.expiry.enabled = on;
      },
      shutdown: deps.shutdown,
    });
  }

  /** A flush that begins may be what those have waited for who are told then. */
  private applied(): void {
    if (this.state === "serving") this.flusher.tick();
    this.engine.progressed();
  }

  private writeControls(run: RunBuilder): void {
    for (const record of takeChangedRecords(this.deps.state))
      this.unlanded.push({ ...record, value: rowText(record.value) });
    this.unlanded.push(...this.rewrites.takeChanged(), ...this.requests.takeChanged());
    if (!this.nodeKnown) this.unlanded.push(nodeRow(this.node.id));
    this.nodeKnown = true;
    this.carried = this.unlanded.length;
    for (const { table, deleted, key, value } of this.unlanded)
      run.control(table, deleted, key, value);
    run.control(tableTime, false, empty, timeRecord(this.machine));
    const { deletions } = this.databases.resident;
    if (deletions.changed) run.control(tableDeletions, false, empty, deletionsRecord(this.machine));
    deletions.changed = false;
    run.control(tableKeyspaces, false, empty, keyspacesRecord(this.machine));
    this.dropped = this.databases.dead.slice();
  }
  /** Keyspace ids that the run under way makes dead for good. */
  private dropped: number[] = [];

  private landed(index: number): void {
    this.unlanded.splice(0, this.carried);
    this.directory.landed();
    const { store } = this.deps;
    for (const id of this.dropped)
      if (store.count(id) > 0 || store.recordsOf(id) > 0) store.dropKeyspace(id);
    this.databases.dead.splice(0, this.dropped.length);
    const { refusing } = this.proposer;
    if (refusing !== null && this.state === "serving" && this.group.haltedBy === null)
      this.proposer.refuse(null);
    this.deps.log.truncate((index + 1) as never).catch((error: Error) => {
      this.deps.alarm("log-truncate", error.message);
    });
  }

  /** A full log refuses its batch and goes on; after any other failure nothing is known. */
  private appendFailed(batch: PendingBatch, error: Error): void {
    if (isStrongroomError(error, "LOG_WRITE_FAILED")) this.group.halt(error);
    answerAll(batch, error);
  }

  private flushFailed(error: Error): void {
    this.deps.alarm("flush-failed", error.message);
    this.databases.resident.deletions.changed = true;
    const code = error instanceof StrongroomError ? error.code : null;
    if (code === "STORE_DISK_FULL") {
      // Writes are refused only when what waits has taken its share of memory.
      if (this.group.haltedBy === null && this.engine.busy) this.proposer.refuse(error);
      this.engine.progressed();
    } else if (code !== "STORE_CLOSED") this.group.halt(error);
  }

  private halted(error: StrongroomError): void {
    const { haltedAt, haltReason } = this.group;
    const told = haltedAt === 0 ? haltReason : `entry ${haltedAt}: ${error.explain()}`;
    if (error.code !== "NODE_STOPPING") this.deps.alarm("halted", told);
    this.proposer.refuse(error);
    this.engine.progressed();
  }

  /** Housekeeping, a few times a second. */
  tick(): void {
    if (this.state !== "serving") return;
    if (this.group.haltedBy === null) {
      this.flusher.tick();
      this.rewrites.tick();
      this.deps.store.warmer.tick(this.deps.clock.monotonicMs());
      this.deps.store.reader.rest();
      // On a full disk what is dead is the room that there is.
      if (this.proposer.refusing !== null) this.deps.store.compactor.wake();
      this.keepTime();
    }
    // Whoever waits for room is told that there is some, or that there will be none.
    this.engine.progressed();
  }

  /** Expires what is due. A node that idles commits the time, so that a restart can judge by it. */
  private keepTime(): void {
    const { machine, proposer, guard } = this;
    // What was found and waits would be found again at each tick.
    if (proposer.refusing !== null || proposer.expiring > 0 || !guard.sound) return;
    const now = Math.max(machine.timeMs, guard.nowMs());
    const begin = this.deps.clock.monotonicMs();
    this.expiry.step(now);
    this.probe.sink?.event("expire-cycle", this.deps.clock.monotonicMs() - begin);
    if (machine.timeMs === 0 || now - machine.timeMs < idleMsMax || proposer.bytes > 0) return;
    proposer.expire(0, []);
  }

  /**
   * Proposes a control entry and waits until its effects are durable.
   * @param applied - Runs before anything else is proposed.
   */
  propose(
    proposal: Proposal,
    opens: bigint | null,
    applied: () => void = () => {},
  ): Promise<number> {
    const { state, macs, place } = this.deps;
    const build = (session: bigint, seq: number): Buffer => {
      const cluster = this.deps.keeper.document.cluster;
      const at = { cluster, group: place.group, session, seq };
      return payloadOf(proposal, at as never, state, macs);
    };
    return this.proposer.control(opens, build, applied);
  }

  /** Changes of keys come one after the other: what one plans, the one before has applied. */
  inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.turn.then(change);
    this.turn = result.catch(() => {});
    return result;
  }
  private turn: Promise<unknown> = Promise.resolve();

  planned(salt: Uint8Array): void {
    this.deps.salts.push(salt);
  }

  /** Serves no more; everything acknowledged is in the store when it resolves. */
  async stop(): Promise<void> {
    if (this.state === "stopping") return;
    const wasServing = this.state === "serving";
    this.state = "stopping";
    this.proposer.refuse(new StrongroomError("NODE_STOPPING"));
    this.deps.host.stop();
    await this.proposer.drained();
    if (wasServing && this.group.haltedBy === null) await this.flusher.flush().catch(() => {});
    await this.flusher.stop();
  }
}
