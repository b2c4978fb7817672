/**
 * CLIENT KILL address, or filters ID, TYPE, ADDR, LADDR, USER, SKIPME. O(N) connections. The old
 * form answers +OK or an error, the new one the number of connections closed.
 * @module
 */
import { syntaxError } from "../../../commands/failures.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import type { Call, Peer } from "../../context.ts";
import { adminFlags, command } from "../define.ts";
import { typeOf } from "./describe.ts";
import { clientType } from "./list.ts";

type Filter = (peer: Peer) => boolean;

/** `skip` is set false by SKIPME no. */
function filterOf({ args, peer }: Call, i: number): Filter {
  const value = args.text(i + 1);
  if (args.is(i, "id")) {
    const id = args.int64(i + 1, "ERR client-id should be greater than 0");
    if (id < 1n) throw new CommandError("ERR client-id should be greater than 0");
    return (other) => BigInt(other.id) === id;
  }
  if (args.is(i, "type")) {
    const type = clientType(value);
    return (other) => typeOf(other) === type;
  }
  if (args.is(i, "addr")) return (other) => other.address === value;
  if (args.is(i, "laddr")) return (other) => other.localAddress === value;
  if (args.is(i, "user")) {
    if (value !== "default") throw new CommandError(`ERR No such user '${value}'`);
    return () => true;
  }
  if (!args.is(i, "skipme")) throw syntaxError();
  if (args.is(i + 1, "no")) return () => true;
  if (args.is(i + 1, "yes")) return (other) => other !== peer;
  throw syntaxError();
}

function end(call: Call, victims: readonly Peer[]): void {
  for (const victim of victims) {
    if (victim === call.peer) victim.closeAfterReplies();
    else victim.kill();
  }
}

function killAddress(call: Call): void {
  const address = call.args.text(0);
  const victim = [...call.server.peers.values()].find((peer) => peer.address === address);
  if (victim === undefined) throw new CommandError("ERR No such client");
  call.reply.ok();
  end(call, [victim]);
}

export const kill = command({
  name: "kill",
  arity: -3,
  flags: adminFlags,
  group: "connection",
  since: "2.4.0",
  summary: "Kill the connection of a client",
  complexity: "O(N) where N is the number of client connections",
  run: (call) => {
    const { args, peer, reply, server } = call;
    if (args.count === 1) {
      killAddress(call);
      return;
    }
    if (args.count % 2 !== 0) throw syntaxError();
    const filters: Filter[] = [];
    let skipMe = true;
    for (let i = 0; i < args.count; i += 2) {
      filters.push(filterOf(call, i));
      if (args.is(i, "skipme")) skipMe = args.is(i + 1, "yes");
    }
    const victims = [...server.peers.values()].filter(
      (other) => !(skipMe && other === peer) && filters.every((fits) => fits(other)),
    );
    reply.integer(victims.length);
    end(call, victims);
  },
});
