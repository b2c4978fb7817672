/**
 * TIME. O(1). Seconds since 1970 and microseconds of the current second, as two bulk strings.
 * @module
 */
import { command } from "./define.ts";

/** The latest answer: the two clocks begin their milliseconds at different moments. */
let lastMicros = 0;

export const time = command({
  name: "time",
  tips: ["nondeterministic_output"],
  arity: 1,
  flags: ["loading", "stale", "fast"],
  since: "2.6.0",
  summary: "Return the current server time",
  run: ({ server, reply }) => {
    const nowMs = server.host.clock.nowMs();
    const fraction = Math.floor((server.host.clock.monotonicMs() % 1) * 1000);
    const micros = Math.floor(nowMs) * 1000 + fraction;
    // A clock that was set back by more is told.
    if (micros > lastMicros || micros + 1000 < lastMicros) lastMicros = micros;
    reply.array(2);
    reply.bulkText(String(Math.floor(lastMicros / 1_000_000)));
    reply.bulkText(String(lastMicros % 1_000_000));
  },
});
