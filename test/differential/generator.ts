/**
 * Random commands: mostly sensible ones on few keys, so that they meet, with all options; some
 * with wrong numbers, wrong options and wrong arity.
 * @module
 */
import { bitmapCommands } from "./generate/bitmaps.ts";
import { keyCommands } from "./generate/keys.ts";
import { stringCommands } from "./generate/strings.ts";
import { Words } from "./generate/words.ts";
import type { Choices } from "./random.ts";

export type Maker = (words: Words) => (string | Buffer)[];

const makers: readonly Maker[] = [
  ...stringCommands,
  ...stringCommands,
  ...bitmapCommands,
  ...keyCommands,
];

/** One command with its arguments. */
export function randomCommand(choices: Choices): Buffer[] {
  const words = new Words(choices);
  const args = choices
    .of(makers)(words)
    .map((arg) => Buffer.from(arg as string, "latin1"));
  if (choices.once(40)) args.push(Buffer.from(choices.of(["", "zz", "1"])));
  if (choices.once(60) && args.length > 1) args.pop();
  if (choices.once(80)) {
    const at = choices.below(args.length);
    if (at > 0) args[at] = Buffer.from(choices.of(["", "zz", "1 2", "\xff\x80"]), "latin1");
  }
  const name = args[0] as Buffer;
  if (choices.once(4)) args[0] = Buffer.from(name.toString("latin1").toUpperCase(), "latin1");
  return args;
}
