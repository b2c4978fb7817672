/**
 * CLIENT NO-EVICT and NO-TOUCH ON | OFF. O(1). Kept and shown; connections are not evicted here.
 * @module
 */
import { syntaxError } from "../../../commands/failures.ts";
import type { Call, ServerCommand } from "../../context.ts";
import { adminFlags, command, sessionFlags } from "../define.ts";

function onOff({ args }: Call): boolean {
  if (args.is(0, "on")) return true;
  if (args.is(0, "off")) return false;
  throw syntaxError();
}

export const noEvict: ServerCommand = command({
  name: "no-evict",
  arity: 3,
  flags: adminFlags,
  group: "connection",
  since: "7.0.0",
  summary: "Set client eviction mode for the current connection",
  run: (call) => {
    call.peer.session.noEvict = onOff(call);
    call.reply.ok();
  },
});

export const noTouch: ServerCommand = command({
  name: "no-touch",
  arity: 3,
  flags: sessionFlags,
  group: "connection",
  since: "7.2.0",
  summary: "Controls whether commands sent by the client will alter the LRU/LFU of the keys",
  run: (call) => {
    call.peer.session.noTouch = onOff(call);
    call.reply.ok();
  },
});
