import { expect, test } from "vitest";
import {
  fileSeed,
  frameHeaderBytes,
  frameIsWhole,
  frameSyncedThrough,
  plausibleFrame,
  writeFrameHeader,
} from "./framing.ts";
import { flipBit } from "./testing/bytes.ts";

function frame(body: string, number: number, position: number, syncedThrough: number): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(frameHeaderBytes), Buffer.from(body)]);
  writeFrameHeader(bytes, 0, body.length, fileSeed(number), position, syncedThrough);
  return bytes;
}

function whole(bytes: Buffer, number: number, position: number): boolean {
  if (bytes.length < frameHeaderBytes) return false;
  const length = plausibleFrame(bytes, 0, position, position + bytes.length);
  return length > 0 && frameIsWhole(bytes, 0, length, fileSeed(number), position);
}

test("a frame has the documented bytes", () => {
  const bytes = frame("strongroom", 7, 8192, 4096);
  const fields = ["0000000a", "943105d4", "0000000000001000"];
  const body = Buffer.from("strongroom").toString("hex");
  expect(bytes.toString("hex")).toBe([...fields, body].join(""));
  const far = frame("x", 2 ** 40 + 1, 2 ** 32 + 4096, 2 ** 32);
  expect(far.toString("hex")).toBe(["00000001", "d047e861", "0000000100000000", "78"].join(""));
  expect(frameSyncedThrough(bytes, 0)).toBe(4096);
});

test("every bit flip and every truncation of a frame is refused", () => {
  const bytes = frame("a body of some length", 3, 4096, 4096);
  expect(whole(bytes, 3, 4096)).toBe(true);
  for (let bit = 0; bit < bytes.length * 8; bit++)
    expect(whole(flipBit(bytes, bit), 3, 4096)).toBe(false);
  for (let size = 0; size < bytes.length; size++)
    expect(whole(bytes.subarray(0, size), 3, 4096)).toBe(false);
});

test("a frame is whole only in its own file and at its own offset", () => {
  const bytes = frame("entry", 3, 8192, 0);
  for (let number = 1; number < 2000; number++)
    expect(whole(bytes, number, 8192)).toBe(number === 3);
  for (let block = 0; block < 2000; block++)
    expect(whole(bytes, 3, block * 4096)).toBe(block === 2);
});

test("lengths are bounded by the file before anything is read", () => {
  const bytes = frame("entry", 1, 4096, 4096);
  bytes.writeUInt32BE(0xffff_ffff, 0);
  expect(plausibleFrame(bytes, 0, 4096, 2 ** 40)).toBe(0);
  bytes.writeUInt32BE(1000, 0);
  expect(plausibleFrame(bytes, 0, 4096, 4096 + 1015)).toBe(0);
  expect(plausibleFrame(bytes, 0, 4096, 4096 + 1016)).toBe(1000);
});
