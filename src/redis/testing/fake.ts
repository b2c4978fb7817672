/**
 * A node, a clock and sockets in memory, for tests of connections: writes are applied only when a
 * test says so, one or many at a time, as a log with latency would.
 * @module
 */
import { createHash } from "node:crypto";
import type { Args } from "../../commands/args.ts";
import type { CommandSpec } from "../../commands/command.ts";
import { commands } from "../../commands/table.ts";
import { OracleKeyspace } from "../../commands/testing/oracle.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Reply } from "../../resp/reply.ts";
import type { Connection } from "../connection.ts";
import { copyArgs } from "../copyargs.ts";
import type { Host } from "../host.ts";
import type { Transport } from "../owner.ts";
import type { Client, Engine, QueuedCommand, WatchToken } from "../port.ts";
import { RedisServer } from "../server.ts";
import type { ServerOptions } from "../settings.ts";

interface Pending {
  readonly client: Client;
  run(reply: Reply): void;
}

export class FakeEngine implements Engine {
  busy = false;
  onReady: (() => void) | null = null;
  readonly databaseCount = 16;
  readonly settings = { names: [], get: () => null, set: () => null };
  readonly probe: Engine["probe"] = { sink: null, closely: false, monitoring: false };
  lastCheckpointMs = 0;
  checkpointing = false;
  checkpoints: (() => void)[] = [];
  stopped = false;
  readonly keyspace = new OracleKeyspace();
  readonly pending: Pending[] = [];
  /** Reads wait for `release`. */
  barrier = false;
  readonly barred: Client[] = [];
  /** Keys that it was told of beforehand, those of one call together. */
  readonly foreseen: string[][] = [];

  private perform(spec: CommandSpec, db: number, args: Args, reply: Reply): void {
    const context = { keyspace: this.keyspace, db: this.keyspace.database(db) };
    spec.run(context, spec.parse(args), reply);
  }

  write(client: Client, spec: CommandSpec, db: number, args: Args): void {
    spec.parse(args);
    const copy = copyArgs(args);
    this.pending.push({ client, run: (reply) => this.perform(spec, db, copy, reply) });
  }

  foresee(buffer: Buffer, starts: Int32Array, ends: Int32Array, _: Int32Array, count: number) {
    const keys = Array.from({ length: count }, (_key, n) =>
      buffer.toString("latin1", starts[n], ends[n]),
    );
    this.foreseen.push(keys);
  }

  read(spec: CommandSpec, db: number, args: Args, reply: Reply): void {
    this.perform(spec, db, args, reply);
  }

  mayRead(client: Client, local: boolean): boolean {
    if (!this.barrier || local) return true;
    this.barred.push(client);
    return false;
  }

  exec(client: Client, queue: readonly QueuedCommand[], watches: readonly WatchToken[]): void {
    const run = (reply: Reply): void => {
      if (watches.some((watch) => this.version(watch) !== this.tokens.get(watch))) {
        reply.nilArray();
        return;
      }
      reply.array(queue.length);
      for (const { spec, db, args, local } of queue)
        if (spec === null) local?.(reply);
        else answer(reply, () => this.perform(spec, db, args, reply));
    };
    // As the engine does: what writes nothing has no place in the log, and runs at once.
    if (queue.some(({ spec }) => spec?.flags.includes("write"))) {
      this.pending.push({ client, run });
      return;
    }
    run(client.reply);
    client.settled(1);
  }

  private readonly tokens = new Map<WatchToken, string>();

  private version({ db, key }: WatchToken): string {
    return JSON.stringify(this.keyspace.database(db).modified(key));
  }

  watch(db: number, key: Uint8Array): WatchToken {
    const token = { db, key: Buffer.from(key) };
    this.tokens.set(token, this.version(token));
    return token;
  }

  /** Applies the oldest writes and answers them. */
  apply(count = Number.POSITIVE_INFINITY): void {
    for (let done = 0; done < count && this.pending.length > 0; done++) {
      const { client, run } = this.pending.shift() as Pending;
      answer(client.reply, () => run(client.reply));
      client.settled(1);
    }
  }

