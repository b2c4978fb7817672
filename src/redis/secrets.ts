/**
 * Which arguments of a command are secrets: SLOWLOG and MONITOR show "(redacted)" in their place,
 * as Redis does. Hazard it guards: a password that somebody sends in a command that is refused, or
 * with a mistake in it, is a password still; so the words are looked at, not the grammar.
 * @module
 */
import type { Args } from "../commands/args.ts";

export const redacted = "(redacted)";

/** Parameters that hold secrets (config.c of Redis 7.0, SENSITIVE_CONFIG), known here or not. */
const secretParameters = [
  "requirepass",
  "masterauth",
  "masteruser",
  "tls-key-file-pass",
  "tls-client-key-file-pass",
];

/** HELLO has the user and the password behind the word AUTH. */
function followsAuth(args: Args, i: number): boolean {
  return (i > 0 && args.is(i - 1, "auth")) || (i > 1 && args.is(i - 2, "auth"));
}

function followsParameter(args: Args, i: number): boolean {
  return i > 0 && secretParameters.some((name) => args.is(i - 1, name));
}

/**
 * True if argument i of the command is not to be shown.
 * @param name - The full name, "config|set"; `args` begin after it.
 */
export function isSecret(name: string, args: Args, i: number): boolean {
  if (name === "auth" || name === "acl|setuser") return true;
  if (name === "hello") return followsAuth(args, i);
  return name === "config|set" && followsParameter(args, i);
}
