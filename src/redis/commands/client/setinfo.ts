/**
 * CLIENT SETINFO LIB-NAME name | LIB-VER version. O(1). Not in Redis 7.0, but today's clients send
 * it when they connect.
 * @module
 */
import { CommandError } from "../../../keyspace/errors.ts";
import { command, sessionFlags } from "../define.ts";
import { checkName } from "./setname.ts";

export const setinfo = command({
  name: "setinfo",
  arity: 4,
  flags: sessionFlags,
  group: "connection",
  since: "7.2.0",
  summary: "Set client or connection specific info",
  run: ({ peer, args, reply }) => {
    const value = args.text(1);
    if (args.is(0, "lib-name")) peer.session.libName = checkName(value, "lib-name");
    else if (args.is(0, "lib-ver")) peer.session.libVersion = checkName(value, "lib-ver");
    else throw new CommandError(`ERR Unrecognized option '${args.text(0)}'`);
    reply.ok();
  },
});
