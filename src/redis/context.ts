/**
 * The types that connections, the dispatcher and the commands of this folder share. A command of
 * this folder belongs to a connection or to the server; it never touches data but through the
 * engine.
 * @module
 */
import type { Args } from "../commands/args.ts";
import type { CommandSpec, KeyRange, KeySpec } from "../commands/command.ts";
import type { RespLimits } from "../resp/limits.ts";
import type { Reply } from "../resp/reply.ts";
import type { Host } from "./host.ts";
import type { Latency } from "./latency.ts";
import type { OutputLimits } from "./outputlimits.ts";
import type { Engine, QueuedCommand, WatchToken } from "./port.ts";

/** A transaction that is being queued. */
export interface Transaction {
  readonly commands: QueuedCommand[];
  /** Database of the next queued command: SELECT may be queued too. */
  db: number;
  /** Bytes of the queued arguments. */
  bytes: number;
  /** A command could not be queued: EXEC answers EXECABORT. */
  aborted: boolean;
  /** A queued command may change data. */
  writes: boolean;
  /** A queued command is one that CLIENT PAUSE WRITE holds. */
  replicates: boolean;
  /** A queued command changes the session when it runs. */
  local: boolean;
}

/** What a client has told us about itself. RESET brings back the first state. */
export interface Session {
  db: number;
  name: string;
  libName: string;
  libVersion: string;
  authenticated: boolean;
  transaction: Transaction | null;
  watches: WatchToken[];
  /** READONLY: reads need no barrier. */
  localReads: boolean;
  noEvict: boolean;
  noTouch: boolean;
  monitor: boolean;
  /** CLIENT REPLY. */
  replies: "on" | "off" | "skip";
  /** Names are latin1 text, a character a byte. */
  readonly channels: Set<string>;
  readonly patterns: Set<string>;
  readonly shardChannels: Set<string>;
}

/** A connection as commands see it. */
export interface Peer {
  readonly id: number;
  readonly session: Session;
  /** "127.0.0.1:1234", or the path of the unix socket and ":0". */
  readonly address: string;
  readonly localAddress: string;
  readonly unix: boolean;
  readonly fd: number;
  readonly sinceMs: number;
  activeMs: number;
  /** The protocol of its replies: 2 or 3. */
  protocol: 2 | 3;
  /** Name of the last command, "client|list". */
  lastCommand: string;
  readonly figures: {
    readonly queryBytes: number;
    readonly outputBytes: number;
    readonly inFlight: number;
  };
  /** Out of band: pub/sub messages and MONITOR lines. */
  readonly out: Reply;
  /** After writing to `out` from outside a command of its own. */
  wake(): void;
  /** Hands the transaction to the engine; the reply is the engine's. */
  submitExec(transaction: Transaction, watches: WatchToken[]): void;
  /** Replies of the connection are written, or thrown away. */
  mute(muted: boolean): void;
  /** The session changed in a way that makes every command be looked at more closely. */
  refresh(): void;
  /** Ends the connection once all replies are written. */
  closeAfterReplies(): void;
  /** Ends the connection now. */
  kill(): void;
}

/** Figures of one command for INFO commandstats. */
export interface CommandFigures {
  calls: number;
  usec: number;
  rejected: number;
  failed: number;
}

/** One call of a server command. `args` begin after the name (and the subcommand). */
export interface Call {
  readonly server: ServerContext;
  readonly peer: Peer;
  readonly args: Args;
  readonly reply: Reply;
}

/** A command of a connection or of the server. */
export interface ServerCommand {
  /** Lower case; a subcommand has its own short name. */
  readonly name: string;
  /** As Redis has it; of a subcommand: container included. */
  readonly arity: number;
  /** Redis's flags, as COMMAND INFO names them. */
  readonly flags: readonly string[];
  readonly keys?: KeyRange;
  readonly keySpecs?: readonly KeySpec[];
  readonly tips?: readonly string[];
  /** Redis's group ("connection", "server", "transactions", "pubsub"). */
  readonly group: string;
  readonly since: string;
  readonly summary: string;
  readonly complexity: string;
  /**
   * `at-once`: does not depend on data or on what is in flight; runs when it is parsed and its
   * reply waits its turn. `in-order`: runs when everything before it was answered.
   */
  readonly when: "at-once" | "in-order";
  readonly subcommands?: readonly ServerCommand[];
  /** True: its reply comes later than at once, so it has no place inside a transaction. */
  answersLater?(args: Args): boolean;
  /** What EXEC answers in its place. */
  readonly refusedInExec?: string;
  /** Writes one reply, before or after the promise. @throws CommandError instead of a reply. */
  run?(call: Call): void | Promise<void>;
}

