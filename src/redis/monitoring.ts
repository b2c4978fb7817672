/**
 * Lines of MONITOR. Passwords are not shown, and what is for the administrator is not either.
 * @module
 */
import type { Args } from "../commands/args.ts";
import type { Peer, ServerContext, TableEntry } from "./context.ts";
import { isSecret, redacted } from "./secrets.ts";

/** Of one argument; longer ones are cut. */
const argumentBytesMax = 64 * 1024;

/** As Redis's sdscatrepr: a quoted string without control bytes. */
function quote(text: string): string {
  let out = '"';
  for (const character of text) {
    const code = character.charCodeAt(0);
    const short = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    if (short !== undefined) out += short;
    else if (code === 7) out += "\\a";
    else if (code === 8) out += "\\b";
    else if (code < 32 || code > 126) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else out += character;
  }
  return `${out}"`;
}

/** An argument, of which no more is shown than a line may hold. */
function shown(args: Args, i: number): string {
  const over = args.length(i) - argumentBytesMax;
  const text = quote(args.beginning(i, argumentBytesMax));
  return over > 0 ? `${text}... (${over} more bytes)` : text;
}

/** Null: the command is not shown. */
export function monitorLine(
  server: ServerContext,
  peer: Peer,
  entry: TableEntry,
  args: Args,
): string | null {
  const hidden = entry.flags.has("admin") || entry.flags.has("skip_monitor");
  if (hidden || entry.name === "quit") return null;
  const seconds = Math.floor(server.nowMs / 1000);
  const micros = Math.floor((server.nowMs % 1000) * 1000);
  const names = entry.name.split("|");
  const words = names.map(quote);
  for (let i = 0; i < args.count; i++)
    words.push(isSecret(entry.name, args, i) ? quote(redacted) : shown(args, i));
  const from = peer.unix ? `unix:${peer.localAddress}` : peer.address;
  const time = `${seconds}.${micros.toString().padStart(6, "0")}`;
  return `${time} [${peer.session.db} ${from}] ${words.join(" ")}`;
}
