/**
 * LATENCY DOCTOR, GRAPH event, HISTOGRAM [command ...], HISTORY event, LATEST, RESET [event ...].
 * What reached `latency-monitor-threshold`, and with `latency-tracking` how times are spread.
 * https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Call, ServerCommand, ServerContext, TableEntry } from "../context.ts";
import { bucketUsec, type Series } from "../latency.ts";
import { sparkline } from "../sparkline.ts";
import { adminFlags, command, container } from "./define.ts";
import { diagnosis } from "./latency/doctor.ts";

const columns = 80;
/** Tips of what reports. */
const reporting = [
  "nondeterministic_output",
  "request_policy:all_nodes",
  "response_policy:special",
];

function sub(
  name: string,
  arity: number,
  summary: string,
  run: NonNullable<ServerCommand["run"]>,
  more: Partial<ServerCommand> = {},
): ServerCommand {
  const since = "2.8.13";
  return command({ name, arity, flags: adminFlags, since, summary, run, tips: reporting, ...more });
}

function ago(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

function graph({ server, args, reply }: Call): void {
  const event = args.text(0);
  const series = server.latency.series.get(event);
  if (series === undefined) throw new CommandError(`ERR No samples available for event '${event}'`);
  const { samples, maxMs } = series;
  const now = Math.floor(server.nowMs / 1000);
  const points = samples.map(({ ms, unixSeconds }) => ({
    value: ms,
    label: ago(Math.max(0, now - unixSeconds)),
  }));
  const all = samples.map(({ ms }) => ms);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const head = `${event} - high ${high} ms, low ${low} ms (all time high ${maxMs} ms)\n`;
  reply.verbatim("txt", `${head}${"-".repeat(columns)}\n${sparkline(points)}`);
}

function history({ server, args, reply }: Call): void {
  const samples = server.latency.series.get(args.text(0))?.samples ?? [];
  reply.array(samples.length);
  for (const { unixSeconds, ms } of samples) {
    reply.array(2);
    reply.integer(unixSeconds);
    reply.integer(ms);
  }
}

function latest({ server, reply }: Call): void {
  const all = [...server.latency.series] as [string, Series][];
  reply.array(all.length);
  for (const [event, { samples, maxMs }] of all) {
    const last = samples.at(-1);
    reply.array(4);
    reply.bulkText(event);
    reply.integer(last?.unixSeconds ?? 0);
    reply.integer(last?.ms ?? 0);
    reply.integer(maxMs);
  }
}

/** The commands that are asked for; a container stands for its subcommands too. */
function wanted({ table }: ServerContext, names: readonly string[]): TableEntry[] {
  const withSubs = (entry: TableEntry): TableEntry[] => [
    entry,
    ...(entry.subcommands?.values() ?? []),
  ];
  if (names.length === 0) return table.entries.flatMap(withSubs);
  return names.flatMap((name) => {
    const entry = table.byName(name);
    return entry === null ? [] : withSubs(entry);
  });
}

function histogram({ server, args, reply }: Call): void {
  const names = Array.from({ length: args.count }, (_, i) => args.text(i));
  const found = wanted(server, names).flatMap((entry) => {
    const counts = server.latency.histogramOf(entry);
    return counts === null ? [] : [{ entry, counts }];
  });
  reply.map(found.length);
  for (const { entry, counts } of found) {
    let total = 0;
    const rows = counts.flatMap((count, at) => {
      total += count;
      return count === 0 ? [] : [[bucketUsec[at] as number, total] as const];
    });
    reply.bulkText(entry.name);
    reply.map(2);
    reply.bulkText("calls");
    reply.integer(total);
    reply.bulkText("histogram_usec");
    reply.map(rows.length);
    for (const [usec, cumulative] of rows) {
      reply.integer(usec);
      reply.integer(cumulative);
    }
  }
}

function reset({ server, args, reply }: Call): void {
  reply.integer(server.latency.reset(Array.from({ length: args.count }, (_, i) => args.text(i))));
}

export const latency = container({
  name: "latency",
  arity: -2,
  since: "2.8.13",
  summary: "A container for latency diagnostics commands",
  complexity: "Depends on subcommand.",
  subcommands: [
    sub("doctor", 2, "Return a human readable latency analysis report.", ({ server, reply }) =>
      reply.verbatim("txt", diagnosis(server.latency, server.nowMs)),
    ),
    sub("graph", 3, "Return a latency graph for the event.", graph),
    sub(
      "histogram",
      -2,
      "Return the cumulative distribution of latencies of a subset of commands or all.",
      histogram,
      {
        since: "7.0.0",
        complexity:
          "O(N) where N is the number of commands with latency information being retrieved.",
      },
    ),
    sub("history", 3, "Return timestamp-latency samples for the event.", history),
    sub("latest", 2, "Return the latest latency samples for all events.", latest),
    sub("reset", -2, "Reset latency data for one or more events.", reset, {
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
    }),
  ],
});
