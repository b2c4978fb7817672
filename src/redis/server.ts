/**
 * What all connections share: the command table, settings, figures, pub/sub, the lists of those
 * that go on at the end of the tick. Sockets are not its business.
 * @module
 */
import { isLoopbackEndpoint } from "../base/address.ts";
import type { Args } from "../commands/args.ts";
import type { CommandSpec } from "../commands/command.ts";
import { CommandError } from "../keyspace/errors.ts";
import { defaultRespLimits } from "../resp/limits.ts";
import { BufferPool } from "../resp/pool.ts";
import type { Reply } from "../resp/reply.ts";
import { serverCommands } from "./commands.ts";
import { Connection } from "./connection.ts";
import type {
  CommandTable,
  Peer,
  PubSub,
  ServerFigures,
  Settings,
  SlowEntry,
  TableEntry,
  Transaction,
} from "./context.ts";
import { copyArgs } from "./copyargs.ts";
import { Foresight } from "./foresight.ts";
import type { Host } from "./host.ts";
import { Latency } from "./latency.ts";
import { monitorLine } from "./monitoring.ts";
import { OutputLimits } from "./outputlimits.ts";
import { halts, type Owner, type Transport, type Waiter } from "./owner.ts";
import type { Client, Engine, LatencyEvent, LatencySink } from "./port.ts";
import { Channels } from "./pubsub.ts";
import { makeSettings, type ServerOptions } from "./settings.ts";
import { noteSlow } from "./slowlog.ts";
import { makeTable } from "./table.ts";
import { queueCommand } from "./transactions.ts";

/** What the last second brought is told in INFO. */
const sampleMs = 1000;
/** As in networking.c of Redis 7.0: nobody set a password, so only this machine is let in. */
const protectedText =
  "-DENIED Redis is running in protected mode because protected mode is enabled and no password " +
  "is set for the default user. In this mode connections are only accepted from the loopback " +
  "interface. If you want to connect from external computers, set a password, or turn protected " +
  "mode off with CONFIG SET protected-mode no from the loopback interface.\r\n";
const maxClientsText = "-ERR max number of clients reached\r\n";

export class RedisServer implements Owner, LatencySink {
  readonly engine: Engine;
  readonly host: Host;
  readonly table: CommandTable;
  readonly peers = new Map<number, Connection>();
  readonly limits = defaultRespLimits();
  readonly outputLimits = new OutputLimits();
  readonly settings: Settings;
  readonly figures: ServerFigures = {
    connections: 0,
    commands: 0,
    inputBytes: 0,
    outputBytes: 0,
    rejected: 0,
    errors: 0,
    reads: 0,
    writes: 0,
  };
  readonly errorCounts = new Map<string, number>();
  readonly slowLog: SlowEntry[] = [];
  readonly latency = new Latency();
  /** Every command is timed. */
  closely = false;
  readonly foresight: Foresight;
  readonly pubsub: PubSub = new Channels();
  readonly monitors = new Set<Peer>();
  readonly pause = { untilMs: 0, writesOnly: false };
  readonly runId: string;
  readonly startMs: number;
  nowMs: number;
  passwordDigest: Buffer | null = null;
  /** Sockets that are on the way to being connections: they count as such. */
  handshakes = 0;
  commandsPerSecond = 0;

  private readonly entryOf = new Map<CommandSpec, TableEntry>();
  private readonly pool = new BufferPool();
  private ready: Waiter[] = [];
  private toFlush: Waiter[] = [];
  private ticking = false;
  /** The clock was read in this callback of the event loop. */
  private touched = false;
  private readonly busyPeers = new Set<Waiter>();
  /** The end of a pause is waited for. */
  private pauseTimed = false;
  private readonly pausedPeers = new Set<Waiter>();
  private lastId = 0;
  private slowId = 0;
  private sampledCommands = 0;
  private stopTimer: () => void = () => {};

  constructor(options: {
    readonly engine: Engine;
    readonly host: Host;
    readonly commands: readonly CommandSpec[];
    readonly settings: ServerOptions;
  }) {
    this.engine = options.engine;
    this.foresight = new Foresight(options.engine);
    this.host = options.host;
    this.table = makeTable(options.commands, serverCommands);
    this.runId = options.host.random.bytes(20).toString("hex");
    this.startMs = this.nowMs = options.host.clock.nowMs();
    this.settings = makeSettings(this, options.settings);
    this.engine.onReady = () => this.engineReady();
    this.engine.probe.sink = this;
    for (const entry of this.table.entries)
      for (const each of [entry, ...(entry.subcommands?.values() ?? [])])
        if (each.spec !== null) this.entryOf.set(each.spec, each);
    this.sample();
  }

