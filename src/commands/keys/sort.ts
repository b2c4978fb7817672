/**
 * SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA]
 *   [STORE destination]
 *
 * Reply: the elements in order, or with STORE their number; a result without elements deletes the
 * destination. An absent key has no elements, a string is the wrong type. Complexity: O(1) here.
 * https://redis.io/docs/latest/commands/sort/
 * @module
 */
import { defineCommand } from "../command.ts";
import { counted } from "../counted.ts";
import {
  parseSort,
  patternKeys,
  refuseUnsortable,
  type SortCall,
  sortKeys,
  storeKey,
} from "./sorting.ts";

export const sort = defineCommand<SortCall>({
  name: "sort",
  code: 0x010d,
  arity: -2,
  flags: ["write", "denyoom", "movablekeys"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RO access" }, patternKeys, storeKey],
  group: "generic",
  since: "1.0.0",
  summary: "Sort the elements in a list, set or sorted set",
  complexity:
    "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the " +
    "number of returned elements. When the elements are not sorted, complexity is O(N).",
  parse: (args) => parseSort(args, false),
  findKeys: sortKeys,
  needs({ db }, { key, store }, needs) {
    needs.read(db, key);
    if (store !== null) needs.deletes(db, store);
  },
  run(context, { key, store }, reply) {
    counted(context.keyspace, () => refuseUnsortable(context, key));
    if (store === null) return reply.array(0);
    context.db.delete(store);
    reply.integer(0);
  },
});
