/**
 * What a failed call means for a partition: a refusal that passes by itself, or the end of it until
 * a restart.
 *
 *     ENOSPC EDQUOT EFBIG      disk_full       until there is room
 *     EROFS                    disk_read_only  until it can be written
 *     EMFILE ENFILE ENOMEM     storage_busy    until there are descriptors or memory
 *     anything else            storage_failed  nobody knows what is on disk
 */

import { EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM, ENOSPC, EROFS } from "../../ffi/constants.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";

export function refusalOf(errno: number): ErrorCode {
  switch (errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCodes.disk_full;
    case EROFS:
      return ErrorCodes.disk_read_only;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCodes.storage_busy;
    default:
      return ErrorCodes.storage_failed;
  }
}

/** Whether the next turn may try again. */
export function isPassing(code: ErrorCode): boolean {
  return code === ErrorCodes.disk_full || code === ErrorCodes.disk_read_only ||
    code === ErrorCodes.storage_busy;
}
