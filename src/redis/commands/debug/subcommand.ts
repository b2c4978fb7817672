/**
 * The shape of a subcommand of DEBUG. Redis's table of commands knows DEBUG as one command, so
 * these are no entries of it: what they are given is looked at when DEBUG runs.
 * @module
 */
import type { Call } from "../../context.ts";

export interface DebugSubcommand {
  /** Lower case. */
  readonly name: string;
  /** Behind the name, as HELP shows it: "<key> [<key> ...]". */
  readonly usage: string;
  readonly summary: string;
  /** How many arguments it takes behind its name. */
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  /** Its reply comes later than at once, so it has no place inside a transaction. */
  readonly later?: true;
  /** `args` begin behind the name. */
  run(call: Call): void | Promise<void>;
}
