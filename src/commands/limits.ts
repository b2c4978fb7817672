/**
 * Bounds on what a command may build. Redis: proto-max-bulk-len, 512 MiB by default. It is a
 * constant of the state machine: replicas that differed in it would differ in their data.
 * @module
 */
import { CommandError } from "../keyspace/errors.ts";

export const stringBytesMax = 512 * 1024 * 1024;

/** @throws CommandError if a string of `offset + added` bytes would be too long. */
export function checkStringLength(offset: number, added: number): void {
  if (offset + added > stringBytesMax)
    throw new CommandError("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
}
