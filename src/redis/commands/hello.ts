/**
 * HELLO [protover [AUTH user password] [SETNAME name]]. O(1). A map about the server; from then on
 * replies are RESP2 or RESP3.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Call } from "../context.ts";
import { redisVersion } from "../version.ts";
import { authenticate } from "./auth.ts";
import { checkName } from "./client/setname.ts";
import { command, entryFlags } from "./define.ts";

const notAuthenticated =
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
  "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP " +
  "protocol version at the same time";

function protocolOf({ args, peer }: Call): 2 | 3 {
  if (args.count === 0) return peer.protocol;
  const asked = args.int64(0, "ERR Protocol version is not an integer or out of range");
  if (asked < 2n || asked > 3n) throw new CommandError("NOPROTO unsupported protocol version");
  return asked === 2n ? 2 : 3;
}

interface Options {
  readonly user: string;
  readonly password: Buffer | null;
  readonly name: string | null;
}

function optionsOf({ args }: Call): Options {
  let found: Options = { user: "", password: null, name: null };
  for (let i = 1; i < args.count; i++) {
    const left = args.count - i - 1;
    if (args.is(i, "auth") && left >= 2) {
      found = { ...found, user: args.text(i + 1), password: args.bytes(i + 2) };
      i += 2;
    } else if (args.is(i, "setname") && left >= 1) {
      found = { ...found, name: checkName(args.text(i + 1)) };
      i++;
    } else throw new CommandError(`ERR Syntax error in HELLO option '${args.text(i)}'`);
  }
  return found;
}

function about({ reply, peer }: Call): void {
  reply.map(7);
  reply.bulkText("server");
  reply.bulkText("redis");
  reply.bulkText("version");
  reply.bulkText(redisVersion);
  reply.bulkText("proto");
  reply.integer(peer.protocol);
  reply.bulkText("id");
  reply.integer(peer.id);
  reply.bulkText("mode");
  reply.bulkText("standalone");
  reply.bulkText("role");
  reply.bulkText("master");
  reply.bulkText("modules");
  reply.array(0);
}

export const hello = command({
  name: "hello",
  arity: -1,
  flags: entryFlags,
  group: "connection",
  since: "6.0.0",
  summary: "Handshake with Redis",
  run: (call: Call) => {
    const { server, peer } = call;
    const protocol = protocolOf(call);
    const { user, password, name } = optionsOf(call);
    if (password !== null) authenticate(server, peer, user, password);
    if (!peer.session.authenticated) throw new CommandError(notAuthenticated);
    if (name !== null) peer.session.name = name;
    peer.protocol = protocol;
    about(call);
  },
});
