// Goal: a copy takes just the records that it is told, as they were written, and reads little more.
// Method: segments made by the writer, of which bytes are changed as somebody with the disk could,
// checksums mended; and a disk that counts what is read.
import { beforeEach, expect, test } from "vitest";
import type { Disk, DiskFile } from "../../base/ports.ts";
import { recordHeaderBytes, recordTextAt, sealedPutOverhead } from "../../entry/record.ts";
import { fileSeed, frameHeaderBytes, writeFrameHeader } from "../../files/framing.ts";
import { nodePrimitives } from "../../platform/node-primitives.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { CopyReader, copyControl, copyExpired, copyWhole } from "./copy.ts";
import { HintEntries } from "./hint.ts";
import { placeRow } from "./progress.ts";
import { SegmentRun } from "./run.ts";
import { SegmentWriter } from "./writer.ts";

const number = 7;
const keyId = 5;
const commit = { number: 1, appliedIndex: 2, session: 3n, seq: 4, commitTs: 5n };
const prefix = Buffer.alloc(8);
const key = Buffer.alloc(16, 9);
const bodyBytes = 100;

let disk: MemoryDisk;
let places: Uint32Array;

function offsetOf(record: number): number {
  return places[record * placeRow] as number;
}

function lengthOf(record: number): number {
  return places[record * placeRow + 1] as number;
}

/** Puts of one key (bodies 0, 1, 2 … in every byte), then a tombstone and a control record. */
function write(puts: number): void {
  disk = new MemoryDisk();
  disk.makeDirectory("/d");
  const plan = {
    ...{ path: "/d/7", hintPath: "/d/7.hint", directory: "/d", number, keyId, prefix },
    ...{ node16: 1, epoch: 1, header: Buffer.alloc(4096, 1), chainMac: Buffer.alloc(32, 4) },
    ...{ subkey: Buffer.alloc(32, 2), macKey: Buffer.alloc(32, 3), sealsMax: 1 << 20 },
  };
  const writer = new SegmentWriter(disk, nodePrimitives, plan, new HintEntries());
  const run = new SegmentRun(disk, 1 << 20);
  for (let n = 0; n < puts; n++) {
    const at = run.put(key, 0, true, 1, 77, 9n, bodyBytes);
    run.buffer.fill(n, at, at + bodyBytes);
  }
  run.tombstone(key, 0, true, 1, 9n);
  run.control(1, false, Buffer.from("name"), Buffer.from("value"));
  const image = { buffer: run.buffer, end: run.bytes, sequence: 1, compress: false };
  places = writer.write(image, commit).places;
  writer.close();
}

function reader(from: Disk = disk, cold = false): CopyReader {
  const subkey = Buffer.alloc(32, 2);
  const source = { path: "/d/7", number, keyId, subkey, prefix, cold };
  return new CopyReader(from, nodePrimitives, source);
}

/** The headers as they are on disk now. */
function headers(records: readonly number[]): Buffer {
  const file = disk.readFile("/d/7");
  const at = (record: number) => offsetOf(record) + frameHeaderBytes;
  return Buffer.concat(records.map((n) => file.subarray(at(n), at(n) + recordHeaderBytes)));
}

function copy(
  records: readonly number[],
  known: Buffer,
  how: (record: number) => number = () => copyWhole,
  from: Disk = disk,
  cold = false,
): Buffer {
  const rows = records.flatMap((n) => [offsetOf(n), lengthOf(n), how(n)]);
  const table = Uint32Array.from(rows);
  const image = Buffer.alloc(CopyReader.imageBytes(table));
  const source = reader(from, cold);
  try {
    return image.subarray(0, source.copy(table, known, image));
  } finally {
    source.close();
  }
}

/** Changes the frame of a record where it lies, with a checksum that fits. */
function change(record: number, edit: (frame: Buffer) => void): void {
  const frame = Buffer.from(
    disk.readFile("/d/7").subarray(offsetOf(record), offsetOf(record) + 16 + lengthOf(record)),
  );
  edit(frame);
  writeFrameHeader(frame, 0, lengthOf(record), fileSeed(number), offsetOf(record), 4096);
  const file = disk.open("/d/7", { mode: "write" });
  file.write(frame, offsetOf(record));
  file.close();
}

beforeEach(() => write(20));

test("copy: lays records out as they were written, an expired one as a tombstone", () => {
  const expired = (n: number) => (n === 3 ? copyExpired : n === 21 ? copyControl : copyWhole);
  const laid = copy([2, 3, 20, 21], headers([2, 3, 20, 21]), expired);
  let at = 0;
  const next = (): Buffer => {
    const from = at + frameHeaderBytes;
    at = from + laid.readUInt32BE(at);
    return laid.subarray(from, at);
  };
  const put = next();
  expect(put.length).toBe(sealedPutOverhead + bodyBytes);
  expect(put.subarray(0, recordHeaderBytes)).toEqual(headers([2]));
  const text = put.subarray(recordTextAt, recordTextAt + bodyBytes);
  expect(text.every((byte) => byte === 2)).toBe(true);
  const gone = headers([3]);
  gone[0] = 2;
  gone.fill(0, 22, 30);
  expect(next()).toEqual(gone);
  expect(next()).toEqual(headers([20]));
  expect(next().toString("latin1")).toContain("namevalue");
  expect(at).toBe(laid.length);
});

test("copy: another record in its place is refused, also an authentic one of the same key", () => {
  const known = headers([5]);
  const older = disk.readFile("/d/7").subarray(offsetOf(4), offsetOf(4) + 16 + lengthOf(4));
  expect(copy([5], known).length).toBe(frameHeaderBytes + lengthOf(5));
  change(5, (frame) => older.copy(frame));
  expect(() => copy([5], known)).toThrow("STORE_RECORD_DAMAGED");
});

test("copy: a changed tombstone, and one that passes for a control record, is refused", () => {
  const known = headers([20]);
  const control = () => copyControl;
  expect(() => copy([20], known, control)).toThrow("STORE_RECORD_DAMAGED");
  change(20, (frame) => frame.fill(8, frameHeaderBytes + 1, frameHeaderBytes + 17));
  expect(() => copy([20], known)).toThrow("STORE_RECORD_DAMAGED");
});

test("copy: reads near records together, and not what lies between far ones", () => {
  write(2000);
  const counted: number[] = [];
  const counting = Object.create(disk, {
    open: {
      value: (...all: Parameters<Disk["open"]>): DiskFile => {
        const file = disk.open(...all);
        const read = file.read.bind(file);
        file.read = (target, position) => {
          counted.push(target.length);
          return read(target, position);
        };
        return file;
      },
    },
  }) as Disk;
  const near = [10, 11, 13, 20];
  const far = [500, 1000];
  const all = [...near, ...far];
  copy(all, headers(all), undefined, counting);
  const frame = frameHeaderBytes + lengthOf(0);
  expect(counted).toEqual([11 * frame, frame, frame]);
  counted.length = 0;
  copy(all, headers(all), undefined, counting, true);
  expect(counted).toEqual([991 * frame]);
});
