// Goal: the body of a command batch never drifts; nothing cut, padded or out of range is read, and
// no count makes the reader take memory before the bytes are there.
// Method: golden vectors, every truncation, random batches there and back.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BatchReader,
  BatchWriter,
  batchHeaderBytes,
  commandCodeMin,
  expireCode,
  transactionCode,
} from "./batch.ts";
import { type BatchItem, type Command, readBatch, writeBatch } from "./testing/batches.ts";

const hlc = { ms: 0x010203040506, logical: 0x0708 };
const key = Buffer.from("k");
const set: Command = { code: 0x0201, database: 3, args: [key, Buffer.from("value")] };
const transaction: BatchItem = {
  watches: [{ database: 2, key: Buffer.from("w"), index: 0x1_0000_0002, ordinal: 7 }],
  commands: [set],
};
const expired: Command = { code: expireCode, database: 15, args: [key] };

const setHex = ["0201", "03", "00000002", "00000001", "6b", "00000005", "76616c7565"].join("");
const watchHex = ["02", "0000000100000002", "00000007", "00000001", "77"].join("");
const transactionHex = ["0001", "00", "00000001", watchHex, "00000001", setHex].join("");
const expiredHex = ["0002", "0f", "00000001", "00000001", "6b"].join("");
const headHex = ["010203040506", "0708", "00000003"].join("");
const samples: BatchItem[] = [set, transaction, expired];

test("batch: codes and bytes are as documented", () => {
  expect([transactionCode, expireCode, commandCodeMin, batchHeaderBytes]).toEqual([1, 2, 256, 12]);
  const whole = writeBatch(hlc, samples);
  expect(whole.toString("hex")).toBe([headHex, setHex, transactionHex, expiredHex].join(""));
  expect(readBatch(whole)).toEqual({ ...hlc, items: samples });
});

test("batch: every truncation is refused, and so is a rest", () => {
  const whole = writeBatch(hlc, samples);
  for (let size = 0; size < whole.length; size++)
    expect(() => readBatch(whole.subarray(0, size))).toThrow(
      expect.objectContaining({ code: "FORMAT_TRUNCATED" }),
    );
  expect(() => readBatch(Buffer.concat([whole, Buffer.alloc(1)]))).toThrow(
    expect.objectContaining({ code: "FORMAT_TRAILING" }),
  );
});

test("batch: a count that the bytes cannot hold is refused before memory is taken for it", () => {
  const whole = writeBatch(hlc, [set]);
  for (const count of [3, 0x7fff_ffff, 0xffff_ffff]) {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32BE(count, batchHeaderBytes + 3);
    const reader = new BatchReader();
    reader.begin(bytes, 0, bytes.length);
    reader.command();
    expect(() => reader.arguments()).toThrow(expect.objectContaining({ code: "FORMAT_TRUNCATED" }));
    expect(reader.starts.length).toBeLessThanOrEqual(3);
  }
  const long = Buffer.from(whole);
  long.writeUInt32BE(0xffff_ffff, batchHeaderBytes + 7);
  expect(() => readBatch(long)).toThrow(expect.objectContaining({ code: "FORMAT_TRUNCATED" }));
});

test("batch: databases above 15 and indexes above 2^53 are refused", () => {
  const range = expect.objectContaining({ code: "FORMAT_RANGE" });
  const bytes = writeBatch(hlc, [set]);
  for (let database = 16; database < 256; database++) {
    bytes[batchHeaderBytes + 2] = database;
    expect(() => readBatch(bytes)).toThrow(range);
  }
  const watched = writeBatch(hlc, [transaction]);
  watched.writeUInt32BE(0x200000, batchHeaderBytes + 8);
  expect(() => readBatch(watched)).toThrow(range);
});

