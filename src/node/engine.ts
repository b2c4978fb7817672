/**
 * What connections and the library talk to: writes go to the proposer, reads run at once on the
 * resident set. Memory is bounded here, where commands are admitted, never inside apply.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Clock } from "../base/ports.ts";
import type { Args } from "../commands/args.ts";
import type { CommandSpec, Context } from "../commands/command.ts";
import { get } from "../commands/strings/get.ts";
import { set } from "../commands/strings/set.ts";
import { absentOrdinal, type Watch } from "../entry/batch.ts";
import type { Modified } from "../keyspace/api.ts";
import { CommandError } from "../keyspace/errors.ts";
import type { Machine } from "../machine/machine.ts";
import type { Reply } from "../resp/reply.ts";
import type { NodeStatus } from "./api.ts";
import { Durations } from "./durations.ts";
import { type Flusher, fullShare } from "./flusher.ts";
import type { Group } from "./group.ts";
import { foretell } from "./growth.ts";
import { Needed, refusalOf } from "./needed.ts";
import type {
  Client,
  DatabaseInfo,
  Engine,
  EngineCounters,
  EngineSettings,
  QueuedCommand,
  WatchToken,
} from "./port.ts";
import type { Probe } from "./probe.ts";
import type { Proposer } from "./proposer.ts";
import { runLocal } from "./sink.ts";
import { Stopwatch } from "./stopwatch.ts";

/** Bytes proposed and not yet applied above which connections stop reading. */
const proposedBytesMax = 32 << 20;

/** Timing each read would cost as much as a short one takes. */
const sampleMask = 255;

export interface EngineDeps {
  readonly machine: Machine;
  readonly proposer: Proposer;
  readonly group: Group;
  readonly flusher: Flusher;
  readonly clock: Clock;
  /** Runs once the current callback of the event loop is done. */
  readonly defer: (run: () => void) => void;
  readonly settings: EngineSettings;
  readonly probe: Probe;
  readonly damagedRecords: () => number;
  readonly status: () => NodeStatus;
  readonly setActiveExpiry: (on: boolean) => void;
  readonly shutdown: () => Promise<void>;
}

interface Token extends WatchToken, Watch {}

export class NodeEngine implements Engine {
  onReady: (() => void) | null = null;
  checkpointing = false;
  /** Running time of one read in `sampleMask + 1`. */
  readonly reads = new Durations();
  private readCount = 0;
  readonly databaseCount: number;
  readonly settings: EngineSettings;
  readonly probe: Probe;
  /** For transactions that only read. */
  private readonly stopwatch: Stopwatch;
  private readonly deps: EngineDeps;
  private readonly contexts: Context[] = [];
  private readonly needed: Needed;
  /** Bound of the resident set, looked at a few times a second and after changes. */
  private limit: number;
  private clockMs = 0;
  private readonly turnOver = (): void => {
    this.clockMs = 0;
  };
  /** Somebody was told "busy" and waits for `onReady`. */
  private awaited = false;
  private hitsBefore = 0;
  private missesBefore = 0;
  private expiredBefore = 0;
  private readonly runRead = (command: QueuedCommand, reply: Reply): void => {
    this.read(command.spec as CommandSpec, command.db, command.args, reply);
  };

  constructor(deps: EngineDeps) {
    this.deps = deps;
    this.limit = this.deps.flusher.residentMax;
    this.settings = deps.settings;
    this.probe = deps.probe;
    const monotonicMs = (): number => deps.clock.monotonicMs();
    this.stopwatch = new Stopwatch({ probe: deps.probe, monotonicMs });
    const { databases } = deps.machine;
    this.databaseCount = databases.databaseCount;
    for (let n = 0; n < databases.databaseCount; n++)
      this.contexts.push({ keyspace: databases, db: databases.database(n) });
    this.needed = new Needed(databases, this.contexts, deps.proposer);
  }

  write(client: Client, spec: CommandSpec, db: number, args: Args): void {
    // What cannot be refused need not be parsed twice, and asks for nothing.
    if (spec !== (set as CommandSpec) || args.count !== 2) {
      const parsed = spec.parse(args);
      if (this.proposes) this.load(spec, parsed, db, args);
    }
    this.deps.proposer.write(client, spec.code, db, args);
  }

