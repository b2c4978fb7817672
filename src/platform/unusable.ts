/**
 * What the file system says of a data directory that cannot be used (ENOTDIR, EACCES, EROFS,
 * ENOSPC …), as the one refusal that names the path. It is the operator's to mend, so it must not
 * look like a defect of the program, which anything else that is not ours stays.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";

/** The error of a system call; those of Node itself are `ERR_…`. */
const systemCode = /^E[A-Z0-9]+$/;

/** True for what the system said of a call; what else is not ours is a defect. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" && systemCode.test(code);
}

/** @returns DATA_DIR_UNUSABLE for an error of the system, else `error` as it is. */
export function unusable(error: unknown, dataDir: string): unknown {
  if (!isSystemError(error)) return error;
  const { code, path } = error;
  return new StrongroomError("DATA_DIR_UNUSABLE", `${path ?? dataDir}: ${code}`, { cause: error });
}

/** @throws as `work`, but DATA_DIR_UNUSABLE for an error of the system. */
export function whereUsable<T>(dataDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unusable(error, dataDir);
  }
}
