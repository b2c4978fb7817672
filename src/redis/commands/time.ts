/**
 * TIME. O(1). Seconds since 1970 and microseconds of the current second, as two bulk strings.
 * @module
 */
import { command } from "./define.ts";

export const time = command({
  name: "time",
  tips: ["nondeterministic_output"],
  arity: 1,
  flags: ["loading", "stale", "fast"],
  since: "2.6.0",
  summary: "Return the current server time",
  run: ({ server, reply }) => {
    const nowMs = server.host.clock.nowMs();
    const micros = Math.floor((server.host.clock.monotonicMs() % 1) * 1000);
    reply.array(2);
    reply.bulkText(String(Math.floor(nowMs / 1000)));
    reply.bulkText(String((Math.floor(nowMs) % 1000) * 1000 + micros));
  },
});
