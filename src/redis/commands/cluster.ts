/**
 * CLUSTER … and ASKING. A standalone server refuses them, as Redis does: it is not a Redis Cluster.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { ServerCommand } from "../context.ts";
import { always, command, container } from "./define.ts";

function refuse(): void {
  throw new CommandError("ERR This instance has cluster support disabled");
}

const names = ["info", "nodes", "slots", "shards", "myid", "keyslot", "countkeysinslot", "links"];

function subcommand(name: string): ServerCommand {
  const arity = name === "keyslot" || name === "countkeysinslot" ? 3 : 2;
  const summary = "Refused: cluster support is disabled";
  return command({
    name,
    arity,
    flags: always,
    group: "cluster",
    since: "3.0.0",
    summary,
    run: refuse,
  });
}

export const cluster = container({
  name: "cluster",
  arity: -2,
  group: "cluster",
  since: "3.0.0",
  summary: "A container for cluster commands",
  subcommands: names.map(subcommand),
});

export const asking = command({
  name: "asking",
  arity: 1,
  flags: ["fast"],
  group: "cluster",
  since: "3.0.0",
  summary: "Sent by cluster clients after an -ASK redirect",
  run: refuse,
});
