/**
 * The error replies that several commands share, word for word as Redis 7.0 gives them: clients
 * and their test suites compare them.
 * @module
 */
import { CommandError } from "../keyspace/errors.ts";

export const integerText = "ERR value is not an integer or out of range";
export const floatText = "ERR value is not a valid float";

export const syntaxError = (): CommandError => new CommandError("ERR syntax error");
export const notAnInteger = (): CommandError => new CommandError(integerText);
export const notAFloat = (): CommandError => new CommandError(floatText);
export const noSuchKey = (): CommandError => new CommandError("ERR no such key");
export const sameObject = (): CommandError =>
  new CommandError("ERR source and destination objects are the same");
export const badExpire = (command: string): CommandError =>
  new CommandError(`ERR invalid expire time in '${command}' command`);
export const databaseRange = (): CommandError => new CommandError("ERR DB index is out of range");

/** @param count - Arguments without the name of the command, or of the container. */
export function arityFits(arity: number, count: number): boolean {
  return arity >= 0 ? count + 1 === arity : count + 1 >= -arity;
}

/** @param command - Its full name in lower case, "object|encoding" for a subcommand. */
export const arityText = (command: string): string =>
  `ERR wrong number of arguments for '${command}' command`;
export const wrongArity = (command: string): CommandError => new CommandError(arityText(command));
