/**
 * The one way to perform a data command: arity, `parse`, `run`, and a CommandError as the reply.
 * A command throws before it wrote or changed anything, so the error is the whole reply.
 * @module
 */
import { CommandError } from "../keyspace/errors.ts";
import type { Reply } from "../resp/reply.ts";
import type { Args } from "./args.ts";
import type { CommandSpec, Context } from "./command.ts";
import { arityFits, wrongArity } from "./failures.ts";

/** Writes exactly one reply. Errors that are not CommandErrors are thrown on. */
export function perform(spec: CommandSpec, context: Context, args: Args, reply: Reply): void {
  try {
    if (!arityFits(spec.arity, args.count)) throw wrongArity(spec.name);
    context.keyspace.counting = spec.code === 0;
    spec.run(context, spec.parse(args), reply);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    reply.error(error.message);
  }
}
