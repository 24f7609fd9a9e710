/**
 * One consumer of the load that fetches.
 *
 * Invariant: one fetch of a place is outstanding at most, and a fetch of one place holds up none of
 * the others.
 */
import type { Connection } from "../../../src/client/connection.ts";
import { operation, type ReplyOf } from "../../../src/native/operations.ts";
import { pause } from "../until.ts";
import { Reader } from "./reader.ts";

const MAX_BYTES = 262144;
const MAX_WAIT_MS = 50;
const REST_MS = 2;

export class Consumer extends Reader {
  protected override async read(
    connection: Connection,
    handle: number,
    index: number,
  ): Promise<void> {
    while (!this.stopping.signal.aborted && connection.failure === null) {
      const reply = await this.#fetch(connection, handle, index);
      if (reply === null) continue;
      this.note(index, reply, false);
      await pause(REST_MS);
    }
  }

  /** Null: what was to come next was deleted, and the log start is next now. */
  async #fetch(
    connection: Connection,
    handle: number,
    index: number,
  ): Promise<ReplyOf<"fetch"> | null> {
    try {
      return await connection.request(operation("fetch"), {
        handle,
        ...{ maxBytes: MAX_BYTES, minBytes: 1, maxWaitMs: MAX_WAIT_MS },
        offset: this.next[index]!,
      });
    } catch (error) {
      await this.skipDeleted(error, connection, handle, index);
      return null;
    }
  }
}
