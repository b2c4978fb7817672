/**
 * AUTH [username] password. O(1). +OK or WRONGPASS. Only the user "default" exists. The password
 * is compared by its digest, in constant time, and stands nowhere else.
 * @module
 */
import { syntaxError } from "../../commands/failures.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Call, Peer, ServerContext } from "../context.ts";
import { command, entryFlags } from "./define.ts";

const noPassword =
  "ERR AUTH <password> called without any password configured for the default user. " +
  "Are you sure your configuration is correct?";
const wrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

/** @throws CommandError WRONGPASS. */
export function authenticate(
  server: ServerContext,
  peer: Peer,
  user: string,
  password: Buffer,
): void {
  const fits = server.passwordMatches(password);
  if (user !== "default" || !fits) throw new CommandError(wrongPassword);
  peer.session.authenticated = true;
  peer.refresh();
}

export const auth = command({
  name: "auth",
  arity: -2,
  flags: entryFlags,
  group: "connection",
  since: "1.0.0",
  summary: "Authenticate to the server",
  run: ({ server, peer, args, reply }: Call) => {
    if (args.count > 2) throw syntaxError();
    if (args.count === 1 && server.passwordDigest === null) throw new CommandError(noPassword);
    const user = args.count === 1 ? "default" : args.text(0);
    authenticate(server, peer, user, args.bytes(args.count - 1));
    reply.ok();
  },
});
