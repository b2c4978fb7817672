/**
 * BGSAVE [SCHEDULE]. O(1). A status line; the checkpoint goes on in the background.
 * @module
 */
import { syntaxError } from "../../commands/failures.ts";
import { CommandError } from "../../keyspace/errors.ts";
import { command } from "./define.ts";

export const bgsave = command({
  name: "bgsave",
  arity: -1,
  flags: ["admin", "noscript", "no_async_loading"],
  since: "1.0.0",
  summary: "Asynchronously save the dataset to disk",
  run: ({ server, args, reply }) => {
    if (args.count > 1 || (args.count === 1 && !args.is(0, "schedule"))) throw syntaxError();
    if (server.engine.checkpointing)
      throw new CommandError("ERR Background save already in progress");
    server.engine.checkpoint().catch((error) => server.host.report(error));
    reply.simple("Background saving started");
  },
});
