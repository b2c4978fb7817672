// Goal: the library is the same node in-process: typed replies, errors thrown, closed cleanly.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { open, ReplyError } from "../src/index.ts";
import { temporaryFolder, writeKek } from "./support/server.ts";

function place() {
  const folder = temporaryFolder();
  const kek = join(folder, "kek");
  writeKek(kek);
  return { dataDir: join(folder, "data"), kek: `file:${kek}` };
}

test("library: a tour", async () => {
  const where = place();
  const db = await open(where);
  const ok: string | null = await db.execute("SET", "k", "v");
  expect(ok).toBe("OK");
  const value: string | null = await db.execute("GET", "k");
  expect(value).toBe("v");
  const count: number | bigint = await db.execute("INCR", "n");
  expect(count).toBe(1);
  expect(await db.execute("MSET", "a", 1, "b", 2)).toBe("OK");
  expect(await db.execute("MGET", "a", "b", "none")).toEqual(["1", "2", null]);
  expect(await db.execute("DEL", "a", "b")).toBe(2);
  expect(await db.execute("GET", "none")).toBe(null);
  const bytes = Buffer.from([0, 255, 13, 10]);
  await db.execute("SET", bytes, bytes);
  expect(await db.executeBytes("GET", bytes)).toEqual(bytes);
  await expect(db.execute("INCR", "k")).rejects.toThrow(ReplyError);
  await expect(db.execute("INCR", "k")).rejects.toMatchObject({ code: "ERR" });
  await expect(db.execute("NOSUCH")).rejects.toThrow(/unknown command/);
  expect(
    await db.transaction([
      ["SET", "t", "1"],
      ["INCR", "t"],
      ["INCR", "k"],
      ["GET", "t"],
    ]),
  ).toEqual(["OK", 2, expect.any(ReplyError), "2"]);
  const third = db.select(3);
  await third.execute("SET", "k", "other database");
  expect(await third.execute("GET", "k")).toBe("other database");
  expect(() => db.select(16)).toThrow(RangeError);
  expect(await db.execute("GET", "k")).toBe("v");
  const many = await Promise.all(
    Array.from({ length: 1000 }, (_, at) => db.execute("SET", `m${at}`, "x".repeat(at))),
  );
  expect(new Set(many)).toEqual(new Set(["OK"]));
  expect(db.status().state).toBe("serving");
  await db.close();
  await db.close();
  await expect(db.execute("GET", "k")).rejects.toMatchObject({ code: "NODE_STOPPING" });

  const again = await open(where);
  expect(await again.execute("GET", "k")).toBe("v");
  expect(await again.execute("STRLEN", "m999")).toBe(999);
  await again.close();
});

test("library: a second open, and a wrong KEK, are refused; then it opens", async () => {
  const where = place();
  const db = await open(where);
  await db.execute("SET", "k", "v");
  await expect(open(where)).rejects.toMatchObject({ name: "StrongroomError" });
  expect(await db.execute("GET", "k")).toBe("v");
  await db.close();
  await expect(open({ ...where, kek: place().kek })).rejects.toMatchObject({ code: "KEK_WRONG" });
  await expect(open({ ...where, kek: `${where.kek}x` })).rejects.toMatchObject({
    code: "KEK_MISSING",
  });
  const again = await open(where);
  expect(await again.execute("GET", "k")).toBe("v");
  await again.close();
});

test("library: callers see nothing of rotations under load, nothing is lost", async () => {
  const where = place();
  const db = await open(where);
  let over = false;
  let done = 0;
  const write = async (key: string) => {
    while (!over) {
      await db.execute("INCR", key);
      done++;
    }
  };
  const load = ["a", "b", "c", "d", "e", "f"].map(write);
  for (let round = 0; round < 6; round++)
    await Promise.all([db.rotate("log"), db.rotate("storage"), db.execute("INCR", "g")]);
  over = true;
  await Promise.all(load);
  const counts = await db.execute("MGET", "a", "b", "c", "d", "e", "f");
  expect(counts.reduce((sum, count) => sum + Number(count), 0)).toBe(done);
  await db.close();
  const again = await open(where);
  expect(await again.execute("MGET", "a", "b", "c", "d", "e", "f")).toEqual(counts);
  expect(await again.execute("GET", "g")).toBe("6");
  await again.close();
});

test("library: many calls at once, and commands of many arguments, are no burden", async () => {
  const db = await open(place());
  const calls = Array.from({ length: 100_000 }, (_, n) => db.execute("SET", `k${n % 100}`, n));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(["OK"]));
  const keys = Array.from({ length: 200_000 }, (_, n) => `k${n}`);
  expect(await db.transaction([["DEL", ...keys]])).toEqual([100]);
  await db.execute("SET", "n", (2n ** 53n + 1n).toString());
  expect(await db.execute("INCR", "n")).toBe(2n ** 53n + 2n);
  await db.close();
});

test("library: a transaction that only reads is answered behind the writes before it", async () => {
  const db = await open(place());
  const replies = await Promise.all([
    db.execute("SET", "k", "v"),
    db.transaction([["GET", "k"]]),
    db.execute("APPEND", "k", "w"),
    db.transaction([
      ["GET", "k"],
      ["STRLEN", "k"],
    ]),
  ]);
  expect(replies).toEqual(["OK", ["v"], 2, ["vw", 2]]);
  await db.close();
});

test("library: what needs a damaged record is refused by its code, the rest served", async () => {
  const where = place();
  const first = await open(where);
  await first.execute("SET", "bad", "x".repeat(20_000));
  await first.execute("SET", "good", "g");
  await first.close();
  const store = join(where.dataDir, "store");
  const name = readdirSync(store).find((file) => file.endsWith(".segment")) as string;
  const bytes = readFileSync(join(store, name));
  // In the middle of the one large record.
  const middle = bytes.length / 2;
  bytes[middle] = (bytes[middle] as number) ^ 1;
  writeFileSync(join(store, name), bytes);
  const db = await open(where);
  await expect(db.execute("GET", "bad")).rejects.toMatchObject({ code: "STORE_RECORD_DAMAGED" });
  const needed = { name: "StrongroomError", code: "NODE_RECORD_NEEDED" };
  await expect(db.execute("APPEND", "bad", "y")).rejects.toMatchObject(needed);
  await expect(db.transaction([["INCR", "bad"]])).rejects.toMatchObject(needed);
  expect(await db.execute("APPEND", "good", "y")).toBe(2);
  expect(await db.execute("DEL", "bad")).toBe(1);
  await db.close();
});
