/**
 * Microseconds per operation of the primitives and of reading, on both implementations, medians of
 * five rounds: `node bench/primitives.ts`. Takes a few seconds.
 * @module
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadNative } from "../src/platform/native.ts";
import { loadPrimitives, type Primitives } from "../src/platform/primitives.ts";

const rounds = 5;

/** Median microseconds of one call. */
function measure(calls: number, call: (index: number) => void): number {
  for (let i = 0; i < calls / 4; i++) call(i);
  const times = Array.from({ length: rounds }, () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) call(i);
    return Number(process.hrtime.bigint() - start) / 1e3 / calls;
  });
  return times.sort((a, b) => a - b)[rounds >> 1]!;
}

function sealing(primitives: Primitives, calls: number): Record<string, number> {
  const shared = new SharedArrayBuffer(2 ** 20, { maxByteLength: 2 ** 20 });
  const buffer = Buffer.from(shared as unknown as ArrayBuffer, 0, 2 ** 20);
  const aead = primitives.aead(Buffer.alloc(32, 1), Buffer.alloc(19, 2));
  const [aad, text] = [52, 1024];
  const bytes = aad + 12 + text + 16;
  const rows = 512;
  const table = Uint32Array.from({ length: rows * 3 }, (_, i) =>
    i % 3 === 0 ? (i / 3) * bytes : i % 3 === 1 ? aad : text,
  );
  const sealed = Buffer.from(buffer.subarray(0, bytes));
  aead.seal(sealed, 0, aad, text);
  const copy = Buffer.alloc(bytes);
  return {
    "seal 1 KiB": measure(calls, (i) => aead.seal(buffer, (i % rows) * bytes, aad, text)),
    "seal 1 KiB, batch": measure(calls / rows, () => aead.sealMany(buffer, table, rows)) / rows,
    "seal 64 B": measure(calls, (i) => aead.seal(buffer, (i % rows) * bytes, aad, 64)),
    "seal 16 KiB": measure(calls / 8, () => aead.seal(buffer, 0, aad, 16384)),
    "open 1 KiB": measure(calls, () => {
      sealed.copy(copy);
      aead.open(copy, 0, aad, text);
    }),
  };
}

function signing(primitives: Primitives, calls: number): Record<string, number> {
  const data = Buffer.alloc(64 * 1024, 3);
  const out = Buffer.alloc(32 * 1024);
  const mac = primitives.mac(Buffer.alloc(32, 4));
  const rows = 512;
  const table = Uint32Array.from({ length: rows * 2 }, (_, i) => (i % 2 === 0 ? i * 32 : 40));
  const sample = data.subarray(0, 100);
  return {
    "HMAC 40 B": measure(calls, (i) => mac.sign(data, i & 1023, 40, out, 0, 16)),
    "HMAC 40 B, batch":
      measure(calls / rows, () => mac.signMany(data, table, rows, out, 0, 16)) / rows,
    "HKDF 32 B": measure(calls / 50, () => primitives.hkdf(sample, sample, sample, 32)),
  };
}

function reading(kind: string, calls: number): Record<string, number> {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  const path = join(directory, "file");
  writeFileSync(path, Buffer.alloc(8 * 2 ** 20, 5));
  const fd = openSync(path, "r");
  const target = Buffer.alloc(4096);
  const io = kind === "native" ? loadNative() : null;
  const place = (i: number) => (i * 40_503) % (8 * 2 ** 20 - 4096);
  try {
    const read =
      io === null
        ? (i: number) => readSync(fd, target, 0, 1200, place(i))
        : (i: number) => io.pread(fd, target, 0, 1200, place(i));
    const times: Record<string, number> = { "pread 1.2 KiB": measure(calls, read) };
    const rows = new Uint32Array(5 * 16);
    const many = (i: number): void => {
      for (let n = 0; n < 16; n++) rows.set([fd, 0, 1200, place(i * 16 + n), 0], n * 5);
      io?.preadMany(target, rows, 16);
    };
    if (io !== null) times["pread 1.2 KiB, one of 16"] = measure(calls / 16, many) / 16;
    return times;
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}

const found = loadPrimitives();
const implementations = found.kind === "native" ? [found, loadPrimitives("node")] : [found];
console.log(`Node ${process.version}, microseconds per operation`);
for (const primitives of implementations) {
  const calls = primitives.kind === "native" ? 100_000 : 20_000;
  const times = {
    ...sealing(primitives, calls),
    ...signing(primitives, calls),
    ...reading(primitives.kind, calls),
  };
  for (const [name, time] of Object.entries(times))
    console.log(`${primitives.kind.padEnd(7)} ${name.padEnd(18)} ${time.toFixed(3)}`);
}
