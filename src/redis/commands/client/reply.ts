/**
 * CLIENT REPLY ON | OFF | SKIP. O(1). +OK for ON; the others have no reply.
 * @module
 */
import { syntaxError } from "../../../commands/failures.ts";
import { command, sessionFlags } from "../define.ts";

export const reply = command({
  name: "reply",
  arity: 3,
  flags: sessionFlags,
  group: "connection",
  since: "3.2.0",
  summary: "Instruct the server whether to reply to commands",
  run: ({ peer, args, reply: out }) => {
    const { session } = peer;
    if (args.is(0, "on")) {
      session.replies = "on";
      peer.mute(false);
      out.ok();
    } else if (args.is(0, "off")) {
      session.replies = "off";
      peer.mute(true);
    } else if (args.is(0, "skip")) {
      if (session.replies === "on") session.replies = "skip";
    } else throw syntaxError();
    peer.refresh();
  },
});
