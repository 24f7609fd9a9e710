/**
 * Socket: one end of a stream, or a listener with the ends that wait to be accepted.
 *
 *     fresh -> bound -> listening -> (accept) connected
 *     fresh -> connected -> shut for writing -> closed
 *
 * Invariant: bytes arrive once and in order; after the peer has closed, what it sent is still read,
 * then comes the end (or -ECONNRESET, where it closed with our bytes unread).
 */
import {
  AF_UNIX,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  ENOTCONN,
  EPIPE,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  MSG_DONTWAIT,
  MSG_PEEK,
} from "../../ffi/constants.ts";
import type { SocketAddress } from "../../ffi/libc.ts";
import { Descriptor, SimDeadlock } from "./sim_descriptors.ts";
import { ByteQueue, type SimNetwork } from "./sim_network.ts";
import type { SimSocketNode } from "./sim_node.ts";

const QUEUE_LIMIT = 131_072;
const QUEUE_MIN = 4_608;

export class Socket extends Descriptor {
  readonly domain: number;
  isBlocking: boolean;
  name: SocketAddress | null = null;
  /** The name in the file system that it is bound to. */
  node: SimSocketNode | null = null;
  readonly inbox: ByteQueue = new ByteQueue(QUEUE_LIMIT);
  peer: Socket | null = null;
  peerName: SocketAddress | null = null;
  readonly #network: SimNetwork;
  /** Above 0: it listens. */
  #backlog = 0;
  #waiting: Socket[] = [];
  #isShutRead = false;
  #isShutWrite = false;
  #isReset = false;
  #isClosed = false;

  constructor(network: SimNetwork, domain: number, isBlocking: boolean) {
    super();
    this.#network = network;
    this.domain = domain;
    this.isBlocking = isBlocking;
  }

  get isConnected(): boolean {
    return this.peerName !== null;
  }

  override ready(): number {
    if (this.#backlog > 0) return this.#waiting.length > 0 ? EPOLLIN : 0;
    if (!this.isConnected) return EPOLLOUT | EPOLLHUP;
    const { peer } = this;
    const isPeerDone = peer === null || peer.#isShutWrite;
    const isEnd = isPeerDone || this.#isShutRead;
    let flags = this.inbox.size > 0 || isEnd ? EPOLLIN : 0;
    if (isEnd) flags |= EPOLLRDHUP;
    if (isEnd && this.#isShutWrite) flags |= EPOLLHUP;
    if (peer === null) flags |= EPOLLOUT | (this.domain === AF_UNIX ? EPOLLHUP : 0);
    else if (this.#isShutWrite || peer.inbox.room * 3 >= peer.inbox.limit) flags |= EPOLLOUT;
    return this.#isReset ? flags | EPOLLERR : flags;
  }

  override read(into: Uint8Array, start: number, size: number): number {
    return this.receive(into, start, size, 0);
  }

  override write(from: Uint8Array, start: number, size: number): number {
    return this.send(from, start, size, 0);
  }

  listen(backlog: number): number {
    if (this.isConnected) return -EINVAL;
    this.#backlog = Math.max(1, backlog);
    return 0;
  }

  /** `listener` is what was found at the address. */
  connectTo(listener: object | null, name: SocketAddress): number {
    if (this.isConnected) return -EISCONN;
    if (!(listener instanceof Socket) || listener.#backlog === 0) return -ECONNREFUSED;
    if (listener.#waiting.length >= listener.#backlog) return -EAGAIN;
    this.name ??= this.#ephemeralName(name);
    const server = new Socket(this.#network, this.domain, true);
    server.name = listener.name;
    server.peerName = this.name;
    server.peer = this;
    server.inbox.limit = listener.inbox.limit;
    this.peer = server;
    this.peerName = name;
    listener.#waiting.push(server);
    listener.activity += 1;
    this.activity += 1;
    return 0;
  }

  /** One end that waits; -errno where there is none. */
  accept(isBlocking: boolean): Socket | number {
    if (this.#backlog === 0) return -EINVAL;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return this.#wouldBlock("accept", 0);
    waiting.isBlocking = isBlocking;
    return waiting;
  }

  receive(into: Uint8Array, start: number, size: number, flags: number): number {
    if (!this.isConnected) return -ENOTCONN;
    if (this.inbox.size > 0) {
      const took = this.inbox.take(into, start, size, (flags & MSG_PEEK) !== 0);
      if (this.peer !== null) this.peer.activity += 1;
      return took;
    }
    if (this.#isReset) {
      this.#isReset = false;
      return -ECONNRESET;
    }
    if (this.#isShutRead || this.peer === null || this.peer.#isShutWrite) return 0;
    return size === 0 ? 0 : this.#wouldBlock("recv", flags);
  }

  /** How many bytes a send may move now, or -errno. */
  sendRoom(flags: number): number {
    if (!this.isConnected) return this.#isShutWrite ? -EPIPE : -ENOTCONN;
    if (this.#isShutWrite || this.peer === null || this.peer.#isShutRead) return -EPIPE;
    const { room } = this.peer.inbox;
    return room > 0 ? room : this.#wouldBlock("send", flags);
  }

  send(from: Uint8Array, start: number, size: number, flags: number): number {
    const room = this.sendRoom(size === 0 ? flags | MSG_DONTWAIT : flags);
    if (room < 0) return size === 0 && room === -EAGAIN ? 0 : room;
    const count = Math.min(room, size);
    this.peer!.inbox.push(from, start, count);
    this.peer!.activity += 1;
    return count;
  }

  shut(how: number): number {
    if (!this.isConnected) return -ENOTCONN;
    if (how < 0 || how > 2) return -EINVAL;
    if (how !== 1) this.#isShutRead = true;
    if (how !== 0) this.#isShutWrite = true;
    this.activity += 1;
    if (this.peer !== null) this.peer.activity += 1;
    return 0;
  }

  /** SO_RCVBUF of this end, or SO_SNDBUF as seen from the other: doubled, as the kernel does. */
  setBuffer(value: number, isReceive: boolean): void {
    const limit = Math.max(QUEUE_MIN, value * 2);
    if (isReceive) this.inbox.limit = limit;
    else if (this.peer !== null) this.peer.inbox.limit = limit;
  }

  override close(): void {
    super.close();
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const waiting of this.#waiting.splice(0)) waiting.close();
    if (this.node !== null && this.node.listener === this) this.node.listener = null;
    const { name } = this;
    if (name !== null && name.family !== "unix") this.#network.unbind(name.host, name.port, this);
    const { peer } = this;
    this.peer = null;
    if (peer === null) return;
    peer.peer = null;
    peer.#isReset = this.inbox.size > 0;
    peer.activity += 1;
  }

  #ephemeralName(peer: SocketAddress): SocketAddress {
    if (peer.family === "unix") return { family: "unix", path: "" };
    const port = this.#network.freePort(peer.host);
    return { family: peer.family, host: peer.host, port };
  }

  #wouldBlock(call: string, flags: number): number {
    if (!this.isBlocking || (flags & MSG_DONTWAIT) !== 0) return -EAGAIN;
    throw new SimDeadlock(call + " on a socket that blocks");
  }
}

/** The family's name of a socket that was never bound. */
export function unboundName(domain: number): SocketAddress {
  if (domain === AF_UNIX) return { family: "unix", path: "" };
  if (domain === 2) return { family: "inet", host: "0.0.0.0", port: 0 };
  return { family: "inet6", host: "::", port: 0 };
}
