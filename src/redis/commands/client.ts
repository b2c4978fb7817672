/**
 * CLIENT: what connections know about themselves and each other.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { kill } from "./client/kill.ts";
import { info, list } from "./client/list.ts";
import { pause, unpause } from "./client/pause.ts";
import { reply } from "./client/reply.ts";
import { setinfo } from "./client/setinfo.ts";
import { getname, setname } from "./client/setname.ts";
import { noEvict, noTouch } from "./client/switches.ts";
import { caching, getredir, tracking, trackinginfo } from "./client/tracking.ts";
import { adminFlags, command, container, sessionFlags } from "./define.ts";

const id = command({
  name: "id",
  arity: 2,
  flags: sessionFlags,
  group: "connection",
  since: "5.0.0",
  summary: "Returns the client ID for the current connection",
  run: ({ peer, reply: out }) => out.integer(peer.id),
});

const unblock = command({
  name: "unblock",
  arity: -3,
  flags: adminFlags,
  group: "connection",
  since: "5.0.0",
  summary: "Unblock a client blocked in a blocking command from a different connection",
  complexity: "O(log N) where N is the number of client connections",
  run: ({ args, reply: out }) => {
    if (args.count > 2)
      throw new CommandError(
        "ERR unknown subcommand or wrong number of arguments for 'unblock'. Try CLIENT HELP.",
      );
    if (args.count === 2 && !args.is(1, "timeout") && !args.is(1, "error"))
      throw new CommandError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    args.int64(0);
    out.integer(0);
  },
});

export const client = container({
  name: "client",
  arity: -2,
  group: "connection",
  since: "2.4.0",
  summary: "A container for client connection commands",
  complexity: "Depends on subcommand.",
  subcommands: [
    caching,
    getname,
    getredir,
    id,
    info,
    kill,
    list,
    noEvict,
    noTouch,
    pause,
    reply,
    setinfo,
    setname,
    tracking,
    trackinginfo,
    unblock,
    unpause,
  ],
});
