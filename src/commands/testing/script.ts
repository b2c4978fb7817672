/**
 * Recorded conversations with redis-server 7.0, in `../testdata/*.txt`. Each script begins with an
 * empty keyspace:
 *
 *     # what it shows
 *     > COMMAND arguments, quoted as in an inline command
 *     the reply on the wire in RESP2, "|" for each line break, \xHH for what is not printable
 *     = the reply in RESP3, where it differs
 *
 * `> LIST key` makes a list, which has no reply.
 * @module
 */
import { readFileSync } from "node:fs";
import { splitInline } from "../../resp/inline.ts";

export interface Row {
  readonly line: string;
  readonly args: readonly Buffer[];
  readonly resp2: string;
  readonly resp3: string;
}

export interface Script {
  readonly name: string;
  readonly rows: readonly Row[];
}

export const families = ["strings", "keys", "bitmaps", "wrongtype"] as const;
export type Family = (typeof families)[number];

/** Arguments of a line as a person types it. */
function argumentsOf(line: string): Buffer[] {
  const source = Buffer.from(line, "latin1");
  const split = splitInline(source, 0, source.length);
  if (split === null) throw new Error(`unbalanced quotes: ${line}`);
  return split.starts.map((start, i) => split.buffer.subarray(start, split.ends[i]));
}

/** A reply on the wire as scripts write it. */
export function showReply(reply: Buffer): string {
  const text = reply.toString("latin1").replace(/\r\n$/, "").replaceAll("\r\n", "|");
  return text.replace(
    /[^\x20-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function readRow(block: string): Row {
  const [line = "", resp2 = "", other = ""] = block.split("\n");
  const resp3 = other.startsWith("= ") ? other.slice(2) : resp2;
  return { line, args: argumentsOf(line), resp2, resp3 };
}

/** All scripts of a family. */
export function scriptsOf(family: Family): Script[] {
  const text = readFileSync(new URL(`../testdata/${family}.txt`, import.meta.url), "utf8");
  return text
    .split(/^# /m)
    .slice(1)
    .map((part) => {
      const [name = "", ...rows] = part.trimEnd().split("\n> ");
      return { name, rows: rows.map(readRow) };
    });
}
