/**
 * DEBUG PROTOCOL type. O(1). A reply of that type, the same as Redis's.
 * @module
 */
import { CommandError } from "../../../keyspace/errors.ts";
import type { Reply } from "../../../resp/reply.ts";
import type { DebugSubcommand } from "./subcommand.ts";

function collection(open: (reply: Reply) => void, pairs = false): (reply: Reply) => void {
  return (reply) => {
    open(reply);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      if (pairs) reply.bool(i === 1);
    }
  };
}

function attribute(reply: Reply): void {
  if (reply.resp3) {
    reply.attribute(1);
    reply.bulkText("key-popularity");
    reply.array(2);
    reply.bulkText("key:123");
    reply.integer(90);
  }
  reply.bulkText("Some real reply following the attribute");
}

function push(reply: Reply): void {
  if (!reply.resp3) throw new CommandError("ERR RESP2 is not supported by this command");
  reply.aloud((loud) => {
    loud.push(2);
    loud.bulkText("server-cpu-usage");
    loud.integer(42);
  });
  reply.bulkText("Some real reply following the push reply");
}

/** In the order in which Redis names them. */
const types: Record<string, (reply: Reply) => void> = {
  string: (reply) => reply.bulkText("Hello World"),
  integer: (reply) => reply.integer(12345),
  double: (reply) => reply.double(3141 / 1000),
  bignum: (reply) => reply.bigNumber("1234567999999999999999999999999999999"),
  null: (reply) => reply.nil(),
  array: collection((reply) => reply.array(3)),
  set: collection((reply) => reply.set(3)),
  map: collection((reply) => reply.map(3), true),
  attrib: attribute,
  push,
  verbatim: (reply) => reply.verbatim("txt", "This is a verbatim\nstring"),
  true: (reply) => reply.bool(true),
  false: (reply) => reply.bool(false),
};
const names = Object.keys(types);

export const protocol: DebugSubcommand = {
  name: "protocol",
  usage: "<type>",
  summary: `Reply with a test value of a type: ${names.join(", ")}`,
  argumentsMin: 1,
  argumentsMax: 1,
  run: ({ args, reply }) => {
    const name = names.find((each) => args.is(0, each));
    if (name === undefined)
      throw new CommandError(
        `ERR Wrong protocol type name. Please use one of the following: ${names.join("|")}`,
      );
    types[name]?.(reply);
  },
};
