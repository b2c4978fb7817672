/**
 * What a connection needs of what surrounds it: its socket below and the server above.
 * @module
 */
import type { Args } from "../commands/args.ts";
import type { Reply } from "../resp/reply.ts";
import type { Peer, ServerContext, TableEntry, Transaction } from "./context.ts";
import type { Foresight } from "./foresight.ts";

/** The socket of a connection. */
export interface Transport {
  readonly address: string;
  readonly localAddress: string;
  readonly unix: boolean;
  readonly fd: number;
  /** Bytes given to the socket that the client has not taken yet. */
  readonly unsentBytes: number;
  /** Another number than before whenever the client took bytes, or was given some. */
  readonly takenMark: number;
  /** Writes out what `connection.writer` holds; calls `connection.drained()` when it is taken. */
  flush(): void;
  pause(): void;
  resume(): void;
  /** Closes after what was flushed is sent. */
  end(): void;
  destroy(): void;
}

/** Why the parser stands still. */
export const halts = {
  running: 0,
  order: 1,
  engineBusy: 2,
  output: 3,
  promised: 4,
  paused: 5,
  barrier: 6,
  ended: 7,
} as const;
export type Halt = (typeof halts)[keyof typeof halts];

/** A connection as the server wakes it. */
export interface Waiter {
  readonly id: number;
  /** End of the tick: goes on if what was waited for is there. */
  turn(): void;
  /** End of the tick: replies go to the socket. */
  flush(): void;
  /** Goes on if the parser stands still for this reason. */
  resume(from: Halt): void;
}

/** The server as a connection sees it. */
export interface Owner extends ServerContext {
  /** Every command is timed. */
  readonly closely: boolean;
  /** Some command must be shown to MONITOR, or clients are paused. */
  readonly watchful: boolean;
  readonly foresight: Foresight;
  /** Wall clock of the current piece of work. */
  touchClock(): void;
  /** Calls `connection.turn()` at the end of the tick. */
  soon(connection: Waiter): void;
  /** Calls `connection.flush()` at the end of the tick. */
  flushSoon(connection: Waiter): void;
  /** Calls `connection.resume(halts.engineBusy)` when the engine is ready again. */
  awaitEngine(connection: Waiter): void;
  /** Calls `connection.resume(halts.paused)` at the end of CLIENT PAUSE. */
  awaitPause(connection: Waiter): void;
  isPaused(write: boolean): boolean;
  forget(connection: Waiter): void;
  feedMonitors(peer: Peer, entry: TableEntry, args: Args): void;
  /** Puts a command into a transaction. @returns null, or the error text. */
  queue(peer: Peer, transaction: Transaction, entry: TableEntry, args: Args): string | null;
  /** Runs a server command; errors become its reply. */
  run(peer: Peer, entry: TableEntry, args: Args, reply: Reply): Promise<void> | null;
  /** Text of the error reply for something thrown; reports what is a bug. */
  errorText(error: unknown): string;
  countError(entry: TableEntry | null, text: string): void;
  timed(peer: Peer, entry: TableEntry, args: Args, beginMs: number): void;
}
