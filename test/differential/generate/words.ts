/**
 * Words that random commands are made of. Few keys, so that commands meet; values around every
 * boundary that the commands know.
 * @module
 */
import type { Choices } from "../random.ts";

const binary = Buffer.from([0, 255, 13, 10, 128, 36]);
const keys = ["a", "b", "c", "d", "{t}1", "{t}2", "Key:With:Colons", "a*b[c]?", ""];
const integers = ["0", "1", "-1", "2", "7", "10", "42", "100", "9999", "10000", "-100"];
const extremes = [
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775808",
  "9223372036854775806",
  "999999999999999",
  "1000000000000000",
  "-999999999999999",
  "4294967295",
  "4294967296",
  "2147483648",
  "007",
  "+1",
  "-0",
  " 1",
  "1 ",
  "1.0",
  "1e3",
  "",
  "abc",
  "0x10",
];
/** Times beyond the safe integers are kept as the largest of them: only those that err. */
const wrongTimes = ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "x", ""];
const floats = [
  "0.1",
  "10.5",
  "3.0e3",
  "-2.5",
  "1e-5",
  "5.0e-20",
  "123456789.123456789",
  "1e17",
  "1e300",
  "-1e300",
  "inf",
  "-inf",
  "nan",
  "1e4931",
  "1e5000",
  "1e-5000",
  "0x1p-3",
  ".5",
  "5.",
  "1e",
  "- 1",
  "0.30000000000000004",
  "3.14159265358979323846264338327950288",
  "17976931348623157081452742373170435",
];
const texts = ["hello", "", "foobar", "The quick brown fox", "x".repeat(44), "y".repeat(45)];
const patterns = [
  "*",
  "a*",
  "*[a-c]*",
  "?",
  "[^a]",
  "\\a",
  "{t}*",
  "*1",
  "",
  "**",
  "a[",
  "[b-",
  "[]",
  "[z-a]",
];

/** Makes words. Each call draws anew. */
export class Words {
  readonly choices: Choices;

  constructor(choices: Choices) {
    this.choices = choices;
  }

  key(): Buffer {
    return this.choices.once(15) ? binary : Buffer.from(this.choices.of(keys));
  }
  integer(): string {
    if (this.choices.once(6)) return this.choices.of(extremes);
    if (this.choices.once(4)) return String(this.choices.below(200_000) - 100_000);
    return this.choices.of(integers);
  }
  float(): string {
    if (this.choices.once(3)) return this.integer();
    if (this.choices.once(3))
      return `${this.choices.below(2000) - 1000}.${this.choices.below(1_000_000)}`;
    return this.choices.of(floats);
  }
  bytes(): Buffer {
    const length = this.choices.below(24);
    return Buffer.from(this.choices.list(length, () => this.choices.below(256)));
  }
  value(): Buffer {
    const kind = this.choices.below(6);
    if (kind === 0) return Buffer.from(this.integer());
    if (kind === 1) return Buffer.from(this.float());
    if (kind === 2) return this.bytes();
    if (kind === 3) return Buffer.from(this.choices.of(extremes));
    if (kind === 4) return Buffer.from([0xff, 0xff, this.choices.below(256)]);
    return Buffer.from(this.choices.of(texts));
  }
  pattern(): string {
    return this.choices.of(patterns);
  }
  /** A position in a string. */
  position(): string {
    return this.choices.once(20) ? this.integer() : String(this.choices.below(30) - 10);
  }
  /** An offset of a bit, small enough for strings of some kilobytes. */
  bit(): string {
    if (this.choices.once(25)) return this.choices.of(["-1", "4294967296", "x", "99999999999"]);
    return String(this.choices.once(10) ? this.choices.below(9000) : this.choices.below(200));
  }
  /** Seconds from now: long, wrong, or in the past. */
  seconds(): string {
    if (this.choices.once(6)) return this.choices.of(wrongTimes);
    if (this.choices.once(6)) return this.choices.of(["0", "-1", "-100"]);
    return String(1000 + this.choices.below(1_000_000) * 10);
  }
  milliseconds(): string {
    return this.choices.once(4) ? this.seconds() : String(10 ** 7 + this.choices.below(10 ** 9));
  }
  /** Since 1970: far in the future, or long ago. */
  unixSeconds(): string {
    return this.choices.once(6) ? this.pastSeconds() : this.futureSeconds();
  }
  pastSeconds(): string {
    return this.choices.of(["1", "0", "-5", "1000000000"]);
  }
  futureSeconds(): string {
    return String(4 * 10 ** 9 + this.choices.below(1000) * 100);
  }
  unixMilliseconds(seconds = this.unixSeconds()): string {
    return `${seconds}${this.choices.of(["000", "499", "500", "999"])}`;
  }
  /** Each option with the given chance. */
  options(chance: number, ...options: (() => (string | Buffer)[])[]): (string | Buffer)[] {
    return options.flatMap((option) => (this.choices.once(chance) ? option() : []));
  }
}
