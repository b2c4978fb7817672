/**
 * Random bitmap commands.
 * @module
 */
import type { Maker } from "../generator.ts";
import type { Words } from "./words.ts";

function fieldType(w: Words): string {
  if (w.choices.once(20)) return w.choices.of(["u64", "i65", "u0", "x8", "i", "", "I8", "u08"]);
  const bits = w.choices.once(3) ? w.choices.of([1, 8, 16, 32, 62, 63]) : 1 + w.choices.below(63);
  return w.choices.once(2) ? `u${bits}` : `i${w.choices.once(8) ? 64 : bits}`;
}

function fieldOffset(w: Words): string {
  return w.choices.once(3) ? `#${w.choices.below(20)}` : w.bit();
}

function operation(w: Words): (string | Buffer)[] {
  return w.choices.of([
    () => ["GET", fieldType(w), fieldOffset(w)],
    () => ["set", fieldType(w), fieldOffset(w), w.integer()],
    () => ["INCRBY", fieldType(w), fieldOffset(w), w.integer()],
    () => ["overflow", w.choices.of(["wrap", "SAT", "fail", "WRAP", "sat", "none"])],
  ])();
}

const unit = (w: Words): string => w.choices.of(["BYTE", "BIT", "bit", "bit", "bits"]);

export const bitmapCommands: readonly Maker[] = [
  (w) => ["setbit", w.key(), w.bit(), w.choices.of(["0", "1", "1", "2", "x"])],
  (w) => ["setbit", w.key(), w.bit(), w.choices.of(["0", "1"])],
  (w) => ["getbit", w.key(), w.bit()],
  (w) => ["bitcount", w.key()],
  (w) => ["bitcount", w.key(), w.position(), w.position()],
  (w) => ["bitcount", w.key(), w.position(), w.position(), unit(w)],
  (w) => ["bitpos", w.key(), w.choices.of(["0", "1", "1", "2"])],
  (w) => ["bitpos", w.key(), w.choices.of(["0", "1"]), w.position()],
  (w) => ["bitpos", w.key(), w.choices.of(["0", "1"]), w.position(), w.position()],
  (w) => ["bitpos", w.key(), w.choices.of(["0", "1"]), w.position(), w.position(), unit(w)],
  (w) => [
    "bitop",
    w.choices.of(["AND", "or", "XOR", "not", "NOT", "nand"]),
    w.key(),
    ...w.choices.list(1 + w.choices.below(3), () => w.key()),
  ],
  (w) => ["bitfield", w.key(), ...w.choices.list(w.choices.below(5), () => operation(w)).flat()],
  (w) => ["bitfield", w.key(), ...w.choices.list(w.choices.below(5), () => operation(w)).flat()],
  (w) => [
    "bitfield_ro",
    w.key(),
    ...w.choices.list(w.choices.below(3), () => ["GET", fieldType(w), fieldOffset(w)]).flat(),
  ],
  (w) => ["bitfield_ro", w.key(), ...operation(w)],
];