/** A row of the command table. */
export interface TableEntry {
  /** Full name, "client|list". */
  readonly name: string;
  readonly arity: number;
  readonly flags: ReadonlySet<string>;
  readonly isWrite: boolean;
  /** A data command, or null. */
  readonly spec: CommandSpec | null;
  /** A server command, or null. */
  readonly server: ServerCommand | null;
  /** Of a container. By lower case name. */
  readonly subcommands: ReadonlyMap<string, TableEntry> | null;
  readonly figures: CommandFigures;
  /** Looked at by the clock: slow commands may enter the slow log. */
  readonly timed: boolean;
}

export interface CommandTable {
  /** The command named by these bytes, whatever their case; null if there is none. */
  find(buffer: Buffer, start: number, end: number): TableEntry | null;
  byName(name: string): TableEntry | null;
  readonly entries: readonly TableEntry[];
}

/** One entry of SLOWLOG GET. */
export interface SlowEntry {
  readonly id: number;
  readonly unixSeconds: number;
  readonly usec: number;
  readonly args: readonly string[];
  readonly address: string;
  readonly name: string;
}

/** Counters for INFO stats; CONFIG RESETSTAT clears them. */
export interface ServerFigures {
  connections: number;
  commands: number;
  inputBytes: number;
  outputBytes: number;
  rejected: number;
  errors: number;
  reads: number;
  writes: number;
}

/** CONFIG: texts by lower case name. */
export interface Settings {
  readonly names: readonly string[];
  get(name: string): string | null;
  /** @returns null, or why not. */
  set(name: string, value: string): string | null;
  reset?(): void;
}

export interface PubSub {
  /** Delivers to subscribers. @returns how many there were. */
  publish(channel: string, message: Buffer): number;
  publishShard(channel: string, message: Buffer): number;
  subscribe(peer: Peer, kind: SubscriptionKind, name: string): void;
  unsubscribe(peer: Peer, kind: SubscriptionKind, name: string): void;
  dropAll(peer: Peer): void;
  names(kind: SubscriptionKind): string[];
  count(kind: SubscriptionKind, name: string): number;
  readonly patternCount: number;
}

export type SubscriptionKind = "channels" | "patterns" | "shardChannels";

export interface PauseState {
  /** Monotonic ms; 0: not paused. */
  untilMs: number;
  writesOnly: boolean;
}

/** What belongs to the server and not to one connection. */
export interface ServerContext {
  readonly engine: Engine;
  readonly host: Host;
  readonly table: CommandTable;
  readonly peers: ReadonlyMap<number, Peer>;
  readonly settings: Settings;
  readonly limits: RespLimits;
  readonly outputLimits: OutputLimits;
  readonly figures: ServerFigures;
  readonly errorCounts: Map<string, number>;
  readonly slowLog: SlowEntry[];
  readonly latency: Latency;
  /** Thresholds of `latency` changed: who times commands is told. */
  tuned(): void;
  readonly pubsub: PubSub;
  readonly monitors: Set<Peer>;
  readonly pause: PauseState;
  readonly runId: string;
  readonly startMs: number;
  /** Wall clock, ms, renewed with each piece of work. */
  readonly nowMs: number;
  /** SHA-256 of the password; null: none is needed. */
  passwordDigest: Buffer | null;
  /** True if `password` is the one that is set, in constant time. */
  passwordMatches(password: Uint8Array): boolean;
  /** CONFIG RESETSTAT. */
  resetFigures(): void;
  /** `pause` has a new end. */
  paused(): void;
  /** CLIENT UNPAUSE and the end of a pause. */
  resumeAll(): void;
  /** Commands that were counted in the last second. */
  readonly commandsPerSecond: number;
}
