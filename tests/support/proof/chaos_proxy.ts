/**
 * A TCP proxy that stands between clients and a broker and is no good: it delays what passes, drops
 * it, and cuts connections in the middle of a request or a reply.
 *
 *     client --bytes--> [ delay | drop, then cut | forward a part, then cut ] --> broker, and back
 *
 * Bytes are dropped only where the connection ends, as in a network: TCP leaves no holes. It keeps
 * its port while the broker behind it comes and goes.
 */
import type { Buffer } from "node:buffer";
import net from "node:net";
import { Prng } from "../prng.ts";
import { pause } from "../until.ts";

const DELAY_MS_MAX = 15;
/** In 10,000 pieces that pass. */
const DELAYS = 800;
const DROPS = 150;
const CUTS = 150;

export class ChaosProxy {
  /** What it did. */
  readonly counts = { connections: 0, delays: 0, drops: 0, cuts: 0 };
  /** Nothing is done to what passes: for the end of a proof. */
  isCalm = false;
  readonly #server: net.Server;
  readonly #prng: Prng;
  readonly #sockets: Set<net.Socket> = new Set();
  #target = 0;

  private constructor(seed: number) {
    this.#prng = new Prng(seed);
    this.#server = net.createServer((client) => this.#join(client));
  }

  static async start(seed: number): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(seed);
    await new Promise<void>((done) => proxy.#server.listen(0, "127.0.0.1", done));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** The broker's port from now on. */
  pointTo(port: number): void {
    this.#target = port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }

  #join(client: net.Socket): void {
    this.counts.connections += 1;
    const broker = net.connect({ host: "127.0.0.1", port: this.#target });
    const cut = () => {
      client.destroy();
      broker.destroy();
    };
    for (const [from, to] of [[client, broker], [broker, client]] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      let before = Promise.resolve();
      from.on("data", (bytes: Buffer) => (before = before.then(() => this.#pass(bytes, to, cut))));
      from.on("error", cut).on("close", () => {
        this.#sockets.delete(from);
        cut();
      });
    }
  }

  async #pass(bytes: Buffer, to: net.Socket, cut: () => void): Promise<void> {
    const fate = this.isCalm ? Infinity : this.#prng.below(10000);
    if (fate < DELAYS) {
      this.counts.delays += 1;
      await pause(this.#prng.below(DELAY_MS_MAX));
    } else if (fate < DELAYS + DROPS) {
      this.counts.drops += 1;
      return cut();
    } else if (fate < DELAYS + DROPS + CUTS) {
      this.counts.cuts += 1;
      to.end(bytes.subarray(0, this.#prng.below(bytes.length)), cut);
      return;
    }
    if (to.writable) to.write(bytes); // behind a part of a piece nothing follows
  }
}
