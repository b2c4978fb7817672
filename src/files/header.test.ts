import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { blockBytes } from "./framing.ts";
import { decodeFileHeader, encodeFileHeader, headerBodyBytesMax } from "./header.ts";
import { flipBit } from "./testing/bytes.ts";

const kind = { magic: "SRTEST..", version: 1 };
const body = Buffer.from("where it belongs");

test("a header has the documented bytes and fills a block", () => {
  const block = encodeFileHeader(kind, body);
  expect(block.length).toBe(blockBytes);
  const start = `${Buffer.from("SRTEST..").toString("hex")}010010${body.toString("hex")}`;
  expect(block.toString("hex", 0, 11 + body.length)).toBe(start);
  expect(block.readUInt32BE(4092)).toBe(crc32(block.subarray(0, 4092)));
  expect(decodeFileHeader(kind, block, "f")).toEqual(body);
  const longest = Buffer.alloc(headerBodyBytesMax, 1);
  expect(decodeFileHeader(kind, encodeFileHeader(kind, longest), "f")).toEqual(longest);
});

test("bit flips and truncations of a header are refused", () => {
  const block = encodeFileHeader(kind, body);
  for (let bit = 0; bit < blockBytes * 8; bit += bit < 1024 || bit > 32_000 ? 1 : 13)
    expect(() => decodeFileHeader(kind, flipBit(block, bit), "f")).toThrow("FILE_HEADER_DAMAGED");
  for (let size = 0; size < blockBytes; size += 7)
    expect(() => decodeFileHeader(kind, block.subarray(0, size), "f")).toThrow(
      "FILE_HEADER_DAMAGED",
    );
});

test("another kind, another version and padding that is not zero are refused", () => {
  const other = encodeFileHeader({ magic: "SRTEST-2", version: 1 }, body);
  expect(() => decodeFileHeader(kind, other, "f")).toThrow("FILE_HEADER_DAMAGED");
  const later = encodeFileHeader({ magic: kind.magic, version: 2 }, body);
  expect(() => decodeFileHeader(kind, later, "f")).toThrow("FORMAT_VERSION");
  const padded = encodeFileHeader(kind, body);
  padded.writeUInt8(1, 4000);
  padded.writeUInt32BE(crc32(padded.subarray(0, 4092)), 4092);
  expect(() => decodeFileHeader(kind, padded, "f")).toThrow("FILE_HEADER_DAMAGED");
});