const bytesOf = fc.uint8Array({ maxLength: 60 }).map((data) => Buffer.from(data));
const command: fc.Arbitrary<Command> = fc.record({
  code: fc.oneof(fc.constant(expireCode), fc.integer({ min: commandCodeMin, max: 0xffff })),
  database: fc.nat(15),
  args: fc.array(bytesOf, { maxLength: 6 }),
});
const inner = command.filter(({ code }) => code >= commandCodeMin);
const watch = fc.record({
  database: fc.nat(15),
  key: bytesOf,
  index: fc.maxSafeNat(),
  ordinal: fc.nat(0xffff_ffff),
});
const transactions = fc.record({
  watches: fc.array(watch, { maxLength: 3 }),
  commands: fc.array(inner, { maxLength: 3 }),
});
const time = fc.record({ ms: fc.nat(2 ** 48 - 1), logical: fc.nat(0xffff) });

test("batch: random batches come back, in any room around them", () => {
  const items = fc.array(fc.oneof<fc.Arbitrary<BatchItem>[]>(command, transactions));
  fc.assert(
    fc.property(time, items, fc.nat(50), fc.nat(50), (at, list, headroom, tailroom) => {
      const body = writeBatch(at, list, headroom, tailroom);
      expect(readBatch(body)).toEqual({ ...at, items: list });
    }),
  );
});

test("batch: the writer keeps head- and tailroom free and survives a move", () => {
  const small = Buffer.alloc(40, 0xee);
  const writer = new BatchWriter(small, 10, 8);
  expect(writer.at).toBe(22);
  expect(writer.fits(10)).toBe(true);
  expect(writer.fits(11)).toBe(false);
  writer.head(0x0201, 1);
  writer.u32(0);
  writer.count++;
  const larger = Buffer.alloc(400, 0xee);
  writer.moveTo(larger);
  expect(writer.fits(300)).toBe(true);
  writer.seal(1, 2);
  expect(larger.subarray(0, 10)).toEqual(Buffer.alloc(10, 0xee));
  const batch = readBatch(larger.subarray(10, writer.at));
  expect(batch).toEqual({ ms: 1, logical: 2, items: [{ code: 0x0201, database: 1, args: [] }] });
  expect(() => new BatchWriter(Buffer.alloc(29), 10, 8)).toThrow("invariant");
});

/** Keys and databases that keysAhead tells of before each command of a batch is read. */
function keysAheadOf(bytes: Buffer, room: number): [string, number][] {
  const reader = new BatchReader();
  reader.begin(bytes, 0, bytes.length);
  const [starts, ends, databases] = [0, 1, 2].map(() => new Int32Array(room)) as Int32Array[];
  const { at } = reader;
  const found = reader.keysAhead(starts!, ends!, databases!);
  expect(reader.at).toBe(at);
  return Array.from({ length: found }, (_, n) => [
    bytes.toString("latin1", starts![n], ends![n]),
    databases![n]!,
  ]);
}

test("batch: the keys ahead are the first arguments up to a transaction, as many as asked", () => {
  const args = fc.array(
    fc.string({ maxLength: 8 }).map((text) => Buffer.from(text, "latin1")),
    {
      maxLength: 4,
    },
  );
  const command = fc.record({
    code: fc.integer({ min: 0x100, max: 0xffff }),
    database: fc.nat(15),
    args,
  });
  const property = fc.property(fc.array(command), fc.integer({ min: 1, max: 20 }), (all, room) => {
    const withKeys = all.filter(({ args: [first] }) => first !== undefined);
    const expected = withKeys.map((c) => [c.args[0]!.toString("latin1"), c.database]);
    for (const rest of [[], samples.slice(1)])
      expect(keysAheadOf(writeBatch(hlc, [...all, ...rest]), room)).toEqual(
        expected.slice(0, room),
      );
  });
  fc.assert(property);
});

test("batch: looking ahead into what is cut or invented throws nothing", () => {
  const whole = writeBatch(hlc, [set, set, expired]);
  for (let size = batchHeaderBytes; size < whole.length; size++) {
    for (const [name] of keysAheadOf(whole.subarray(0, size), 16)) expect(name).toBe("k");
    const wild = Buffer.from(whole);
    wild.fill(0xff, size, Math.min(size + 4, wild.length));
    expect(keysAheadOf(wild, 16).length).toBeLessThanOrEqual(3);
  }
});
