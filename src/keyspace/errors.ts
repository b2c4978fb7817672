/**
 * An error that is a command's reply. It is part of the protocol, not a fault: nothing is logged.
 * @module
 */

export class CommandError extends Error {
  override readonly name = "CommandError";

  /** @param text - The whole error reply, such as "ERR syntax error". No user data. */
  constructor(text: string) {
    super(text);
  }
}

export const wrongType = (): CommandError =>
  new CommandError("WRONGTYPE Operation against a key holding the wrong kind of value");
