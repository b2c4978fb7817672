/**
 * The log of slow commands (redis.io, SLOWLOG): what took longer than a threshold, cut as Redis
 * cuts it. It holds arguments, that is user data, in memory only.
 * @module
 */
import type { Args } from "../commands/args.ts";
import type { Peer, ServerContext, TableEntry } from "./context.ts";
import { isSecret, redacted } from "./secrets.ts";

const argumentsMax = 32;
const textMax = 128;

export interface Slow {
  readonly id: number;
  readonly peer: Peer;
  readonly entry: TableEntry;
  readonly args: Args;
  readonly usec: number;
}

function cut(args: Args, i: number): string {
  const over = args.length(i) - textMax;
  const text = args.beginning(i, textMax);
  return over > 0 ? `${text}... (${over} more bytes)` : text;
}

/** The text of argument i, unless it is a secret. */
function shownText({ entry, args }: Slow, i: number): string {
  return isSecret(entry.name, args, i) ? redacted : cut(args, i);
}

function wordsOf(slow: Slow): string[] {
  const names = slow.entry.name.split("|");
  const total = names.length + slow.args.count;
  const shown = total > argumentsMax ? argumentsMax - 1 : total;
  const words = [...names];
  for (let i = 0; words.length < shown; i++) words.push(shownText(slow, i));
  if (shown < total) words.push(`... (${total - shown} more arguments)`);
  return words;
}

export function noteSlow(server: ServerContext, slow: Slow): void {
  if (slow.entry.flags.has("skip_slowlog")) return;
  const lengthMax = Number(server.settings.get("slowlog-max-len"));
  server.slowLog.unshift({
    id: slow.id,
    unixSeconds: Math.floor(server.nowMs / 1000),
    usec: slow.usec,
    args: wordsOf(slow),
    address: slow.peer.address,
    name: slow.peer.session.name,
  });
  if (server.slowLog.length > lengthMax) server.slowLog.length = lengthMax;
}
