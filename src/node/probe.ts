/**
 * How long commands take to run and what else clients wait for: the engine has the moments, the
 * server has SLOWLOG and LATENCY. Reading the clock twice for each command would cost a pipelined
 * SET several percent, so usually only those are timed that may take long; `closely` times all.
 * Waiting for the disk is no part of a command's time, as in Redis.
 * @module
 */
import type { CommandSpec } from "../commands/command.ts";
import { set } from "../commands/strings/set.ts";
import { commands } from "../commands/table.ts";
import type { LatencyProbe, LatencySink } from "./port.ts";

/** Arguments of this size make any command slow. */
const largeBytes = 64 * 1024;

/** O(1) by nature, so not timed unless all are: SET too, which Redis does not flag so. */
const quick = new Set<CommandSpec>([
  set as CommandSpec,
  ...commands.filter(({ flags }) => flags.includes("fast")),
]);
const slowCodes = new Set(
  commands.filter((spec) => spec.code !== 0 && !quick.has(spec)).map(({ code }) => code),
);

export class Probe implements LatencyProbe {
  sink: LatencySink | null = null;
  closely = false;
  monitoring = false;

  /** True if this write is to be timed. */
  times(code: number, bytes: number): boolean {
    if (this.closely || bytes >= largeBytes) return true;
    return code !== set.code && slowCodes.has(code);
  }

  /** True if this command of a transaction is to be timed. */
  timesSpec(spec: CommandSpec): boolean {
    return this.sink !== null && (this.closely || !quick.has(spec));
  }
}
