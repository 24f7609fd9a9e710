/**
 * What a handler is given and what it may say: done, must wait, or an error that becomes the
 * reply.
 */

import type { ByteBlock } from "../base/bytes.ts";

/** One request, as its handler sees it. Reused: a handler keeps nothing of it. */
export interface Request {
  memory: ByteBlock;
  /** The body is [start, end). */
  start: number;
  end: number;
  correlation: number;
  version: number;
}

/** What a handler returns. */
export const HANDLED = 0;
/** Not executed: it must wait for an answer before it. */
export const MUST_WAIT = 1;
/** It can never be done, and no reply may say so: the connection ends. */
export const MUST_END = 2;

/** Why a handler refuses; becomes the error reply. For paths that are not hot. */
export class RequestError extends Error {
  override name = "RequestError";
  readonly code: number;

  constructor(code: number, message = "") {
    super(message);
    this.code = code;
  }
}
