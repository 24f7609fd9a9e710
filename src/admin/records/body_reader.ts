/**
 * The body of a request that comes as a stream, piece by piece. What is not read stays in the
 * kernel, and then with the client: that is the back-pressure.
 *
 * Invariant: at most one piece is held; after `leave` nothing is read any more.
 */

import { clearTimeout, setTimeout } from "node:timers";
import { ClosedError } from "../../client/errors.ts";
import { HttpError } from "../problem.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

export class BodyReader {
  readonly #reader: Reader | null;
  readonly #idleMs: number;
  /** Ends a read that waits. */
  #leave: (error: Error) => void = () => {};
  #left: Error | null = null;

  /** `body`: null where there is none. `idleMs`: how long the client may pause. */
  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>> | null, idleMs: number) {
    this.#reader = body?.getReader() ?? null;
    this.#idleMs = idleMs;
  }

  /**
   * The next piece; null behind the last one. Throws HttpError: the client paused too long, or cut
   * the body short; ClosedError after `leave`.
   */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.#left !== null) throw this.#left;
    if (this.#reader === null) return null;
    const left = new Promise<never>((_, reject) => (this.#leave = reject));
    const slow = new HttpError("http_body_slow", `nothing came for ${this.#idleMs} ms`);
    const limit = setTimeout(() => this.#end(slow), this.#idleMs);
    try {
      const next = this.#reader.read().catch((error: unknown) => {
        throw new HttpError("http_invalid_request", `the body was cut short: ${String(error)}`);
      });
      const { done, value } = await Promise.race([next, left]);
      return done ? null : value;
    } finally {
      clearTimeout(limit);
      left.catch(() => {}); // nobody waits for it any more
    }
  }

  /** Reads no more: the broker stops, or what came was wrong. */
  leave(): void {
    this.#end(new ClosedError("HTTP door"));
  }

  #end(error: Error): void {
    if (this.#left !== null) return;
    this.#left = error;
    this.#leave(error);
  }
}