  /**
   * False: nothing will be proposed any more, whatever is submitted is answered with the reason. A
   * full disk refuses too, but may have room before the turn of what is submitted comes.
   */
  private get proposes(): boolean {
    return this.deps.group.haltedBy === null;
  }

  private load(spec: CommandSpec, parsed: unknown, db: number, args: Args): void {
    const { proposer, machine } = this.deps;
    const { databases } = machine;
    const { entries } = databases.resident;
    const before = entries.count;
    try {
      this.needed.load(spec, parsed, db, args, this.readTime);
    } catch (error) {
      throw commandErrorOf(error, "ERR ");
    }
    foretell(proposer.growth, databases, spec, db, args, parsed);
    if (entries.count > before) this.trim();
  }

  read(spec: CommandSpec, db: number, args: Args, reply: Reply): void {
    const { group } = this.deps;
    if (group.haltedBy !== null) throw halted(group.haltedBy);
    this.setReadTime();
    this.deps.machine.databases.counting = true;
    const begin = (this.readCount++ & sampleMask) === 0 ? this.deps.clock.monotonicMs() : 0;
    try {
      if (spec === (get as CommandSpec)) this.get(db, args, reply);
      else spec.run(this.contexts[db] as Context, spec.parse(args), reply);
    } catch (error) {
      throw readError(error);
    }
    if (begin !== 0) this.reads.add(this.deps.clock.monotonicMs() - begin, 1);
    this.trim();
  }

  foresee(
    buffer: Buffer,
    starts: Int32Array,
    ends: Int32Array,
    databases: Int32Array,
    count: number,
  ): void {
    const { group, machine } = this.deps;
    if (group.haltedBy !== null) return;
    machine.databases.foresight.foresee(buffer, starts, ends, databases, count);
  }

  /** Reads see the time of the newest entry or of the clock, whichever is later. */
  private get readTime(): number {
    return Math.max(this.deps.machine.timeMs, this.nowMs());
  }

  private setReadTime(): void {
    this.deps.machine.databases.nowMs = this.readTime;
  }

  /** The clock, read once a callback of the event loop: a batch of commands of many clients. */
  private nowMs(): number {
    if (this.clockMs !== 0) return this.clockMs;
    this.clockMs = this.deps.clock.nowMs();
    this.deps.defer(this.turnOver);
    return this.clockMs;
  }

  /** GET without a view. A full cache chooses what enters it. */
  private get(db: number, args: Args, reply: Reply): void {
    const { databases } = this.deps.machine;
    const full = databases.resident.bytes > this.limit * fullShare;
    databases.database(db).getTo(reply, args.buffer, args.start(0), args.end(0), full);
  }

  /** Evicts what is clean and cold until the bound holds. */
  trim(): void {
    const { databases } = this.deps.machine;
    const { limit } = this;
    if (databases.resident.bytes <= limit) return;
    const { probe, clock } = this.deps;
    const begin = probe.monitoring ? clock.monotonicMs() : 0;
    databases.resident.evict(limit, databases.ids);
    if (begin !== 0) probe.sink?.event("eviction-cycle", clock.monotonicMs() - begin);
  }

  /** After entries were applied or a run has landed. */
  progressed(): void {
    this.limit = this.deps.flusher.residentMax;
    this.trim();
    if (!this.awaited || this.overloaded()) return;
    this.awaited = false;
    this.onReady?.();
  }

  get busy(): boolean {
    const overloaded = this.overloaded();
    if (overloaded) this.awaited = true;
    return overloaded;
  }

  private overloaded(): boolean {
    const { proposer, flusher } = this.deps;
    if (proposer.bytes > proposedBytesMax) return true;
    return flusher.full && proposer.refusing === null;
  }

  mayRead(): boolean {
    return true;
  }

