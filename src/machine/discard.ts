/**
 * A sink for batches whose proposer is not waiting here: replay after a start, and entries of other
 * nodes.
 * @module
 */
import type { Reply } from "../resp/reply.ts";
import type { BatchSink } from "./ports.ts";

const nothing = (): void => {};

/** Takes any reply and keeps none. */
export const discardReply: Reply = {
  resp3: false,
  ok: nothing,
  queued: nothing,
  simple: nothing,
  error: nothing,
  integer: nothing,
  bulk: nothing,
  bulkFrom: nothing,
  bulkText: nothing,
  nil: nothing,
  nilArray: nothing,
  array: nothing,
  map: nothing,
  set: nothing,
  attribute: nothing,
  push: nothing,
  aloud: nothing,
  double: nothing,
  bool: nothing,
  verbatim: nothing,
  bigNumber: nothing,
};

export const discardSink: BatchSink = {
  together: (_ordinal, max) => max,
  wereSet: nothing,
  before: () => discardReply,
  beginTransaction: nothing,
  inner: () => discardReply,
  endTransaction: nothing,
};
