// Goal: patterns and floats, where implementations differ most easily, are those of redis-server.
// Method: random patterns over random keys; random numbers added to random numbers.
import { expect, test } from "vitest";
import { globMatches, matchesAll } from "../../src/commands/glob.ts";
import {
  addLongDouble,
  formatLongDouble,
  type LongDouble,
  longDoubleZero,
  parseLongDouble,
} from "../../src/commands/longdouble.ts";
import { seeds } from "./judge.ts";
import { Choices } from "./random.ts";
import { redisOfTests } from "./redis.ts";
import { readTree } from "./wire.ts";

const redis = redisOfTests();

const symbols = [..."aab*?[]^-\\", "\x80", "\xff", "\x00"];

function randomText(choices: Choices, lengthMax: number): Buffer {
  const length = choices.below(lengthMax + 1);
  return Buffer.from(choices.list(length, () => choices.of(symbols)).join(""), "latin1");
}

async function keysMatching(pattern: Buffer): Promise<string[]> {
  const tree = readTree(await redis.client.call("KEYS", pattern));
  if (typeof tree === "string") throw new Error(tree);
  return tree.items.map((item) => String(item).slice(1)).sort();
}

test.each(seeds(21, 22))("patterns: the same keys match, seed %i", async (seed) => {
  const choices = new Choices(seed);
  await redis.client.call("FLUSHALL");
  const keys = new Map(
    choices.list(300, () => randomText(choices, 6)).map((key) => [key.toString("latin1"), key]),
  );
  for (const key of keys.values()) await redis.client.call("SET", key, "");
  for (let n = 0; n < 1500; n++) {
    const pattern = randomText(choices, 8);
    const matches = (key: Buffer): boolean => matchesAll(pattern) || globMatches(pattern, key);
    const found = [...keys].filter(([, key]) => matches(key)).map(([text]) => text);
    expect(found.sort(), pattern.toString("latin1")).toEqual(await keysMatching(pattern));
  }
});

test("patterns: more than 1000 stars match nothing, there and here", async () => {
  await redis.client.call("FLUSHALL");
  for (const stars of [1000, 1001, 1002]) {
    const key = "a".repeat(stars);
    await redis.client.call("SET", key, "");
    const pattern = Buffer.from("*a".repeat(stars));
    const found = globMatches(pattern, Buffer.from(key)) ? [key] : [];
    expect(found, `${stars} stars`).toEqual(await keysMatching(pattern));
  }
});

function randomNumber(choices: Choices): string {
  const digits = (count: number): string => choices.list(count, () => choices.below(10)).join("");
  const sign = choices.of(["", "", "-", "+"]);
  const whole = digits(choices.below(choices.of([3, 6, 22])));
  const point = choices.once(4) ? "" : `.${digits(choices.below(choices.of([3, 8, 25])))}`;
  const power = choices.once(3) ? `e${choices.below(60) - 30}` : "";
  if (choices.once(12)) return `${sign}0x${whole}.${digits(3)}p${choices.below(40) - 20}`;
  if (choices.once(40)) return `${sign}${whole}e${choices.below(10_200) - 5100}`;
  return `${sign}${whole}${point}${power}`;
}

/** As INCRBYFLOAT replies. */
function added(one: LongDouble | null, other: LongDouble | null): string {
  if (one === null || other === null) return "-ERR value is not a valid float";
  const sum = addLongDouble(one, other);
  if (sum === null) return "-ERR increment would produce NaN or Infinity";
  return `$${formatLongDouble(sum)}`;
}

test.each(seeds(31, 32))("floats: sums are the same, seed %i", async (seed) => {
  const choices = new Choices(seed);
  for (let n = 0; n < 4000; n++) {
    const [one, other] = [randomNumber(choices), randomNumber(choices)];
    const fresh = choices.once(3);
    const [, reply] = await Promise.all([
      fresh ? redis.client.call("DEL", "k") : redis.client.call("SET", "k", one),
      redis.client.call("INCRBYFLOAT", "k", other),
    ]);
    const first = fresh ? longDoubleZero : parseLongDouble(one);
    const expected = readTree(reply as Buffer);
    expect(added(first, parseLongDouble(other)), `${fresh ? 0 : one} + ${other}`).toBe(expected);
  }
});