  /** A new connection; null: there are too many, `text` was to be sent and the socket closed. */
  connect(transport: Transport): Connection | string {
    this.touchClock();
    if (this.isFull) {
      this.figures.rejected++;
      return maxClientsText;
    }
    if (this.isProtected && !transport.unix && !isLoopbackEndpoint(transport.address)) {
      this.figures.rejected++;
      return protectedText;
    }
    this.figures.connections++;
    const connection = new Connection(this, transport, ++this.lastId, this.pool);
    this.peers.set(connection.id, connection);
    return connection;
  }

  get isFull(): boolean {
    return this.peers.size + this.handshakes >= Number(this.settings.get("maxclients"));
  }

  /** A socket was closed before it could become a connection. */
  refused(): void {
    this.figures.rejected++;
  }

  private get isProtected(): boolean {
    return this.passwordDigest === null && this.settings.get("protected-mode") === "yes";
  }

  /** Buffers that were written out come back here. */
  get buffers(): BufferPool {
    return this.pool;
  }

  /** Ends all connections and timers. */
  close(): void {
    this.stopTimer();
    this.engine.onReady = null;
    this.engine.probe.sink = null;
    for (const peer of [...this.peers.values()]) peer.kill();
  }

  get watchful(): boolean {
    return this.monitors.size > 0 || this.pause.untilMs > 0;
  }

  /** Reads the clock once a callback of the event loop. */
  touchClock(): void {
    if (this.touched) return;
    this.touched = true;
    this.nowMs = this.host.clock.nowMs();
    this.scheduleTick();
  }

  passwordMatches(password: Uint8Array): boolean {
    if (this.passwordDigest === null) return true;
    const digest = this.host.sha256(password);
    let difference = 0;
    for (let i = 0; i < digest.length; i++) difference |= digest[i] ^ this.passwordDigest[i];
    return difference === 0;
  }

  resetFigures(): void {
    this.engine.resetCounters();
    this.errorCounts.clear();
    this.sampledCommands = 0;
    for (const name of Object.keys(this.figures) as (keyof ServerFigures)[]) this.figures[name] = 0;
    const all = this.table.entries.flatMap((e) => [e, ...(e.subcommands?.values() ?? [])]);
    this.latency.resetHistograms();
    for (const { figures } of all)
      figures.calls = figures.usec = figures.rejected = figures.failed = 0;
  }

  soon(connection: Waiter): void {
    this.ready.push(connection);
    this.scheduleTick();
  }

  flushSoon(connection: Waiter): void {
    this.toFlush.push(connection);
    this.scheduleTick();
  }

  private scheduleTick(): void {
    if (this.ticking) return;
    this.ticking = true;
    this.host.tick(this.tick);
  }

  private readonly tick = (): void => {
    this.ticking = this.touched = false;
    const { ready } = this;
    if (ready.length > 0) {
      this.ready = [];
      for (let i = 0; i < ready.length; i++) ready[i].turn();
    }
    const { toFlush } = this;
    if (toFlush.length === 0) return;
    this.toFlush = [];
    for (let i = 0; i < toFlush.length; i++) toFlush[i].flush();
  };

  awaitEngine(connection: Waiter): void {
    this.busyPeers.add(connection);
  }

  private engineReady(): void {
    this.host.tick(() => {
      const waiting = [...this.busyPeers];
      this.busyPeers.clear();
      for (const peer of waiting) peer.resume(halts.engineBusy);
    });
  }

  isPaused(write: boolean): boolean {
    const { pause } = this;
    if (pause.untilMs === 0 || (pause.writesOnly && !write)) return false;
    return this.host.clock.monotonicMs() < pause.untilMs;
  }

  awaitPause(connection: Waiter): void {
    this.pausedPeers.add(connection);
  }

  paused(): void {
    if (!this.pauseTimed) this.pauseOver();
  }

  private pauseOver(): void {
    const left = this.pause.untilMs - this.host.clock.monotonicMs();
    this.pauseTimed = left > 0;
    if (left > 0) this.host.later(left + 1, () => this.pauseOver());
    else this.resumeAll();
  }

