// Goal: every reply is the same bytes as Redis 7.0 writes, wherever a buffer happens to end.
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDouble } from "./numbers.ts";
import { BufferPool } from "./pool.ts";
import type { Reply } from "./reply.ts";
import { type ReplyError, ValueReply } from "./values.ts";
import { RespWriter } from "./writer.ts";

function written(resp3: boolean, write: (reply: Reply) => void): string {
  const writer = new RespWriter();
  writer.resp3 = resp3;
  write(writer);
  return writer.take().toString("latin1");
}

const cases: [(reply: Reply) => void, string, string][] = [
  [(r) => r.ok(), "+OK\r\n", "+OK\r\n"],
  [(r) => r.queued(), "+QUEUED\r\n", "+QUEUED\r\n"],
  [(r) => r.simple("a\r\nb"), "+a  b\r\n", "+a  b\r\n"],
  [(r) => r.error("ERR x\n\xff"), "-ERR x \xff\r\n", "-ERR x \xff\r\n"],
  [(r) => r.integer(0), ":0\r\n", ":0\r\n"],
  [(r) => r.integer(1234567890), ":1234567890\r\n", ":1234567890\r\n"],
  [(r) => r.integer(-5), ":-5\r\n", ":-5\r\n"],
  [(r) => r.integer(-(2n ** 63n)), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"],
  [(r) => r.bulk(Buffer.from("hey")), "$3\r\nhey\r\n", "$3\r\nhey\r\n"],
  [(r) => r.bulkFrom(Buffer.from("abcd"), 1, 3), "$2\r\nbc\r\n", "$2\r\nbc\r\n"],
  [(r) => r.bulkText("é"), "$2\r\n\xc3\xa9\r\n", "$2\r\n\xc3\xa9\r\n"],
  [(r) => r.nil(), "$-1\r\n", "_\r\n"],
  [(r) => r.nilArray(), "*-1\r\n", "_\r\n"],
  [(r) => r.array(12), "*12\r\n", "*12\r\n"],
  [(r) => r.map(2), "*4\r\n", "%2\r\n"],
  [(r) => r.set(3), "*3\r\n", "~3\r\n"],
  [(r) => r.push(3), "*3\r\n", ">3\r\n"],
  [(r) => r.double(0.1), "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"],
  [(r) => r.bool(true), ":1\r\n", "#t\r\n"],
  [(r) => r.verbatim("txt", "hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
  [(r) => r.bigNumber("12"), "$2\r\n12\r\n", "(12\r\n"],
];

test("writer: golden bytes of every reply in RESP2 and RESP3", () => {
  for (const [write, two, three] of cases) {
    expect(written(false, write)).toBe(two);
    expect(written(true, write)).toBe(three);
  }
});

test("writer: buffers may end anywhere", () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 40_000 }));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 40 }), (sizes) => {
      const pool = new BufferPool();
      const writer = new RespWriter(pool);
      let expected = "";
      for (const bytes of sizes) {
        const data = Buffer.alloc(bytes, 97 + (bytes % 26));
        if (bytes % 2 === 0) writer.bulk(data);
        else writer.bulkFrom(data, 0, bytes);
        writer.ok();
        writer.integer(bytes);
        expected += `$${bytes}\r\n${data.toString("latin1")}\r\n+OK\r\n:${bytes}\r\n`;
      }
      expect(writer.pending).toBe(expected.length);
      let found = "";
      writer.drain((chunk, from, to) => {
        found += chunk.buffer.toString("latin1", from, to);
        pool.give(chunk);
      });
      expect(found === expected).toBe(true);
      expect(writer.pending).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test("writer: a muted writer writes nothing", () => {
  const writer = new RespWriter();
  writer.muted = true;
  for (const [write] of cases) write(writer);
  expect(writer.pending).toBe(0);
});

test("numbers: doubles print as C's %.17g", () => {
  const table: [number, string][] = [
    [1, "1"],
    [-0, "-0"],
    [3.5, "3.5"],
    [0.1, "0.10000000000000001"],
    [1e20, "1e+20"],
    [1e17, "1e+17"],
    [12345678901234568, "12345678901234568"],
    [1.5e-5, "1.5e-05"],
    [0.0001, "0.0001"],
    [1e300, "1.0000000000000001e+300"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
  ];
  for (const [n, text] of table) expect(formatDouble(n)).toBe(text);
});

test("values: nested replies become values", () => {
  const reply = new ValueReply();
  reply.map(1);
  reply.bulkText("k");
  reply.array(2);
  reply.set(1);
  reply.integer(2n ** 60n);
  reply.error("ERR no");
  reply.array(0);
  expect(reply.complete).toBe(2);
  const map = reply.take() as Map<string, unknown[]>;
  expect([...map.keys()]).toEqual(["k"]);
  expect(map.get("k")?.[0]).toEqual(new Set([2n ** 60n]));
  expect((map.get("k")?.[1] as ReplyError | undefined)?.code).toBe("ERR");
  expect(reply.take()).toEqual([]);
});
