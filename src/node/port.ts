/**
 * The seam between connections and the node. A connection parses, checks names and arities, and
 * keeps the order of its replies; the engine puts writes into the log, applies them, and runs
 * reads. Hazard guarded: replies in another order than the requests, of one connection, would be
 * taken for answers to other requests.
 *
 * Order, without a promise or closure a command: a connection counts the writes that it submitted
 * and those that were settled. What it may not answer yet (a read behind a write) it keeps itself
 * and performs inside `settled()`. So the engine does one thing: for every write of a client, in
 * the order of submission, it writes one reply to `client.reply` and then calls `settled()`,
 * directly after that command was applied and before the client's next one is.
 * @module
 */
import type { Args } from "../commands/args.ts";
import type { CommandSpec } from "../commands/command.ts";
import { touchedMax } from "../keyspace/many.ts";
import type { Reply } from "../resp/reply.ts";
import type { NodeStatus } from "./api.ts";

/** Keys that `Engine.foresee` takes at most: as many as the resident set touches at once. */
export const foreseenMax = touchedMax;

/** A connection (or the library) as the engine sees it. */
export interface Client {
  /** Where replies of this client go. Writes vanish once it is closed. */
  readonly reply: Reply;
  /** True once nobody reads the replies any more. Its writes are applied all the same. */
  readonly closed: boolean;
  /** True: it is told of each of its writes before the next one, of anybody, is applied. */
  readonly oneByOne: boolean;
  /**
   * The oldest `count` unsettled writes were answered; with `oneByOne` a single one. The client may
   * perform reads and submit writes from inside this call: a read sees the state right behind that
   * write.
   */
  settled(count: number): void;
  /** What `engine.mayRead` was asked for may run now. */
  readReady(): void;
}

/** One command of a transaction. `args` is a copy of its own. */
export interface QueuedCommand {
  /** Null: it belongs to the server (PING, CONFIG): the engine calls `local` at its place. */
  readonly spec: CommandSpec | null;
  readonly db: number;
  readonly args: Args;
  /** Writes exactly one reply. Never replicated. */
  readonly local: ((reply: Reply) => void) | null;
}

/** What WATCH remembers. The engine makes and compares it; redis only keeps it. */
export interface WatchToken {
  readonly db: number;
  readonly key: Buffer;
}

/** A database in INFO keyspace. */
export interface DatabaseInfo {
  readonly db: number;
  readonly keys: number;
  readonly expires: number;
}

/** Counters since the start of the process. */
export interface EngineCounters {
  readonly expiredKeys: number;
  readonly evictedKeys: number;
  /** Records that SCAN, KEYS or RANDOMKEY had to leave out. */
  readonly damagedRecords: number;
  readonly keyspaceHits: number;
  readonly keyspaceMisses: number;
}

/** CONFIG parameters that belong to the node, by Redis's name ("maxmemory"). */
export interface EngineSettings {
  readonly names: readonly string[];
  get(name: string): string | null;
  /** @returns null if it took the value, else why not, as Redis words it. */
  set(name: string, value: string): string | null;
}

/** What clients may have waited for, by Redis's names. */
export type LatencyEvent =
  /** A batch, from the log having it to its being durable. */
  | "aof-fsync-always"
  /** One step of the search for what has expired. */
  | "expire-cycle"
  /** Making room in the cache. */
  | "eviction-cycle";

/** Who is told how long things took. */
export interface LatencySink {
  /** @param args - The arguments without the name, valid during the call. */
  ran(client: Client, spec: CommandSpec, ms: number, args: () => Args): void;
  event(name: LatencyEvent, ms: number): void;
}

export interface LatencyProbe {
  /** Set by the server. */
  sink: LatencySink | null;
  /** Every command is timed, not only those that may take long. */
  closely: boolean;
  /** Events are wanted. */
  monitoring: boolean;
}

export interface Engine {
  /**
   * Submits a write; never blocks. `args` (without the name) is valid only during the call. The
   * arity has been checked. Exactly one reply and one `settled()` follow, perhaps before this
   * returns; a write that fails (disk full, stopping) is answered by an error reply.
   * @throws CommandError if `spec.parse` refuses it, or a record that it needs cannot be had: then
   *   nothing was submitted, nothing follows.
   */
  write(client: Client, spec: CommandSpec, db: number, args: Args): void;

  /**
   * Runs a read at once and writes its one reply to `reply`. May be called from `settled()`.
   * @throws CommandError instead of a reply.
   */
  read(spec: CommandSpec, db: number, args: Args, reply: Reply): void;

  /**
   * `read` will be called with GET for these keys, key n being `buffer[starts[n], ends[n])` in
   * database `databases[n]`, n below `count`, which is at most `foreseenMax`. Only a hint: what can
   * be done for all of them together is done together.
   */
  foresee(
    buffer: Buffer,
    starts: Int32Array,
    ends: Int32Array,
    databases: Int32Array,
    count: number,
  ): void;

  /**
   * True: reads may run now (always, on the embedded log). False: a barrier is needed, and
   * `client.readReady()` is called once after it. `local` asks for reads without a barrier
   * (READONLY).
   */
  mayRead(client: Client, local: boolean): boolean;

  /**
   * EXEC: all commands at one place in the log if there is a write among them, else at once. The
   * reply is an array with one reply each (a command's error stands in its place) or nilArray when
   * a watched key has changed; then `settled()`. Keeps `commands` and `watches`.
   * @throws CommandError if a record that it needs cannot be had: nothing of it was performed.
   */
  exec(client: Client, commands: readonly QueuedCommand[], watches: readonly WatchToken[]): void;

  /**
   * The state of a key now, for a later exec. The key is copied.
   * @throws CommandError if its record cannot be had.
   */
  watch(db: number, key: Uint8Array): WatchToken;

  /** True: connections stop reading until `onReady` is called. Asked after each write. */
  readonly busy: boolean;
  /** Set by the server. Called when `busy` became false. */
  onReady: (() => void) | null;

  readonly databaseCount: number;
  readonly settings: EngineSettings;
  /** The server tells it what is to be timed, and is told how long it took. */
  readonly probe: LatencyProbe;
  status(): NodeStatus;
  counters(): EngineCounters;
  resetCounters(): void;
  databases(): DatabaseInfo[];

  /** SAVE and BGSAVE: everything applied so far is in the store when it resolves. */
  checkpoint(): Promise<void>;
  /** Milliseconds since 1970 of the last checkpoint or flush commit (LASTSAVE). */
  readonly lastCheckpointMs: number;
  readonly checkpointing: boolean;

  /** DEBUG SET-ACTIVE-EXPIRE. */
  setActiveExpiry(on: boolean): void;
  /** DEBUG RELOAD and DROPCACHE: a checkpoint, then everything clean leaves the resident set. */
  evictAll(): Promise<void>;
  /** SHUTDOWN: stops the process in good order. Resolves or never returns. */
  shutdown(): Promise<void>;
}
