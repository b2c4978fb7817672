/**
 * What the commands need of the world, so that tests can run them without a process of their own.
 * @module
 */
import type { Clock, Disk, Random } from "../base/ports.ts";

export interface Context {
  readonly disk: Disk;
  readonly random: Random;
  readonly clock: Clock;
  /** Writes a line to standard output. */
  out(line: string): void;
  /** Writes a line to standard error. */
  err(line: string): void;
  /** Writes as it is to standard error; only where that is a terminal. */
  readonly redraw?: (text: string) => void;
  readonly environment: Record<string, string | undefined>;
  /** Home directory of the user, for the default key file; empty: there is none. */
  readonly home: string;
}
