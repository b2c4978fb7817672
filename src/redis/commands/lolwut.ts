/**
 * LOLWUT [VERSION version]. O(1). The version, and nothing else to look at.
 * @module
 */
import { redisVersion } from "../version.ts";
import { command } from "./define.ts";

export const lolwut = command({
  name: "lolwut",
  arity: -1,
  flags: ["readonly", "fast"],
  since: "5.0.0",
  summary: "Display some computer art and the Redis version",
  run: ({ reply }) => reply.verbatim("txt", `Redis ver. ${redisVersion}\n`),
});
