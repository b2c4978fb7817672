// Goal: frames entered many at once by the addon leave the segment, its hint and its places as
// frames entered one by one do. Method: runs of random puts, tombstones and control records, in
// parts, sealed and clear; and the addon's call with what leaves its memory.
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameHeaderBytes } from "../../files/framing.ts";
import { type EnterMany, nativeEnterMany } from "../../platform/frames.ts";
import { nodePrimitives } from "../../platform/node-primitives.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { HintEntries } from "./hint.ts";
import { ownMemory, SegmentRun } from "./run.ts";
import { SegmentWriter } from "./writer.ts";

const record = fc.record({
  kind: fc.constantFrom("put", "put", "put", "tombstone", "control"),
  bytes: fc.oneof(fc.nat(60), fc.constantFrom(1024, 9000)),
});
const runs = fc.array(fc.array(fc.array(record, { maxLength: 120 }), { maxLength: 3 }), {
  minLength: 1,
  maxLength: 3,
});
type Drawn = typeof runs extends fc.Arbitrary<infer T> ? T : never;

const commit = { number: 1, appliedIndex: 2, session: 3n, seq: 4, commitTs: 5n };

function fill(run: SegmentRun, records: Drawn[number][number], from: number): void {
  for (const [n, { kind, bytes }] of records.entries()) {
    const physical = Buffer.alloc(16, from + n);
    if (kind === "put") {
      const at = run.put(physical, 0, true, 1, 0, 9n, bytes);
      run.buffer.fill(n, at, at + bytes);
    } else if (kind === "tombstone") run.tombstone(physical, 0, true, 1, 9n);
    else run.control(1, false, physical, Buffer.alloc(bytes, n));
  }
}

/** Everything that a writer leaves. */
function play(drawn: Drawn, keyId: number, enterMany: EnterMany | null) {
  const disk = new MemoryDisk();
  disk.makeDirectory("/d");
  const plan = {
    ...{ path: "/d/1", hintPath: "/d/1.hint", directory: "/d", number: 7, keyId },
    ...{ node16: 1, epoch: 1, header: Buffer.alloc(4096, 1), chainMac: Buffer.alloc(32, 4) },
    ...{ subkey: Buffer.alloc(32, 2), macKey: Buffer.alloc(32, 3), prefix: Buffer.alloc(8) },
    sealsMax: 1 << 20,
  };
  const hint = new HintEntries();
  const writer = new SegmentWriter(disk, nodePrimitives, plan, hint, enterMany);
  const places: Uint32Array[] = [];
  for (const [n, parts] of drawn.entries()) {
    const run = new SegmentRun(disk, 4 << 20);
    const image = () => ({ buffer: run.buffer, end: run.bytes, sequence: 1, compress: false });
    for (const part of parts) {
      fill(run, part, n);
      writer.advance(image());
    }
    places.push(writer.write(image(), { ...commit, number: n + 1 }).places);
  }
  writer.close();
  return { places, segment: disk.readFile("/d/1"), hint: disk.readFile("/d/1.hint") };
}

if (nativeEnterMany !== null) {
  test.each([
    ["sealed", 5],
    ["clear", 0],
  ])("entering: many at once leave what one by one leave, %s", (_name, keyId) => {
    fc.assert(
      fc.property(runs, (drawn) => {
        expect(play(drawn, keyId, nativeEnterMany)).toEqual(play(drawn, keyId, null));
      }),
      { numRuns: 40 },
    );
  });

  test("entering: what is no whole frame, and what has no room, is left to the caller", () => {
    const run = new SegmentRun(ownMemory, 4096);
    const length = 64 + 16 + 40;
    run.put(Buffer.alloc(16, 1), 0, true, 1, 0, 9n, 40);
    const { bytes, buffer } = run;
    const call = (
      digest = 200,
      hint = 200,
      places = 3,
      order: readonly number[] = [0, bytes, 1, 4096, 1, 0, 0, 0],
    ): [number, ...number[]] => {
      const told = Uint32Array.from(order);
      const memory = [Buffer.alloc(digest), Buffer.alloc(hint), new Uint32Array(places)] as const;
      return [nativeEnterMany!(buffer, ...memory, told), ...told];
    };
    expect(call()).toEqual([1, bytes, bytes, 1, 4096, 1, 4 + 64 + 16, 54, 3]);
    const left = [0, 0, bytes, 1, 4096, 1, 0, 0, 0];
    expect(call(83)).toEqual(left);
    expect(call(200, 53)).toEqual(left);
    expect(call(200, 200, 2)).toEqual(left);
    expect(call(200, 200, 3, [0, bytes - 1, 1, 4096, 1, 0, 0, 0])[0]).toBe(0);
    expect(call(200, 200, 3, [0, bytes, 1, 4096, 1, 0xffff_ffff, 0, 0])[0]).toBe(0);
    expect(call(200, 200, 3, [1, bytes, 1, 4096, 1, 0, 0, 0])[0]).toBe(0);
    expect(call(200, 200, 3, [0, bytes, 1, 0xffff_ffff, 1, 0, 0, 0])[0]).toBe(1);
    expect(() => call(200, 200, 3, [0, buffer.length + 1, 1, 1, 1, 0, 0, 0])).toThrow(RangeError);
    expect(() => call(200, 200, 3, [0, bytes, 1, 1, 1, 0, 0])).toThrow(RangeError);
    for (const claimed of [0, 45, 79, length + 1, 0xffff_ffff]) {
      buffer.writeUInt32BE(claimed, 0);
      expect(call()).toEqual(left);
    }
    buffer.writeUInt32BE(length, 0);
    for (const kind of [0, 2, 3, 4, 255]) {
      buffer[frameHeaderBytes] = kind;
      expect(call()).toEqual(left);
    }
  });
}