  resumeAll(): void {
    this.pause.untilMs = 0;
    const waiting = [...this.pausedPeers];
    this.pausedPeers.clear();
    for (const peer of waiting) peer.resume(halts.paused);
  }

  forget(connection: Connection): void {
    this.peers.delete(connection.id);
    this.pubsub.dropAll(connection);
    this.monitors.delete(connection);
    this.busyPeers.delete(connection);
    this.pausedPeers.delete(connection);
  }

  feedMonitors(peer: Peer, entry: TableEntry, args: Args): void {
    const line = monitorLine(this, peer, entry, args);
    if (line === null) return;
    for (const monitor of this.monitors) {
      // It is none any more, to Redis, when its own RESET is shown.
      if (monitor === peer && entry.name === "reset") continue;
      monitor.out.simple(line);
      monitor.wake();
    }
  }

  queue(peer: Peer, transaction: Transaction, entry: TableEntry, args: Args): string | null {
    return queueCommand(this, peer, transaction, entry, copyArgs(args));
  }

  run(peer: Peer, entry: TableEntry, args: Args, reply: Reply): Promise<void> | null {
    const begin = entry.timed || this.closely ? this.host.clock.monotonicMs() : 0;
    try {
      const pending = entry.server!.run!({ server: this, peer, args, reply });
      if (pending instanceof Promise)
        return pending.catch((error) => this.fail(entry, error, reply));
    } catch (error) {
      this.fail(entry, error, reply);
    }
    if (begin !== 0) this.timed(peer, entry, args, begin);
    return null;
  }

  private fail(entry: TableEntry, error: unknown, reply: Reply): void {
    const text = this.errorText(error);
    this.countError(entry, text);
    reply.error(text);
  }

  errorText(error: unknown): string {
    if (error instanceof CommandError) return error.message;
    this.host.report(error);
    return "ERR internal error";
  }

  countError(entry: TableEntry | null, text: string): void {
    if (entry !== null) entry.figures.failed++;
    this.figures.errors++;
    const code = text.split(" ", 1)[0];
    if (this.errorCounts.size < 64 || this.errorCounts.has(code))
      this.errorCounts.set(code, (this.errorCounts.get(code) ?? 0) + 1);
  }

  timed(peer: Peer, entry: TableEntry, args: Args, beginMs: number): void {
    this.spent(peer, entry, this.host.clock.monotonicMs() - beginMs, () => args);
  }

  /** A write, or a command of a transaction, that the engine timed. */
  ran(client: Client, spec: CommandSpec, ms: number, args: () => Args): void {
    // Every client of this engine is a connection of this server.
    this.spent(client as unknown as Peer, this.entryOf.get(spec) as TableEntry, ms, args);
  }

  event(name: LatencyEvent, ms: number): void {
    this.latency.note(name, ms, this.host.clock.nowMs());
  }

  private spent(peer: Peer, entry: TableEntry, ms: number, args: () => Args): void {
    const { latency } = this;
    const usec = Math.round(ms * 1000);
    entry.figures.usec += usec;
    latency.count(entry, usec);
    if (latency.thresholdMs > 0 && !entry.flags.has("skip_slowlog"))
      latency.note(entry.flags.has("fast") ? "fast-command" : "command", ms, this.nowMs);
    if (latency.slowUsec < 0 || usec < latency.slowUsec) return;
    noteSlow(this, { id: this.slowId++, peer, entry, args: args(), usec });
  }

  tuned(): void {
    const { latency } = this;
    const { probe } = this.engine;
    this.closely = probe.closely = latency.closely;
    probe.monitoring = latency.thresholdMs > 0;
  }

  /** Once a second: the rate of commands, and clients that were silent or unread for too long. */
  private sample(): void {
    this.stopTimer = this.host.later(sampleMs, () => {
      this.commandsPerSecond = this.figures.commands - this.sampledCommands;
      this.sampledCommands = this.figures.commands;
      this.endIdle();
      for (const peer of [...this.peers.values()]) peer.heedOutput();
      this.sample();
    });
  }

  private endIdle(): void {
    const seconds = Number(this.settings.get("timeout"));
    if (seconds === 0) return;
    this.touchClock();
    for (const peer of [...this.peers.values()]) peer.endIfIdle(this.nowMs - seconds * 1000);
  }
}
