/**
 * SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]. Stops the process in good order; no reply. The
 * data is durable either way, so SAVE and NOSAVE do the same.
 * @module
 */
import { syntaxError } from "../../commands/failures.ts";
import { CommandError } from "../../keyspace/errors.ts";
import { adminFlags, command } from "./define.ts";

const words = ["nosave", "save", "now", "force"];

export const shutdown = command({
  name: "shutdown",
  arity: -1,
  flags: [...adminFlags, "no_multi", "allow_busy"],
  since: "1.0.0",
  summary: "Synchronously save the dataset to disk and then shut down the server",
  run: ({ server, args }) => {
    if (args.count === 1 && args.is(0, "abort"))
      throw new CommandError("ERR No shutdown in progress.");
    for (let i = 0; i < args.count; i++)
      if (!words.some((word) => args.is(i, word))) throw syntaxError();
    return server.engine.shutdown();
  },
});
