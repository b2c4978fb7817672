// Goal: the same commands come out however the bytes were cut, memory follows what was received,
// and no input crashes or hangs the parser.
import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultRespLimits } from "./limits.ts";
import { RespParser } from "./parser.ts";

function argumentsOf(parser: RespParser): Buffer[] {
  const all: Buffer[] = [];
  for (let i = 0; i < parser.argc; i++)
    all.push(Buffer.from(parser.buffer.subarray(parser.starts[i], parser.ends[i])));
  return all;
}

function drain(parser: RespParser, into: Buffer[][] = []): Buffer[][] {
  while (parser.next()) into.push(argumentsOf(parser));
  return into;
}

function parse(...chunks: (string | Buffer)[]): { commands: string[][]; error: string | null } {
  const parser = new RespParser();
  const found: Buffer[][] = [];
  for (const chunk of chunks) {
    parser.feed(Buffer.from(chunk as string));
    drain(parser, found);
  }
  const commands = found.map((c) => c.map((a) => a.toString("latin1")));
  return { commands, error: parser.error };
}

function encode(command: Uint8Array[]): Buffer {
  const parts = [Buffer.from(`*${command.length}\r\n`)];
  for (const a of command)
    parts.push(Buffer.from(`$${a.length}\r\n`), Buffer.from(a), Buffer.from("\r\n"));
  return Buffer.concat(parts);
}

const commands = fc.array(
  fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

test("parser: any cut of the bytes gives the same commands, from one reused buffer", () => {
  fc.assert(
    fc.property(
      commands,
      fc.array(fc.integer({ min: 1, max: 30 })),
      fc.boolean(),
      (list, cuts, big) => {
        const wanted = big ? [...list, [Buffer.alloc(9000, 7), Buffer.alloc(3, 1)]] : list;
        const bytes = Buffer.concat(wanted.map(encode));
        const parser = new RespParser();
        const shared = Buffer.alloc(bytes.length);
        const found: Buffer[][] = [];
        let at = 0;
        for (let turn = 0; at < bytes.length; turn++) {
          const size = Math.min(cuts.length > 0 ? cuts[turn % cuts.length] : 7, bytes.length - at);
          shared.fill(0xee);
          bytes.copy(shared, 0, at, at + size);
          parser.feed(shared, 0, size);
          drain(parser, found);
          at += size;
        }
        expect(found).toEqual(wanted.map((c) => c.map((a) => Buffer.from(a))));
        expect(parser.pendingBytes).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});

test("parser: a detached rest survives the reuse of the chunk, and more may follow", () => {
  const one = encode([Buffer.from("GET"), Buffer.from("a")]);
  const chunk = Buffer.concat([one, one, one.subarray(0, 9)]);
  const parser = new RespParser();
  parser.feed(chunk);
  expect(parser.next()).toBe(true);
  parser.detach();
  chunk.fill(0);
  expect(parser.next()).toBe(true);
  parser.detach();
  parser.feed(one.subarray(9));
  expect(drain(parser)).toHaveLength(1);
});

test("parser: hostile bytes never crash it, and a broken stream stays broken", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 30 }).map((b) => Buffer.from(b)),
    fc
      .constantFrom(
        "*",
        "$",
        "\r\n",
        "*3\r\n",
        "$3\r\n",
        "-1",
        "\r",
        "\n",
        "'",
        '"',
        "\\x",
        " ",
        "9999",
      )
      .map((t) => Buffer.from(t)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const parser = new RespParser();
      for (const p of pieces) {
        parser.feed(p);
        drain(parser);
        const { error } = parser;
        if (error !== null) expect(error).toMatch(/^ERR Protocol error: /);
      }
      const whole = new RespParser();
      whole.feed(Buffer.concat(pieces));
      drain(whole);
      expect(whole.error).toBe(parser.error);
    }),
    { numRuns: 500 },
  );
});

test("parser: texts of protocol errors are Redis's", () => {
  const cases: [string, string][] = [
    ["*x\r\n", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    ["*2147483648\r\n", "invalid multibulk length"],
    ["*99999999999999999999\r\n", "invalid multibulk length"],
    ["*1\r\n$x\r\n", "invalid bulk length"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$536870913\r\n", "invalid bulk length"],
    ["*1\r\n:5\r\n", "expected '$', got ':'"],
    ["*1\r\n*1\r\n", "expected '$', got '*'"],
    [`*${"1".repeat(70_000)}`, "too big mbulk count string"],
    [`*1\r\n$${"1".repeat(70_000)}`, "too big bulk count string"],
    ["x".repeat(70_000), "too big inline request"],
    ['SET a "b\r\n', "unbalanced quotes in request"],
    ["SET a 'b'c\r\n", "unbalanced quotes in request"],
  ];
  for (const [bytes, text] of cases)
    expect(parse(bytes).error, bytes.slice(0, 20)).toBe(`ERR Protocol error: ${text}`);
});

test("parser: before authentication arguments are few and short", () => {
  const parser = new RespParser();
  parser.authenticated = false;
  parser.feed(Buffer.from("*11\r\n"));
  expect(parser.next()).toBe(false);
  expect(parser.error).toContain("unauthenticated multibulk length");
  const other = new RespParser();
  other.authenticated = false;
  other.feed(Buffer.from("*1\r\n$16385\r\n"));
  expect(other.next()).toBe(false);
  expect(other.error).toContain("unauthenticated bulk length");
});

test("parser: inline commands with quotes, empty lines and empty arrays", () => {
  const { commands: found } = parse(
    'PING\r\n\r\n  \r\nSET k "a b\\x41\\n"\nget \'x\\\'y\' ""\r\n*-1\r\n*0\r\nping\n',
  );
  expect(found).toEqual([["PING"], ["SET", "k", "a bA\n"], ["get", "x'y", ""], ["ping"]]);
});

test("parser: a declared length takes no memory", () => {
  const parser = new RespParser();
  parser.feed(Buffer.from(`*1000000\r\n$536870912\r\n${"x".repeat(1000)}`));
  expect(parser.next()).toBe(false);
  expect(parser.heldBytes).toBeLessThan(4096);
});

test("parser: a long argument in small pieces is copied a constant number of times", () => {
  const parser = new RespParser();
  const bytes = 16 << 20;
  parser.feed(Buffer.from(`*1\r\n$${bytes}\r\n`));
  parser.next();
  const piece = Buffer.alloc(1024, 65);
  const begin = process.hrtime.bigint();
  for (let sent = 0; sent < bytes; sent += piece.length) {
    parser.feed(piece);
    expect(parser.next()).toBe(false);
  }
  parser.feed(Buffer.from("\r\n"));
  expect(parser.next()).toBe(true);
  expect(parser.ends[0] - parser.starts[0]).toBe(bytes);
  expect(Number(process.hrtime.bigint() - begin) / 1e6).toBeLessThan(2000);
  // A client that is silent from now on holds none of it.
  expect(parser.next()).toBe(false);
  expect(parser.heldBytes).toBe(0);
  parser.feed(Buffer.from("PING\r\n"));
  expect(parser.next()).toBe(true);
  expect(parser.heldBytes).toBeLessThan(20_000);
});

test("parser: an unfinished command beyond the query limit is refused", () => {
  const parser = new RespParser({ ...defaultRespLimits(), queryBytesMax: 5000 });
  parser.feed(Buffer.from("*2\r\n$100000\r\n"));
  for (let i = 0; i < 10 && parser.error === null; i++) {
    parser.next();
    parser.feed(Buffer.alloc(1000));
  }
  expect(parser.error).toContain("query buffer limit");
});
