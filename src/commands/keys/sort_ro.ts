/**
 * SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA]
 *
 * Reply: the elements in order. An absent key has none, a string is the wrong type. Complexity:
 * O(1) here. https://redis.io/docs/latest/commands/sort_ro/
 * @module
 */
import { defineCommand } from "../command.ts";
import { sort } from "./sort.ts";
import { parseSort, patternKeys, refuseUnsortable, type SortCall } from "./sorting.ts";

export const sortRo = defineCommand<SortCall>({
  name: "sort_ro",
  code: 0,
  arity: -2,
  flags: ["readonly", "movablekeys"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RO access" }, patternKeys],
  group: "generic",
  since: "7.0.0",
  summary: "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
  complexity: sort.complexity,
  parse: (args) => parseSort(args, true),
  findKeys: () => [0],
  run(context, { key }, reply) {
    refuseUnsortable(context, key);
    reply.array(0);
  },
});
