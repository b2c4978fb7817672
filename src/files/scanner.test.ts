import fc from "fast-check";
import { expect, test } from "vitest";
import { alignUp, blockBytes, fileSeed, frameHeaderBytes, writeFrameHeader } from "./framing.ts";
import { FrameScanner } from "./scanner.ts";
import { bytesFile, flipBit } from "./testing/bytes.ts";

const number = 5;

/** A file of batches, each a list of body lengths; bodies count up. Every batch was synced. */
function fileOf(batches: number[][], options: { tail?: number; of?: number } = {}): Buffer {
  const parts = [Buffer.alloc(blockBytes)];
  let position = blockBytes;
  let value = 0;
  for (const lengths of batches) {
    const bytes = lengths.reduce((sum, length) => sum + frameHeaderBytes + length, 0);
    const batch = Buffer.alloc(alignUp(bytes));
    let at = 0;
    for (const length of lengths) {
      batch.fill(++value & 0xff, at + frameHeaderBytes, at + frameHeaderBytes + length);
      writeFrameHeader(batch, at, length, fileSeed(options.of ?? number), position + at, position);
      at += frameHeaderBytes + length;
    }
    parts.push(batch);
    position += batch.length;
  }
  return Buffer.concat([...parts, Buffer.alloc(options.tail ?? 0)]);
}

function scan(bytes: Buffer, windowBytes = 8192): { bodies: string[]; end: number } {
  const scanner = new FrameScanner(bytesFile(bytes), { seed: fileSeed(number), windowBytes });
  const bodies: string[] = [];
  while (scanner.next())
    bodies.push(`${scanner.bodyLength}:${scanner.buffer[scanner.bodyAt]}@${scanner.position}`);
  expect(scanner.next()).toBe(false);
  return { bodies, end: scanner.end };
}

const lengths = fc.array(fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1 }));

test("all frames are found in order, whatever the window", () => {
  fc.assert(
    fc.property(lengths, fc.constantFrom(4096, 10_000, 65_536), fc.boolean(), (batches, w, t) => {
      const whole = fileOf(batches, { tail: t ? 40_000 : 0 });
      const found = scan(whole, w);
      expect(found.bodies.map((body) => Number(body.split(":")[0]))).toEqual(batches.flat());
      expect(found.end).toBe(whole.length - (t ? 40_000 : 0));
    }),
    { numRuns: 100 },
  );
});

test("stale frames of another number never surface, at the same offsets and beyond", () => {
  const stale = fileOf([[100], [5000], [200], [300]], { of: number - 1 });
  expect(scan(stale)).toEqual({ bodies: [], end: blockBytes });
  const fresh = fileOf([[100], [5000]]);
  fresh.copy(stale);
  expect(scan(stale).bodies).toEqual(["100:1@4096", "5000:2@8192"]);
});

test("a torn last batch is cut at every length", () => {
  const whole = fileOf([
    [100, 200],
    [3000, 300, 5000],
  ]);
  const first = ["100:1@4096", "200:2@4212"];
  for (let size = 8192; size < whole.length; size += 61) {
    const { bodies, end } = scan(whole.subarray(0, size));
    const expected = [...first, "3000:3@8192", "300:4@11208", "5000:5@11524"];
    expect(bodies).toEqual(expected.slice(0, bodies.length));
    expect(bodies.length).toBeGreaterThanOrEqual(2);
    expect(end % blockBytes).toBe(0);
  }
});

test("damage below what a later frame says was durable is refused, naming file and offset", () => {
  const whole = fileOf([[100], [5000, 50], [200], [300]]);
  const lastAt = whole.length - blockBytes;
  for (let at = blockBytes; at < lastAt; at++) {
    const used = at < 8192 ? at < 4096 + 116 : at < 16384 ? at < 8192 + 5082 : at < 16384 + 216;
    if (!used || at % 5 > 0) continue;
    const bad = at < 8192 ? 4096 : at < 8192 + 5016 ? 8192 : at < 16384 ? 8192 + 5016 : 16384;
    expect(() => scan(flipBit(whole, at * 8 + (at % 8)))).toThrow(
      `[FILE_FRAME_DAMAGED] file at offset ${bad};`,
    );
  }
  expect(scan(flipBit(whole, lastAt * 8 + 300)).bodies.length).toBe(4);
});

test("a batch put in another batch's place is damage", () => {
  const whole = fileOf([[100], [100], [100], [100]]);
  const swapped = Buffer.from(whole);
  whole.copy(swapped, 4096, 8192, 12288);
  whole.copy(swapped, 8192, 4096, 8192);
  expect(() => scan(swapped)).toThrow("FILE_FRAME_DAMAGED");
  const zeroed = Buffer.from(whole).fill(0, 8192, 12288);
  expect(() => scan(zeroed)).toThrow("at offset 8192");
});

test("a whole frame behind a torn one does not make it damage unless it was durable", () => {
  const whole = fileOf([[100], [5000]]);
  const behind = Buffer.alloc(blockBytes);
  writeFrameHeader(behind, 0, 10, fileSeed(number), whole.length, 8192);
  const torn = Buffer.concat([flipBit(whole, 8192 * 8 + 500), behind]);
  expect(scan(torn)).toEqual({ bodies: ["100:1@4096"], end: 8192 });
});
