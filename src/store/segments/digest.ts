/**
 * What a commit's MAC covers: the previous commit's MAC, of every frame its length and what
 * authenticates it, and the commit itself. Of a sealed put that is the record's header, the
 * envelope's header, the nonce and the tag, which stands for the ciphertext; of other records all
 * bytes; of a clear put its header and the frame's CRC. So a run cannot be changed, cut, reordered
 * or taken from another place of the chain.
 * @module
 */
import { letGo } from "../../base/bytes.ts";
import {
  commitMacAt,
  commitMacBytes,
  kindPut,
  recordHeaderBytes,
  recordTagBytes,
  recordTextAt,
} from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import type { MacKey } from "../../platform/primitives.ts";
import { copyBytes } from "./bytes.ts";

export class RunDigest {
  frames = 0;
  /** What is to be signed, up to `at`. */
  scratch = Buffer.allocUnsafeSlow(8 * 1024);
  at = 0;

  /** @param previous - MAC of the commit before, 32 bytes. */
  begin(previous: Uint8Array): void {
    this.frames = 0;
    this.scratch.write("C", 0, "latin1");
    this.scratch.set(previous, 1);
    this.at = 1 + commitMacBytes;
  }

  private reserve(bytes: number): number {
    const at = this.at;
    this.at += bytes;
    if (this.at > this.scratch.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.at, this.scratch.length * 2));
      this.scratch.copy(larger, 0, 0, at);
      letGo(this.scratch);
      this.scratch = larger;
    }
    return at;
  }

  private copy(buffer: Buffer, from: number, bytes: number): void {
    const at = this.reserve(bytes);
    if (bytes <= 64) copyBytes(buffer, from, this.scratch, at, bytes);
    else buffer.copy(this.scratch, at, from, from + bytes);
  }

  /** Adds the frame at `frameAt`, complete with CRC, whose body has `length` bytes. */
  add(buffer: Buffer, frameAt: number, length: number, sealed: boolean): void {
    this.frames++;
    this.copy(buffer, frameAt, 4);
    const bodyAt = frameAt + frameHeaderBytes;
    if (buffer[bodyAt] !== kindPut) {
      this.copy(buffer, bodyAt, length);
    } else if (sealed) {
      this.copy(buffer, bodyAt, recordTextAt);
      this.copy(buffer, bodyAt + length - recordTagBytes, recordTagBytes);
    } else {
      this.copy(buffer, bodyAt, recordHeaderBytes);
      this.copy(buffer, frameAt + 4, 4);
    }
  }

  /** Somebody has added `frames` frames, up to `at` in `scratch`. */
  added(at: number, frames: number): void {
    this.at = at;
    this.frames += frames;
  }

  /** Adds the commit's fields and writes its MAC into `out`. */
  finish(key: MacKey, buffer: Buffer, commitAt: number, out: Uint8Array, outAt: number): void {
    this.copy(buffer, commitAt, commitMacAt);
    key.sign(this.scratch, 0, this.at, out, outAt, commitMacBytes);
  }

  /** Gives its memory back; it is not used again. */
  dispose(): void {
    letGo(this.scratch);
  }
}
