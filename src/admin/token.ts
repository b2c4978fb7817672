/**
 * The admin token: 32 random bytes in hex in `<data>/run/admin.token`, made at the first start and
 * kept, so that tools which hold a copy go on after a restart. Whoever reads it may do everything
 * to the keys. So its file is judged at every start, on the opened descriptor: a token that others
 * could have read or put there is refused, not mended, for nobody knows who has it.
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { StrongroomError } from "../base/errors.ts";
import type { Disk, Random } from "../base/ports.ts";
import { readSecretFile } from "../platform/secret-file.ts";

const tokenBytes = 32;
const tokenPattern = /^[0-9a-f]{64}$/;
const fileBytesMax = 256;

/**
 * Reads a token file that must be this user's alone.
 * @returns null if there is none in it.
 * @throws ADMIN_TOKEN_UNSAFE.
 */
function readToken(path: string): string | null {
  let text: string;
  try {
    const bytes = readSecretFile(path, fileBytesMax, ({ regular, mode, ownerTrusted }) => {
      if (!regular) throw new StrongroomError("ADMIN_TOKEN_UNSAFE", "not a regular file");
      if (!ownerTrusted) throw new StrongroomError("ADMIN_TOKEN_UNSAFE", "another user owns it");
      if ((mode & 0o077) !== 0)
        throw new StrongroomError("ADMIN_TOKEN_UNSAFE", `mode ${mode.toString(8)}, not 600`);
    });
    text = bytes.toString("latin1").trim();
    bytes.fill(0);
  } catch (cause) {
    if (cause instanceof StrongroomError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    if (code === "ENOENT") return null;
    throw new StrongroomError("ADMIN_TOKEN_UNSAFE", `cannot be read: ${code}`, { cause });
  }
  // A file that holds no token, as an operator may have left it, is as good as none.
  return tokenPattern.test(text) ? text : null;
}

/**
 * The token of a directory, drawn if there is none. Only the holder of the directory's lock may
 * call it.
 * @throws ADMIN_TOKEN_UNSAFE.
 */
export function keepToken(disk: Disk, random: Random, path: string): string {
  const kept = readToken(path);
  if (kept !== null) return kept;
  const token = random.bytes(tokenBytes).toString("hex");
  disk.replaceFile(path, Buffer.from(`${token}\n`));
  return token;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** A judge of `authorization` headers that compares in constant time, whatever the lengths. */
export function tokenJudge(token: string): (header: string | undefined) => boolean {
  const wanted = digest(`Bearer ${token}`);
  return (header) => timingSafeEqual(digest(header ?? ""), wanted);
}