  status(): ReturnType<Engine["status"]> {
    return {
      nodeId: "fake",
      clusterId: "",
      encryption: true,
      state: "serving",
      appliedIndex: 0,
      durableIndex: 0,
      log: { first: 1, last: 0, bytes: 0 },
      store: { bytes: 0, deadBytes: 0, segments: 0 },
      resident: { bytes: 0, limit: 1, dirtyBytes: 0 },
      active: { storage: 1, log: 2, index: 3 },
      keys: [],
      primitives: "node",
    };
  }
  counters(): ReturnType<Engine["counters"]> {
    const none = { expiredKeys: 0, evictedKeys: 0, damagedRecords: 0 };
    return { ...none, keyspaceHits: 0, keyspaceMisses: 0 };
  }
  resetCounters(): void {}
  databases(): [] {
    return [];
  }
  checkpoint(): Promise<void> {
    return new Promise((resolve) => this.checkpoints.push(resolve));
  }
  setActiveExpiry(): void {}
  evictAll(): Promise<void> {
    return Promise.resolve();
  }
  async shutdown(): Promise<void> {
    this.stopped = true;
  }
}

function answer(reply: Reply, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    reply.error(error.message);
  }
}

/** Time stands still until `advance`. */
class FakeHost implements Host {
  ms = 1_700_000_000_000;
  readonly bugs: unknown[] = [];
  private jobs: (() => void)[] = [];
  private timers: { at: number; job: () => void }[] = [];
  readonly clock = {
    nowMs: () => this.ms,
    monotonicMs: () => this.ms,
    sinceBootMs: () => this.ms,
  };
  readonly random = { bytes: (length: number) => Buffer.alloc(length, 7) };

  sha256(data: Uint8Array): Buffer {
    return createHash("sha256").update(data).digest();
  }
  sha1(data: Uint8Array): Buffer {
    return createHash("sha1").update(data).digest();
  }
  tick(job: () => void): void {
    this.jobs.push(job);
  }
  later(ms: number, job: () => void): () => void {
    const timer = { at: this.ms + ms, job };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }
  /** Runs what was to run at the end of the tick, and what that asks for. */
  settle(): void {
    for (let job = this.jobs.shift(); job !== undefined; job = this.jobs.shift()) job();
  }
  advance(ms: number): void {
    this.ms += ms;
    const due = this.timers.filter(({ at }) => at <= this.ms);
    this.timers = this.timers.filter(({ at }) => at > this.ms);
    for (const { job } of due) job();
    this.settle();
  }
  figures(): ReturnType<Host["figures"]> {
    const none = { rssBytes: 1, heapBytes: 1, cpuUser: 0, cpuSystem: 0, totalMemoryBytes: 1 };
    return { pid: 1, ...none, system: "test", executable: "test" };
  }
  block(ms: number): void {
    this.ms += ms;
  }
  report(error: unknown): void {
    this.bugs.push(error);
  }
}

export class FakeTransport implements Transport {
  address = "127.0.0.1:1000";
  localAddress = "127.0.0.1:6380";
  unix = false;
  fd = 9;
  unsentBytes = 0;
  get takenMark(): number {
    return this.unsentBytes;
  }
  /** True: the client reads nothing. */
  stuck = false;
  reading = true;
  ended = false;
  destroyed = false;
  connection: Connection | null = null;
  private parts: Buffer[] = [];

  flush(): void {
    const bytes = this.connection?.writer.take();
    if (bytes === undefined) return;
    if (this.stuck) this.unsentBytes += bytes.length;
    else this.parts.push(bytes);
  }
  pause(): void {
    this.reading = false;
  }
  resume(): void {
    this.reading = true;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
  /** What was sent since the last call. */
  sent(): string {
    const text = Buffer.concat(this.parts).toString("latin1");
    this.parts = [];
    return text;
  }
}

export class FakeServer {
  readonly engine = new FakeEngine();
  readonly host = new FakeHost();
  readonly redis: RedisServer;

  constructor(settings: ServerOptions = {}) {
    const { engine, host } = this;
    this.redis = new RedisServer({ engine, host, commands, settings });
  }

  connect(): FakeClient {
    const transport = new FakeTransport();
    const connection = this.redis.connect(transport);
    if (typeof connection === "string") throw new Error(connection);
    transport.connection = connection;
    return new FakeClient(this, connection, transport);
  }
}

class FakeClient {
  readonly server: FakeServer;
  readonly connection: Connection;
  readonly transport: FakeTransport;

  constructor(server: FakeServer, connection: Connection, transport: FakeTransport) {
    this.server = server;
    this.connection = connection;
    this.transport = transport;
  }

  /** Commands as inline lines; nothing is applied. */
  send(...lines: string[]): void {
    const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "latin1");
    this.connection.receive(bytes, 0, bytes.length);
    bytes.fill(0);
    this.server.host.settle();
  }

  /** Sends, applies everything, and returns all that came back. */
  call(...lines: string[]): string {
    this.send(...lines);
    this.settle();
    return this.transport.sent();
  }

  settle(): void {
    const { engine, host } = this.server;
    host.settle();
    while (engine.pending.length > 0) {
      engine.apply();
      host.settle();
    }
  }
}
