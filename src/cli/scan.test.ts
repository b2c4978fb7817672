// Goal: a search that finds nothing anywhere would pass everything, so every form of a text is
// found wherever it stands, across the borders of what is read at once too.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NodeDisk } from "../platform/disk.ts";
import { patternsOf, scanDirectory } from "./scan.ts";

const disk = new NodeDisk();
const text = "Canary-äöü+42";
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "scan-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function found(content: Buffer): string[] {
  writeFileSync(join(directory, "file"), content);
  return scanDirectory(disk, directory, patternsOf([text])).findings.map((one) => one.form);
}

const around = (bytes: Buffer) => Buffer.concat([Buffer.alloc(5000, 7), bytes, Buffer.alloc(9)]);

test("scan: each form is found", () => {
  const raw = Buffer.from(`<${text}>`);
  const wide = Buffer.from(`<${text}>`, "utf16le");
  const samples: Record<string, Buffer> = {
    raw,
    reversed: Buffer.from(raw).reverse(),
    hex: Buffer.from(raw.toString("hex")),
    "upper-case hex": Buffer.from(raw.toString("hex").toUpperCase()),
    "hex with blanks": Buffer.from(raw.toString("hex").replace(/(..)/g, "$1 ")),
    "decimal list": Buffer.from([...raw].join(",")),
    "UTF-16LE": wide,
    "UTF-16BE": Buffer.from(wide).swap16(),
  };
  for (const [form, bytes] of Object.entries(samples)) expect(found(around(bytes))).toContain(form);
  for (let before = 0; before < 6; before++)
    for (const encoding of ["base64", "base64url"] as const) {
      const encoded = Buffer.concat([Buffer.alloc(before, 0xff), raw]).toString(encoding);
      expect(found(around(Buffer.from(encoded))).join()).toMatch(/base64/);
    }
});

test("scan: links are followed, to each folder once", () => {
  const other = mkdtempSync(join(tmpdir(), "scan-"));
  try {
    writeFileSync(join(other, "linked"), around(Buffer.from(text)));
    symlinkSync(other, join(directory, "log"));
    symlinkSync(directory, join(other, "back"));
    symlinkSync(join(directory, "none"), join(directory, "dangling"));
    const { files, findings } = scanDirectory(disk, directory, patternsOf([text]));
    expect(files).toBe(1);
    expect(findings.map(({ path }) => path)).toEqual([join("log", "linked")]);
  } finally {
    rmSync(other, { recursive: true });
  }
});

test("scan: found at every place around the border of a chunk", () => {
  const border = 2 ** 20;
  for (const shift of [-20, -15, -8, -1, 0, 1]) {
    const content = Buffer.alloc(border + 100);
    content.write(text, border + shift);
    expect(found(content)).toEqual(["raw"]);
  }
});

test("scan: names of files and folders count, places are told", () => {
  mkdirSync(join(directory, `sub-${text}`));
  writeFileSync(join(directory, `sub-${text}`, "empty"), "");
  writeFileSync(join(directory, "file"), `123${text}`);
  const { files, findings } = scanDirectory(disk, directory, patternsOf(["unseen", text]));
  expect(files).toBe(2);
  expect(findings).toEqual([
    { text: 2, form: "raw", path: "file", offset: 3 },
    { text: 2, form: "raw", path: `sub-${text}/empty`, offset: -1 },
  ]);
});

test("scan: random bytes hold nothing, short texts are refused", () => {
  expect(found(Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 7919) % 251)))).toEqual(
    [],
  );
  expect(() => patternsOf(["abc"])).toThrow(/CONFIG_INVALID/);
});
