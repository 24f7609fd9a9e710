/**
 * How many event streams may be open: each takes a connection for as long as it likes, and for
 * each of its partitions memory that the shard may push into.
 *
 * Invariant: open streams are at most `streamsMax`, their partitions at most
 * HTTP_STREAM_PARTITIONS_MAX.
 */

import { HTTP_STREAM_PARTITIONS_MAX } from "../../limits.ts";
import { HttpError } from "../problem.ts";

export class StreamPlaces {
  readonly #streamsMax: number;
  #streams = 0;
  #partitions = 0;

  constructor(streamsMax: number) {
    this.#streamsMax = streamsMax;
  }

  /** A place, and what gives it back; the second time does nothing. Throws HttpError. */
  take(partitions: number): () => void {
    if (this.#streams >= this.#streamsMax) {
      throw new HttpError("http_too_many_streams", `${this.#streams} streams are open`);
    }
    if (this.#partitions + partitions > HTTP_STREAM_PARTITIONS_MAX) {
      const open = `${this.#partitions} partitions are being streamed`;
      throw new HttpError(
        "http_too_many_streams",
        `${open}; at most ${HTTP_STREAM_PARTITIONS_MAX}`,
      );
    }
    this.#streams += 1;
    this.#partitions += partitions;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#streams -= 1;
      this.#partitions -= partitions;
    };
  }
}
