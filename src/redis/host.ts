/**
 * What the Redis layer needs of the world: clocks, chance, digests, timers and figures about the
 * process. `server` implements it on Node, tests in memory.
 * @module
 */
import type { Clock, Random } from "../base/ports.ts";

export interface ProcessFigures {
  readonly pid: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Seconds of CPU since the start. */
  readonly cpuUser: number;
  readonly cpuSystem: number;
  readonly totalMemoryBytes: number;
  /** "Linux 6.1 x86_64" */
  readonly system: string;
  readonly executable: string;
}

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  sha256(data: Uint8Array): Buffer;
  /** For digests of data that are compared with Redis's, never for secrets. */
  sha1(data: Uint8Array): Buffer;
  /** Runs `job` once after the current callback of the event loop, before other I/O. */
  tick(job: () => void): void;
  /** Runs `job` once after `ms`. @returns a function that calls it off. */
  later(ms: number, job: () => void): () => void;
  figures(): ProcessFigures;
  /** DEBUG SLEEP: blocks the whole process. */
  block(ms: number): void;
  /** A bug showed itself while a command ran. Holds no user data. */
  report(error: unknown): void;
}
