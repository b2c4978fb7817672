// Goal: a frame that is whole but does not hold exactly the entries that it counts is refused by a
// code, at a start and while it is read.
import { expect, test } from "vitest";
import type { LogIndex } from "../../base/brand.ts";
import { blockBytes, fileSeed, frameHeaderBytes, writeFrameHeader } from "../../files/framing.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { appendNumbered, directory, openOn } from "../testing/segments.ts";

const entry = "00000003616263";
const bodies = {
  "a body without a count": ["0000000000000001", "0000"],
  "more counted than there are": ["0000000000000001", "00000002", entry],
  "many more": ["0000000000000001", "7fffffff", entry],
  "an entry longer than the body": ["0000000000000001", "00000001", "ffffffff616263"],
  "a byte behind the last entry": ["0000000000000001", "00000001", entry, "00"],
};

for (const [what, parts] of Object.entries(bodies))
  test(`log: ${what} is refused at a start, and by a reader`, async () => {
    const disk = new MemoryDisk();
    const log = openOn(disk);
    await appendNumbered(log, 1, [10]);
    const body = Buffer.from(parts.join(""), "hex");
    const block = disk.alignedBuffer(blockBytes);
    block.set(body, frameHeaderBytes);
    writeFrameHeader(block, 0, body.length, fileSeed(1), blockBytes, blockBytes);
    disk.open(`${directory}/0000000001.log`, { mode: "write" }).write(block, blockBytes);
    const code = what.startsWith("a byte") ? "FORMAT_TRAILING" : "FORMAT_TRUNCATED";
    expect(() => openOn(disk)).toThrow(code);
    expect(() => [...log.read(1 as LogIndex)]).toThrow(code);
    await log.close();
  });
