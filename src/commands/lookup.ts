/**
 * Finds a command by the bytes of its name without making a string: an open-addressed table over
 * length and a few letters. Names compare without regard to case, ASCII only.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { CommandSpec } from "./command.ts";

const lower = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
);

/** Slots a command; sparse, so that most lookups end at the first. */
const slotsPerCommand = 8;

export class CommandLookup {
  private readonly specs: (CommandSpec | undefined)[];
  private readonly names: (Buffer | undefined)[];
  private readonly mask: number;

  constructor(commands: readonly CommandSpec[]) {
    let size = 64;
    while (size < commands.length * slotsPerCommand) size *= 2;
    this.mask = size - 1;
    this.specs = new Array<CommandSpec | undefined>(size).fill(undefined);
    this.names = new Array<Buffer | undefined>(size).fill(undefined);
    for (const spec of commands) this.insert(spec);
  }

  private insert(spec: CommandSpec): void {
    const name = Buffer.from(spec.name, "latin1");
    assert(this.find(name, 0, name.length) === undefined, "two commands of one name");
    let slot = this.slotOf(name, 0, name.length);
    while (this.names[slot] !== undefined) slot = (slot + 1) & this.mask;
    this.names[slot] = name;
    this.specs[slot] = spec;
  }

  /** Letters at both ends and in the middle tell names apart; 0 bytes never reach here. */
  private slotOf(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const first = lower[bytes[start] as number] as number;
    const middle = lower[bytes[start + (length >> 1)] as number] as number;
    const beforeLast = lower[bytes[length > 1 ? end - 2 : start] as number] as number;
    const last = lower[bytes[end - 1] as number] as number;
    const hash = first + middle * 31 + beforeLast * 131 + last * 521 + length * 1031;
    return (hash ^ (hash >> 7)) & this.mask;
  }

  /** The command named by bytes [start, end), or undefined. */
  find(bytes: Uint8Array, start: number, end: number): CommandSpec | undefined {
    if (end <= start) return undefined;
    for (let slot = this.slotOf(bytes, start, end); ; slot = (slot + 1) & this.mask) {
      const name = this.names[slot];
      if (name === undefined) return undefined;
      if (equalName(name, bytes, start, end)) return this.specs[slot];
    }
  }
}

function equalName(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++)
    if (name[i] !== lower[bytes[start + i] as number]) return false;
  return true;
}
