/**
 * CLIENT SETNAME and GETNAME. O(1).
 * @module
 */
import { CommandError } from "../../../keyspace/errors.ts";
import { bulkLatin1, command, sessionFlags } from "../define.ts";

/** Printable and without spaces, as in Redis. @throws CommandError */
export function checkName(name: string, what = "Client names"): string {
  if (!/^[!-~]*$/.test(name))
    throw new CommandError(`ERR ${what} cannot contain spaces, newlines or special characters.`);
  return name;
}

export const setname = command({
  name: "setname",
  arity: 3,
  flags: sessionFlags,
  group: "connection",
  since: "2.6.9",
  summary: "Set the current connection name",
  run: ({ peer, args, reply }) => {
    peer.session.name = checkName(args.text(0));
    reply.ok();
  },
});

export const getname = command({
  name: "getname",
  arity: 2,
  flags: sessionFlags,
  group: "connection",
  since: "2.6.9",
  summary: "Get the current connection name",
  run: (call) => {
    const { name } = call.peer.session;
    if (name === "") call.reply.nil();
    else bulkLatin1(call, name);
  },
});
