/**
 * Who is connected to the HTTP door, and the bound on how many may be. Counted here: of
 * `node:http`, `maxConnections` does nothing on Deno, and on Bun it goes on counting clients that
 * are gone.
 *
 *     connected -> counted -> gone
 *                  above the bound: what has come is heard first -> ended, unless others are gone
 *
 * Heard first, because Bun accepts one client after the other in one turn, and answers some and
 * closes, as long as the next one is there by then; that they are gone is told after it. A client
 * that asks quickly, each time by a new connection, was refused for those that it had before.
 *
 * Invariant: no request of a connection above the bound is served.
 */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";

export class DoorConnections {
  readonly #max: number;
  readonly #sockets: Set<Socket> = new Set();

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#sockets.size;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#areTooMany) hearFirst(() => this.#endNewest());
  }

  /** `answer` is called at once, or when it is decided who is too many and its client is not. */
  serve(incoming: IncomingMessage, answer: () => void): void {
    if (!this.#areTooMany) return answer();
    hearFirst(() => {
      if (!incoming.socket.destroyed) answer();
    });
  }

  get #areTooMany(): boolean {
    return this.#sockets.size > this.#max;
  }

  #endNewest(): void {
    for (const socket of [...this.#sockets].slice(this.#max)) {
      this.#sockets.delete(socket);
      socket.destroy();
    }
  }
}

/** Between the two turns Bun asks the system who is gone. */
function hearFirst(then: () => void): void {
  setImmediate(() => setImmediate(then));
}