  exec(client: Client, commands: readonly QueuedCommand[], watches: readonly WatchToken[]): void {
    const isWrite = (c: QueuedCommand): boolean => c.spec?.flags.includes("write") === true;
    if (commands.some(isWrite)) {
      if (this.proposes) this.loadMany(commands, watches as readonly Token[]);
      this.deps.proposer.transaction(client, commands, watches as readonly Token[]);
      return;
    }
    if ((watches as readonly Token[]).every((watch) => this.holds(watch))) {
      client.reply.array(commands.length);
      for (const command of commands) {
        this.stopwatch.startInner(client, command.spec, command.args);
        runLocal(command, client.reply, this.runRead);
        this.stopwatch.stop();
      }
    } else client.reply.nilArray();
    client.settled(1);
  }

  private loadMany(commands: readonly QueuedCommand[], watches: readonly Token[]): void {
    try {
      this.needed.loadMany(commands, watches, this.readTime);
    } catch (error) {
      throw commandErrorOf(error, "EXECABORT Transaction discarded because of: ");
    }
    for (const command of commands) this.foretell(command);
    this.trim();
  }

  private foretell({ spec, db, args }: QueuedCommand): void {
    if (spec?.flags.includes("write") !== true) return;
    const { proposer, machine } = this.deps;
    try {
      foretell(proposer.growth, machine.databases, spec, db, args, spec.parse(args));
    } catch (error) {
      // Its place in the transaction answers with that.
      if (!(error instanceof CommandError)) throw error;
    }
  }

  private holds({ db, key, index, ordinal }: Token): boolean {
    const { machine } = this.deps;
    this.setReadTime();
    try {
      return machine.watchHolds(db, key, index, ordinal);
    } catch (error) {
      throw readError(error);
    }
  }

  watch(db: number, key: Uint8Array): WatchToken {
    const { machine } = this.deps;
    this.setReadTime();
    const modified = this.modified(db, key);
    const token: Token = {
      db,
      database: db,
      key: Buffer.from(key),
      index: modified?.index ?? machine.appliedIndex,
      ordinal: modified?.ordinal ?? absentOrdinal,
    };
    return token;
  }

  private modified(db: number, key: Uint8Array): Modified | null {
    try {
      return this.deps.machine.databases.database(db).modified(key);
    } catch (error) {
      throw readError(error);
    }
  }

  status(): NodeStatus {
    return this.deps.status();
  }

  counters(): EngineCounters {
    const { machine } = this.deps;
    return {
      expiredKeys: machine.expiredKeys - this.expiredBefore,
      evictedKeys: 0,
      damagedRecords: this.deps.damagedRecords(),
      keyspaceHits: machine.databases.hits - this.hitsBefore,
      keyspaceMisses: machine.databases.misses - this.missesBefore,
    };
  }

  resetCounters(): void {
    const { machine } = this.deps;
    this.expiredBefore = machine.expiredKeys;
    this.hitsBefore = machine.databases.hits;
    this.missesBefore = machine.databases.misses;
  }

  databases(): DatabaseInfo[] {
    const { databases } = this.deps.machine;
    const found: DatabaseInfo[] = [];
    for (let db = 0; db < databases.databaseCount; db++) {
      const keys = databases.directory.count(db);
      if (keys > 0) found.push({ db, keys, expires: databases.directory.expiring(db) });
    }
    return found;
  }

  async checkpoint(): Promise<void> {
    this.checkpointing = true;
    try {
      await this.deps.flusher.flush();
    } finally {
      this.checkpointing = false;
    }
  }

  get lastCheckpointMs(): number {
    return this.deps.flusher.lastFlushMs;
  }

  setActiveExpiry(on: boolean): void {
    this.deps.setActiveExpiry(on);
  }

  async evictAll(): Promise<void> {
    await this.checkpoint();
    this.deps.machine.databases.resident.evictAll();
  }

  shutdown(): Promise<void> {
    return this.deps.shutdown();
  }
}

/** A damaged record is an error for its reader, and for nobody else. */
function readError(error: unknown): unknown {
  return error instanceof StrongroomError ? new CommandError(`ERR ${error.message}`) : error;
}

/** The same for what was not proposed. */
function commandErrorOf(error: unknown, prefix: string): unknown {
  const text = refusalOf(error);
  return text === null ? error : new CommandError(prefix + text);
}

function halted(error: StrongroomError): CommandError {
  return new CommandError(`ERR [NODE_HALTED] the node has halted: ${error.message}`);
}
