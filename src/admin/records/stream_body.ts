/**
 * An answer that is made while it is sent: piece by piece, each when the client has taken the
 * one before it, so that a slow client costs one piece and what the kernel holds.
 *
 * Invariant: the source is asked for nothing more once the client is gone, and an error of it ends
 * the connection: what was sent before does not look whole.
 */

import { clearTimeout, setTimeout } from "node:timers";
import { trace } from "../../base/trace.ts";

export interface StreamBodyOptions {
  /** Cuts the connection. */
  readonly cut: () => void;
  /** The client is gone, before the end. */
  readonly left: () => void;
  /** A client that takes nothing for so long is let go of; Infinity: it may. */
  readonly stallMs: number;
}

export function streamBody(
  source: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>,
  { cut, left, stallMs }: StreamBodyOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let limit: ReturnType<typeof setTimeout> | undefined;
  let isLeft = false;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      clearTimeout(limit);
      try {
        const { done, value } = await source.next();
        if (isLeft) return;
        if (done) return controller.close();
        controller.enqueue(value);
        if (stallMs < Infinity) limit = setTimeout(cut, stallMs);
      } catch (error) {
        trace("error", `http: ${error instanceof Error ? error.stack : String(error)}`);
        cut();
      }
    },
    cancel(): void {
      isLeft = true;
      clearTimeout(limit);
      left();
      source.return().catch(() => {}); // it ends as if it had been read to its end
    },
  }, { highWaterMark: 0 });
}
