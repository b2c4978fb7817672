/**
 * `file:PATH`: exactly 32 raw bytes in a regular file that its owner alone may read or write; no
 * header, no encoding, no line end. Judged on the opened descriptor, not on the name.
 * docs/formats/kek-file.md.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { readSecretFile, type SecretFileStatus } from "../platform/secret-file.ts";
import { kekBytes } from "./local.ts";

/** Owner reads, perhaps writes; nobody else anything. */
const modes: readonly number[] = [0o600, 0o400];

/**
 * @returns 32 bytes, to be zeroed.
 * @throws KEK_MISSING, KEK_PERMISSIONS, KEK_SIZE; KEK_UNAVAILABLE for a failing disk.
 */
export function readKekFile(path: string): Buffer {
  try {
    const key = readSecretFile(path, kekBytes + 1, (status) => judge(path, status));
    if (key.length === kekBytes) return key;
    key.fill(0);
    throw new StrongroomError("KEK_SIZE", `${path} changed while it was read`);
  } catch (error) {
    throw asKekError(path, error);
  }
}

function judge(path: string, status: SecretFileStatus): void {
  if (!status.regular) throw new StrongroomError("KEK_PERMISSIONS", `${path} is no regular file`);
  if (!modes.includes(status.mode))
    throw new StrongroomError(
      "KEK_PERMISSIONS",
      `${path} has mode 0${status.mode.toString(8)}, it must be 0600 or 0400`,
    );
  if (!status.ownerTrusted)
    throw new StrongroomError("KEK_PERMISSIONS", `${path} belongs to another user`);
  if (status.bytes !== kekBytes)
    throw new StrongroomError("KEK_SIZE", `${path} has ${status.bytes} bytes, not ${kekBytes}`);
}

function asKekError(path: string, error: unknown): unknown {
  if (error instanceof StrongroomError) return error;
  const code = String((error as NodeJS.ErrnoException | null)?.code ?? "");
  const options = { cause: error };
  if (code === "ENOENT" || code === "ENOTDIR")
    return new StrongroomError("KEK_MISSING", `there is no file ${path}`, options);
  if (code === "EACCES" || code === "EPERM")
    return new StrongroomError("KEK_PERMISSIONS", `${path} may not be read by this user`, options);
  // A socket (ENXIO) or a device without its driver (ENODEV) is no key file either.
  if (code === "ENXIO" || code === "ENODEV")
    return new StrongroomError("KEK_PERMISSIONS", `${path} is no regular file`, options);
  return new StrongroomError("KEK_UNAVAILABLE", `${path} cannot be read (${code})`, options);
}
