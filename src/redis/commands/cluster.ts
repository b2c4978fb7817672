/**
 * CLUSTER … and ASKING. A standalone server refuses them, as Redis does: it is not a Redis Cluster.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { ServerCommand } from "../context.ts";
import { command, container } from "./define.ts";

function refuse(): void {
  throw new CommandError("ERR This instance has cluster support disabled");
}

const read = ["stale"];
const admin = ["admin", "stale"];
const change = ["admin", "stale", "no_async_loading"];

const subcommands: [name: string, arity: number, flags: string[], since?: string][] = [
  ["addslots", -3, change],
  ["addslotsrange", -4, change, "7.0.0"],
  ["bumpepoch", 2, change],
  ["count-failure-reports", 3, admin],
  ["countkeysinslot", 3, read],
  ["delslots", -3, change],
  ["delslotsrange", -4, change, "7.0.0"],
  ["failover", -2, change],
  ["flushslots", 2, change],
  ["forget", 3, change],
  ["getkeysinslot", 4, read],
  ["info", 2, read],
  ["keyslot", 3, read],
  ["links", 2, read, "7.0.0"],
  ["meet", -4, change],
  ["myid", 2, read],
  ["nodes", 2, read],
  ["replicas", 3, admin, "5.0.0"],
  ["replicate", 3, change],
  ["reset", -2, ["admin", "noscript", "stale"]],
  ["saveconfig", 2, change],
  ["set-config-epoch", 3, change],
  ["setslot", -4, change],
  ["shards", 2, read, "7.0.0"],
  ["slaves", 3, admin],
  ["slots", 2, read],
];
/** What they tell changes from node to node and from time to time. */
const nondeterministic = new Set([
  "bumpepoch",
  "count-failure-reports",
  "getkeysinslot",
  "info",
  "links",
  "nodes",
  "replicas",
  "shards",
  "slaves",
  "slots",
]);

const refusing = { group: "cluster", summary: "Refused: cluster support is disabled", run: refuse };

const whole = container({
  name: "cluster",
  arity: -2,
  group: "cluster",
  since: "3.0.0",
  summary: "A container for cluster commands",
  complexity: "Depends on subcommand.",
  subcommands: subcommands.map(
    ([name, arity, flags, since = "3.0.0"]): ServerCommand =>
      command({
        ...refusing,
        name,
        arity,
        flags,
        since,
        ...(nondeterministic.has(name) ? { tips: ["nondeterministic_output"] } : {}),
      }),
  ),
});

/** HELP is refused too. */
export const cluster: ServerCommand = {
  ...whole,
  subcommands: whole.subcommands?.map((sub) => ({ ...sub, run: refuse })) ?? [],
};

export const asking = command({
  name: "asking",
  arity: 1,
  flags: ["fast"],
  group: "cluster",
  since: "3.0.0",
  summary: "Sent by cluster clients after an -ASK redirect",
  run: refuse,
});
