/**
 * BGREWRITEAOF. O(1). A checkpoint: after it the log may be truncated, which is what a rewrite is
 * for.
 * @module
 */
import { command } from "./define.ts";

export const bgrewriteaof = command({
  name: "bgrewriteaof",
  arity: 1,
  flags: ["admin", "noscript", "no_async_loading"],
  since: "1.0.0",
  summary: "Asynchronously rewrite the append-only file",
  run: ({ server, reply }) => {
    if (!server.engine.checkpointing)
      server.engine.checkpoint().catch((error) => server.host.report(error));
    reply.simple("Background append only file rewriting started");
  },
});
