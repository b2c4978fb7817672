/**
 * SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]. Stops the process in good order; no reply. The
 * data is durable either way, so SAVE and NOSAVE do the same, and nothing is waited for that NOW or
 * FORCE could leave out. ABORT stands alone and finds nothing to stop: a shutdown goes its way.
 * @module
 */
import { syntaxError } from "../../commands/failures.ts";
import { CommandError } from "../../keyspace/errors.ts";
import { adminFlags, command } from "./define.ts";

const words = ["nosave", "save", "now", "force", "abort"] as const;

export const shutdown = command({
  name: "shutdown",
  arity: -1,
  flags: [...adminFlags, "no_multi", "allow_busy"],
  since: "1.0.0",
  summary: "Synchronously save the dataset to disk and then shut down the server",
  run: ({ server, args }) => {
    const given = new Set<string>();
    for (let i = 0; i < args.count; i++) {
      const word = words.find((each) => args.is(i, each));
      if (word === undefined) throw syntaxError();
      given.add(word);
    }
    if (given.has("nosave") && given.has("save")) throw syntaxError();
    if (given.has("abort") && given.size > 1) throw syntaxError();
    if (given.has("abort")) throw new CommandError("ERR No shutdown in progress.");
    return server.engine.shutdown();
  },
});
