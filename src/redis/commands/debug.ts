/**
 * DEBUG: what test suites of clients use. Allowed by `enable-debug-command` only, which is "local"
 * unless set otherwise.
 * @module
 */
import { syntaxError } from "../../commands/failures.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Call, ServerCommand } from "../context.ts";
import { adminFlags, command, container, ok } from "./define.ts";

type Run = NonNullable<ServerCommand["run"]>;
const secondsMax = 3600;

function sub(name: string, arity: number, summary: string, run: Run): ServerCommand {
  return command({ name, arity, flags: adminFlags, since: "1.0.0", summary, run });
}

function sleep({ server, args, reply }: Call): void {
  const seconds = args.float(0);
  if (!(seconds >= 0 && seconds <= secondsMax)) throw syntaxError();
  server.host.block(seconds * 1000);
  reply.ok();
}

async function reload({ server, reply }: Call): Promise<void> {
  await server.engine.evictAll();
  reply.ok();
}

function activeExpire({ server, args, reply }: Call): void {
  if (!args.is(0, "0") && !args.is(0, "1")) throw syntaxError();
  server.engine.setActiveExpiry(args.is(0, "1"));
  reply.ok();
}

/** DEBUG PROTOCOL: one reply of each type. */
function protocol({ args, reply }: Call): void {
  if (args.is(0, "string")) reply.bulkText("Hello World");
  else if (args.is(0, "integer")) reply.integer(12345);
  else if (args.is(0, "double")) reply.double(3141 / 1000);
  else if (args.is(0, "null")) reply.nil();
  else if (args.is(0, "bignum")) reply.bigNumber("1234567999999999999999999999999999999");
  else if (args.is(0, "true")) reply.bool(true);
  else if (args.is(0, "false")) reply.bool(false);
  else if (args.is(0, "verbatim")) reply.verbatim("txt", "This is a verbatim\nstring");
  else if (args.is(0, "array") || args.is(0, "set") || args.is(0, "map"))
    collection(args.text(0), reply);
  else
    throw new CommandError(
      "ERR Wrong protocol type name. Please use one of the following: " +
        "string|integer|double|null|array|set|map|attrib|push|verbatim|true|false",
    );
}

function collection(word: string, reply: Call["reply"]): void {
  const kind = word.toLowerCase();
  if (kind === "array") reply.array(3);
  else if (kind === "set") reply.set(3);
  else reply.map(3);
  for (let i = 0; i < 3; i++) {
    reply.integer(i);
    if (kind === "map") reply.bool(i === 1);
  }
}

export const debug = container({
  name: "debug",
  arity: -2,
  since: "1.0.0",
  summary: "A container for debugging commands",
  subcommands: [
    sub("sleep", 3, "Stop the server for so many seconds", sleep),
    sub("reload", -2, "Save, then drop what is resident so that it is read again", reload),
    sub("loadaof", 2, "Save, then drop what is resident so that it is read again", reload),
    sub("dropcache", 2, "Save, then drop what is resident so that it is read again", reload),
    sub("set-active-expire", 3, "Switch active expiry off (0) or on (1)", activeExpire),
    sub("protocol", 3, "Reply with a test value of a type", protocol),
    sub("jmap", 2, "Accepted and without effect", ok),
    sub("change-repl-id", 2, "Accepted and without effect", ok),
    sub("quicklist-packed-threshold", 3, "Accepted and without effect", ok),
    sub("replicate", -3, "Accepted and without effect", ok),
    sub("error", 3, "Reply with this error", ({ args, reply }) => reply.error(args.text(0))),
  ],
});
