/**
 * Numbers of databases as arguments.
 * @module
 */
import { databaseCount } from "../../keyspace/databases.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Args } from "../args.ts";
import { databaseRange } from "../failures.ts";

const int32Max = 2 ** 31 - 1;
const notInt32 = `ERR value is out of range, value must between ${-int32Max - 1} and ${int32Max}`;

/** @throws CommandError if it is no 32-bit integer, or there is no such database. */
export function databaseAt(args: Args, i: number): number {
  const number = args.long(i);
  if (number < -int32Max - 1 || number > int32Max) throw new CommandError(notInt32);
  if (number < 0 || number >= databaseCount) throw databaseRange();
  return number;
}
