/**
 * MEMORY USAGE key [SAMPLES count], STATS, DOCTOR, PURGE, MALLOC-STATS. USAGE is a read of the
 * data, so that it keeps its place behind writes in flight.
 * @module
 */

import { syntaxError } from "../../commands/failures.ts";
import type { Call } from "../context.ts";
import { command, container, ok } from "./define.ts";
import { type Figure, memoryFigures } from "./info/memory.ts";
import { memoryUsage } from "./memoryusage.ts";

const since = "4.0.0";
const reporting = [
  "nondeterministic_output",
  "request_policy:all_shards",
  "response_policy:special",
];

const usage = command({
  name: "usage",
  keySpecs: [{ flags: "RO" }],
  arity: -3,
  flags: ["readonly"],
  keys: { first: 2, last: 2, step: 1 },
  since,
  summary: "Estimate the memory usage of a key",
  complexity: "O(N) where N is the number of samples.",
  run: ({ server, peer, args, reply }: Call) => {
    for (let i = 1; i < args.count; i += 2) {
      if (!args.is(i, "samples") || i + 1 >= args.count) throw syntaxError();
      if (args.int64(i + 1) < 0n) throw syntaxError();
    }
    server.engine.read(memoryUsage, peer.session.db, args, reply);
  },
});

function writeFigure({ reply }: Call, [name, value]: Figure): void {
  reply.bulkText(name);
  if (Number.isInteger(value)) reply.integer(value);
  else reply.double(value);
}

const stats = command({
  name: "stats",
  tips: reporting,
  arity: 2,
  flags: [],
  since,
  summary: "Show memory usage details",
  run: (call) => {
    const figures = memoryFigures(call.server);
    call.reply.map(figures.length);
    for (const figure of figures) writeFigure(call, figure);
  },
});

const doctor = command({
  name: "doctor",
  tips: reporting,
  arity: 2,
  flags: [],
  since,
  summary: "Outputs memory problems report",
  run: ({ server, reply }) => {
    const { resident } = server.engine.status();
    const percent = Math.round((100 * resident.bytes) / Math.max(resident.limit, 1));
    reply.verbatim(
      "txt",
      `The resident set takes ${percent} % of its bound; no problem is known.\n`,
    );
  },
});

const purge = command({
  name: "purge",
  tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
  arity: 2,
  flags: [],
  since,
  summary: "Ask the allocator to release memory",
  complexity: "Depends on how much memory is allocated, could be slow",
  run: ok,
});

const mallocStats = command({
  name: "malloc-stats",
  arity: 2,
  flags: [],
  tips: reporting,
  since,
  summary: "Show allocator internal stats",
  complexity: "Depends on how much memory is allocated, could be slow",
  run: ({ reply }) => reply.bulkText("Stats not supported for the current allocator"),
});

export const memory = container({
  name: "memory",
  arity: -2,
  since,
  summary: "A container for memory diagnostics commands",
  complexity: "Depends on subcommand.",
  subcommands: [doctor, mallocStats, purge, stats, usage],
});
