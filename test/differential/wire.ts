/**
 * RESP on the wire, as tests need it: encodes requests, cuts a stream into whole replies, and
 * reads them into trees that can be compared. Written apart from src/resp, which it helps to judge.
 * @module
 */
export type Tree = string | { readonly type: string; readonly items: Tree[] };

export function encodeRequest(args: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) parts.push(Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from("\r\n"));
  return Buffer.concat(parts);
}

const aggregates = "*%~>|";

/** Offset after the reply that begins at `at`; -1 if it is not complete. */
export function replyEnd(bytes: Buffer, at: number): number {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const type = String.fromCharCode(bytes[at] as number);
  const count = Number(bytes.toString("latin1", at + 1, lineEnd));
  if ("$=!".includes(type) && count >= 0) {
    const end = lineEnd + 2 + count + 2;
    return end <= bytes.length ? end : -1;
  }
  let next = lineEnd + 2;
  if (!aggregates.includes(type) || count < 0) return next;
  const items = "%|".includes(type) ? count * 2 : count;
  for (let i = 0; i < items; i++) {
    next = replyEnd(bytes, next);
    if (next < 0) return -1;
  }
  return next;
}

/** A leaf is its bytes on the wire without line breaks; an aggregate keeps its type. */
export function readTree(bytes: Buffer): Tree {
  let at = 0;
  const read = (): Tree => {
    const lineEnd = bytes.indexOf("\r\n", at);
    const head = bytes.toString("latin1", at, lineEnd);
    const type = head[0] as string;
    const count = Number(head.slice(1));
    at = lineEnd + 2;
    if ("$=!".includes(type) && count >= 0) {
      at += count + 2;
      return type + bytes.toString("latin1", at - count - 2, at - 2);
    }
    if (type === "$" || type === "_") return "nil";
    if (!aggregates.includes(type) || count < 0) return head;
    const items = "%|".includes(type) ? count * 2 : count;
    return { type, items: Array.from({ length: items }, read) };
  };
  return read();
}
