/**
 * One descriptor kept for the moment when there is no other: an `accept` that fails with EMFILE
 * leaves the client in the queue, and a listener that stays ready would keep the loop awake.
 *
 *     close the reserve -> accept -> close the client -> open the reserve again
 *
 * Invariant: between two calls the reserve is open, unless another thread was quicker to take its
 * number; then it is opened at the next call.
 */

import type { Libc } from "../../ffi/libc.ts";
import type { Listener } from "./listener.ts";

export class Reserve {
  readonly #libc: Libc;
  #fd: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#fd = libc.eventfd(0, 0);
  }

  /** Lets one waiting client know that there is no room. False: not even for that. */
  refuse(listener: Listener): boolean {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    const client = this.#libc.accept4(listener.fd, 0);
    if (client >= 0) this.#libc.close(client);
    this.#fd = this.#libc.eventfd(0, 0);
    return client >= 0;
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    this.#fd = -1;
  }
}
