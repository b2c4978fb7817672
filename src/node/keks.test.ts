// Goal: what is told of KEKs is of those that the node has, whatever goes while they are asked.
import { expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import type { KekProvider } from "../kek/provider.ts";
import { systemClock } from "../platform/clock.ts";
import { systemRandom } from "../platform/random.ts";
import { openKeks } from "./keks.ts";

/** Answers when it is let; once closed it fails as no KEK of ours should. */
function slowKek(id: string): { kek: KekProvider; answer: () => void } {
  let answer = (): void => {};
  let closed = false;
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const work = async (bytes: Uint8Array): Promise<Buffer> => {
    await asked;
    if (closed) throw new TypeError("closed");
    return Buffer.from(bytes);
  };
  const close = (): void => {
    closed = true;
  };
  return { kek: { id, provider: "test", wrap: work, unwrap: work, close }, answer };
}

test("keks: one that is removed while it is asked fails nobody and is not told of", async () => {
  const slow = [slowKek("a"), slowKek("b")] as const;
  const set = await openKeks(["test:a", "test:b"], async (spec) => {
    return (spec === "test:a" ? slow[0] : slow[1]).kek;
  });
  const told = set.probe({ clock: systemClock, random: systemRandom });
  set.remove("a");
  for (const { answer } of slow) answer();
  expect((await told).map(({ id }) => id)).toEqual(["b"]);
  expect(set.known().map(({ id }) => id)).toEqual(["b"]);
});

test("keks: a key that is named twice refuses the start, and none stays open", async () => {
  const closed: string[] = [];
  const open = async (spec: string): Promise<KekProvider> => {
    const close = (): void => void closed.push(spec);
    return { ...slowKek(spec === "test:b" ? "b" : "a").kek, close };
  };
  const specs = ["test:a", "test:b", "test:a again"];
  const refused = expect.objectContaining({ code: "KEK_SPEC_INVALID" });
  await expect(openKeks(specs, open)).rejects.toThrow(refused);
  expect(closed.sort()).toEqual(specs.sort());
});

test("keks: one that cannot be opened costs only itself, unless it is the only one", async () => {
  const missing = new StrongroomError("KEK_MISSING", "no file");
  const open = async (spec: string): Promise<KekProvider> => {
    if (spec === "test:gone") throw missing;
    return slowKek(spec).kek;
  };
  const set = await openKeks(["test:gone", "test:a"], open);
  expect(set.keks.map(({ id }) => id)).toEqual(["test:a"]);
  expect(set.broken.map(({ spec }) => spec)).toEqual(["test:gone"]);
  await expect(openKeks(["test:gone"], open)).rejects.toBe(missing);
});
