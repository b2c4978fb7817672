/**
 * ECHO message. O(1). The message.
 * @module
 */
import { command } from "./define.ts";

export const echo = command({
  name: "echo",
  arity: 2,
  flags: ["loading", "stale", "fast"],
  group: "connection",
  since: "1.0.0",
  summary: "Echo the given string",
  when: "at-once",
  run: ({ args, reply }) => reply.bulk(args.bytes(0)),
});
