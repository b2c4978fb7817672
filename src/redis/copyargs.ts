/**
 * Arguments that outlive the buffer they were received in.
 * @module
 */
import { Args } from "../commands/args.ts";

/** A copy of `args`, and of the `back` arguments before them, with a buffer of its own. */
export function copyArgs(args: Args, back = 0): Args {
  const copy = new Args();
  const first = args.first - back;
  copy.count = args.count + back;
  if (copy.count === 0) return copy;
  const from = args.starts[first];
  const to = args.ends[first + copy.count - 1];
  copy.buffer = Buffer.from(args.buffer.subarray(from, to));
  for (let i = 0; i < copy.count; i++) {
    copy.starts.push(args.starts[first + i] - from);
    copy.ends.push(args.ends[first + i] - from);
  }
  return copy;
}
