/**
 * Searches files for plaintext: each text as it is and in the forms in which programs tend to
 * write text. What it finds is proof of plaintext; finding nothing says nothing about forms that
 * it does not know, compressed ones for example.
 * @module
 */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";

/** One text in one form. */
export interface Pattern {
  /** Which text, counted from 1; the text itself is never printed. */
  readonly text: number;
  readonly form: string;
  readonly bytes: Buffer;
}

export interface Finding {
  readonly text: number;
  readonly form: string;
  /** Relative to the directory. */
  readonly path: string;
  /** Offset in the file; -1 if it is the file's name. */
  readonly offset: number;
}

/** Shorter texts meet by chance in random bytes. */
const textBytesMin = 4;
const chunkBytes = 2 ** 20;

function form(text: number, name: string, bytes: Buffer | string): Pattern {
  return { text, form: name, bytes: Buffer.from(bytes as string) };
}

/** The characters of a base64 text that depend on `text` alone, with `shift` bytes before it. */
function base64Core(text: Buffer, shift: number, encoding: "base64" | "base64url"): string {
  const encoded = Buffer.concat([Buffer.alloc(shift), text]).toString(encoding);
  const from = Math.ceil((shift * 8) / 6);
  const to = Math.floor(((shift + text.length) * 8) / 6);
  return encoded.slice(from, to);
}

function formsOf(text: string, number: number): Pattern[] {
  const raw = Buffer.from(text, "utf8");
  const wide = Buffer.from(text, "utf16le");
  const hex = raw.toString("hex");
  const pairs = hex.match(/../g) as string[];
  const forms = [
    form(number, "raw", raw),
    form(number, "reversed", Buffer.from(raw).reverse()),
    form(number, "hex", hex),
    form(number, "upper-case hex", hex.toUpperCase()),
    form(number, "hex with blanks", pairs.join(" ")),
    form(number, "decimal list", [...raw].join(",")),
    form(number, "UTF-16LE", wide),
    form(number, "UTF-16BE", Buffer.from(wide).swap16()),
  ];
  for (const shift of [0, 1, 2])
    for (const encoding of ["base64", "base64url"] as const)
      forms.push(form(number, `${encoding} at ${shift}`, base64Core(raw, shift, encoding)));
  return forms;
}

/** @throws CONFIG_INVALID for a text that is too short to tell from chance. */
export function patternsOf(texts: readonly string[]): Pattern[] {
  const seen = new Set<string>();
  return texts.flatMap((text, at) => {
    if (Buffer.byteLength(text) < textBytesMin)
      throw new StrongroomError("CONFIG_INVALID", `--scan: text ${at + 1} is under 4 bytes`);
    return formsOf(text, at + 1).filter((pattern) => {
      const key = `${at} ${pattern.bytes.toString("hex")}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  });
}

/** The first place of each pattern in a file. */
export function scanFile(
  disk: Disk,
  path: string,
  patterns: readonly Pattern[],
): { pattern: Pattern; offset: number }[] {
  const overlap = Math.max(0, ...patterns.map((pattern) => pattern.bytes.length - 1));
  const window = Buffer.allocUnsafeSlow(chunkBytes + overlap);
  const found: { pattern: Pattern; offset: number }[] = [];
  let open = [...patterns];
  const file = disk.open(path, { mode: "read" });
  try {
    for (let position = 0; open.length > 0; position += chunkBytes) {
      const part = window.subarray(0, file.read(window, position));
      open = open.filter((pattern) => {
        const at = part.indexOf(pattern.bytes);
        if (at >= 0) found.push({ pattern, offset: position + at });
        return at < 0;
      });
      if (part.length < window.length) break;
    }
  } finally {
    file.close();
  }
  return found;
}

/**
 * Every regular file below a directory, sorted; links are followed, as the node does, to each
 * folder once. What vanishes meanwhile is left out.
 */
function filesBelow(directory: string): string[] {
  const files: string[] = [];
  const seen = new Set<string>();
  const walk = (folder: string): void => {
    const real = realpathSync(folder);
    if (seen.has(real)) return;
    seen.add(real);
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const status = statSync(path, { throwIfNoEntry: false });
      if (status?.isDirectory()) walk(path);
      else if (status?.isFile()) files.push(path);
    }
  };
  walk(directory);
  return files.sort();
}

export interface ScanResult {
  readonly files: number;
  readonly findings: readonly Finding[];
}

/** Searches names and contents of every file below `directory`. */
export function scanDirectory(
  disk: Disk,
  directory: string,
  patterns: readonly Pattern[],
): ScanResult {
  const findings: Finding[] = [];
  let files = 0;
  for (const path of filesBelow(directory)) {
    const name = relative(directory, path);
    const add = (pattern: Pattern, offset: number) =>
      findings.push({ text: pattern.text, form: pattern.form, path: name, offset });
    for (const pattern of patterns) if (Buffer.from(name).includes(pattern.bytes)) add(pattern, -1);
    try {
      for (const { pattern, offset } of scanFile(disk, path, patterns)) add(pattern, offset);
      files++;
    } catch (error) {
      // A running node removes files while they are listed.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return { files, findings };
}
