/**
 * Verifying a partition, as lines of JSON while it is going on. Who does the work is given: it is
 * neither the shard nor this thread.
 *
 *     {"kind":"progress","doneBytes":1048576,"totalBytes":4194304}
 *     {"kind":"finding","severity":"damage","path":"orders-0/….log","text":"…","advice":"…"}
 *     {"kind":"summary","segments":1,"batches":9,"records":90,"bytes":4711,"findings":{…}}
 *
 * Invariant: the last line is a summary or says why there is none; a client that goes away ends the
 * work, and for one that does not read no progress is kept.
 */

import type { VerifyEvent } from "../base/verify_event.ts";

/** Verifies one partition (`orders-0`) after the other. */
export interface PartitionVerifier {
  /** Returns how to cancel it; nothing is told after that. */
  begin(partition: string, tell: (event: VerifyEvent) => void): () => void;
  /** The broker stops: all that is going on is cancelled, and told so. */
  stop(): void;
}

export function verifyStream(
  verifier: PartitionVerifier,
  partition: string,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let cancel = (): void => {};
  return new ReadableStream({
    start: (controller) => {
      cancel = verifier.begin(partition, (event) => {
        // Who has not read the one before hears of a later one, so that nothing piles up.
        if (event.kind === "progress" && (controller.desiredSize ?? 0) <= 0) return;
        controller.enqueue(encoder.encode(`${JSON.stringify(event)}\n`));
        if (event.kind !== "progress" && event.kind !== "finding") controller.close();
      });
    },
    cancel: () => cancel(),
  });
}
