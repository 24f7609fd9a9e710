/**
 * A port that is mapped to another one, as a container's or a router's is: every connection to it
 * is carried to a port of this machine, and counted.
 *
 *     client -- port -->  Forwarder  -- to -->  listener        host 127.0.0.1, all three
 */
import net from "node:net";

export class Forwarder {
  readonly port: number;
  /** Where connections go from now on. */
  to = 0;
  /** How each of them is seen at the other end: HOST:PORT. */
  readonly carried: Set<string> = new Set();
  readonly #server: net.Server;
  readonly #sockets: Set<net.Socket> = new Set();

  private constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on("connection", (socket: net.Socket) => this.#carry(socket));
  }

  /** Listens on a free port. */
  static open(): Promise<Forwarder> {
    const server = net.createServer();
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new Forwarder(server)));
    });
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Ends what it carries, and goes on listening. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #carry(socket: net.Socket): void {
    const far = net.connect(this.to, "127.0.0.1");
    far.once("connect", () => this.carried.add(`127.0.0.1:${far.localPort}`));
    for (const [from, other] of [[socket, far], [far, socket]] as const) {
      this.#sockets.add(from);
      from.on("error", () => {}).once("close", () => {
        this.#sockets.delete(from);
        other.destroy();
      });
      from.pipe(other);
    }
  }
}
