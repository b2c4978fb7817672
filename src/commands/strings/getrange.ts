/**
 * GETRANGE key start end
 *
 * Reply: the bytes from start to end, both included; empty if there are none.
 * Complexity: O(length of the reply). https://redis.io/docs/latest/commands/getrange/
 * @module
 */
import { defineCommand } from "../command.ts";
import { parseRange, type Range, runRange } from "./range.ts";

export const getrange = defineCommand<Range>({
  name: "getrange",
  code: 0,
  arity: 4,
  flags: ["readonly"],
  keys: { first: 1, last: 1, step: 1 },
  group: "string",
  since: "2.4.0",
  summary: "Get a substring of the string stored at a key",
  complexity:
    "O(N) where N is the length of the returned string. The complexity is ultimately " +
    "determined by the returned length, but because creating a substring from an " +
    "existing string is very cheap, it can be considered O(1) for small strings.",
  parse: parseRange,
  run: runRange,
});
