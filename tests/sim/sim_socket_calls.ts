/** The simulated calls on sockets: loopback TCP and Unix streams. */
import { assert, assertInt, assertPosition, assertSize } from "../../ffi/assert.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  EADDRINUSE,
  EAFNOSUPPORT,
  EBADF,
  ECONNREFUSED,
  EEXIST,
  EINTR,
  EINVAL,
  ENODEV,
  ENOPROTOOPT,
  ENOTCONN,
  ENOTSOCK,
  EPROTOTYPE,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  SO_RCVBUF,
  SO_SNDBUF,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../ffi/constants.ts";
import type { AbstractAddress, IoVector, Memory, SocketAddress } from "../../ffi/libc.ts";
import { canonical } from "./sim_address.ts";
import { OpenFile } from "./sim_descriptors.ts";
import { assertRange, assertVector } from "./sim_memory.ts";
import { SimNameCalls } from "./sim_name_calls.ts";
import { Socket, unboundName } from "./sim_socket.ts";

const FAMILIES = { inet: AF_INET, inet6: AF_INET6, unix: AF_UNIX };

/** Options that are taken, by level. All but the buffer sizes change nothing here. */
const OPTIONS: ReadonlyMap<number, readonly number[]> = new Map([
  [SOL_SOCKET, [2, SO_SNDBUF, SO_RCVBUF, 9, 15, 46]],
  [IPPROTO_TCP, [1, 3, 4, 5, 6, 9, 12, 18, 25]],
  [IPPROTO_IPV6, [26]],
]);

export abstract class SimSocketCalls extends SimNameCalls {
  #scratch: Uint8Array = new Uint8Array(65_536);

  socket(domain: number, type: number, protocol: number): number {
    assertInt(domain);
    assertInt(type);
    assertInt(protocol);
    let result = 0;
    if (domain !== AF_INET && domain !== AF_INET6 && domain !== AF_UNIX) result = -EAFNOSUPPORT;
    else if ((type & 0xf) !== SOCK_STREAM) result = -EPROTOTYPE;
    else {
      const isBlocking = (type & SOCK_NONBLOCK) === 0;
      result = this.descriptors.add(new Socket(this.network, domain, isBlocking));
    }
    return this.done("socket", domain, type, protocol, "", result);
  }

  bind(fd: number, address: SocketAddress | AbstractAddress): number {
    if (address.family === "abstract") return -EINVAL; // there are no such names here
    const name = canonical(address);
    const socket = this.#socketOf(fd);
    let result = typeof name === "number" ? name : 0;
    if (typeof socket === "number") result = socket;
    else if (typeof name !== "number") result = this.#bind(socket, name);
    return this.done("bind", fd, 0, 0, spell(address), result);
  }

  connect(fd: number, address: SocketAddress | AbstractAddress): number {
    if (address.family === "abstract") return -ECONNREFUSED; // nobody has such a name here
    const name = canonical(address);
    const socket = this.#socketOf(fd);
    let result = typeof name === "number" ? name : 0;
    if (typeof socket === "number") result = socket;
    else if (typeof name !== "number") result = this.#connect(socket, name);
    return this.done("connect", fd, 0, 0, spell(address), result);
  }

  listen(fd: number, backlog: number): number {
    assertInt(backlog);
    const socket = this.#socketOf(fd);
    const result = typeof socket === "number" ? socket : socket.listen(backlog);
    return this.done("listen", fd, backlog, 0, "", result);
  }

  accept4(fd: number, flags: number): number {
    assertInt(flags);
    const socket = this.#socketOf(fd);
    const end = typeof socket === "number" ? socket : socket.accept((flags & SOCK_NONBLOCK) === 0);
    const result = typeof end === "number" ? end : this.descriptors.add(end);
    return this.done("accept4", fd, flags, 0, "", result);
  }

  getsockname(fd: number): SocketAddress | number {
    const socket = this.#socketOf(fd);
    if (typeof socket === "number") return this.done("getsockname", fd, 0, 0, "", socket);
    const name = socket.name ?? unboundName(socket.domain);
    this.done("getsockname", fd, 0, 0, spell(name), 0);
    return { ...name };
  }

  getpeername(fd: number): SocketAddress | number {
    const socket = this.#socketOf(fd);
    const name = typeof socket === "number" ? socket : socket.peerName ?? -ENOTCONN;
    if (typeof name === "number") return this.done("getpeername", fd, 0, 0, "", name);
    this.done("getpeername", fd, 0, 0, spell(name), 0);
    return { ...name };
  }

  setsockopt(fd: number, level: number, option: number, value: number): number {
    assertInt(level);
    assertInt(option);
    assertInt(value);
    const socket = this.#socketOf(fd);
    let result = 0;
    if (typeof socket === "number") result = socket;
    else if (OPTIONS.get(level)?.includes(option) !== true) result = -ENOPROTOOPT;
    else if (level === SOL_SOCKET && (option === SO_RCVBUF || option === SO_SNDBUF)) {
      socket.setBuffer(value, option === SO_RCVBUF);
    }
    return this.done("setsockopt", fd, level, option, "", result);
  }

  shutdown(fd: number, how: number): number {
    assertInt(how);
    const socket = this.#socketOf(fd);
    const result = typeof socket === "number" ? socket : socket.shut(how);
    return this.done("shutdown", fd, how, 0, "", result);
  }

  recv(fd: number, into: Memory, start: number, size: number, flags: number): number {
    assertInt(flags);
    assertRange(into, start, size);
    into.touch(start + size);
    const socket = this.#socketOf(fd);
    const wanted = this.#part(size);
    let result = wanted;
    if (typeof socket === "number") result = socket;
    else if (wanted >= 0) result = socket.receive(into.bytes, start, wanted, flags);
    this.moved(into.bytes, start, result);
    return this.done("recv", fd, size, flags, "", result);
  }

  send(fd: number, from: Memory, start: number, size: number, flags: number): number {
    assertInt(flags);
    assertRange(from, start, size);
    const socket = this.#socketOf(fd);
    const wanted = this.#part(size);
    let result = wanted;
    if (typeof socket === "number") result = socket;
    else if (wanted >= 0) result = socket.send(from.bytes, start, wanted, flags);
    this.moved(from.bytes, start, result);
    return this.done("send", fd, size, flags, "", result);
  }

  sendmsg(fd: number, from: IoVector, flags: number): number {
    assertInt(flags);
    assertVector(from);
    const socket = this.#socketOf(fd);
    let result = typeof socket === "number" ? socket : this.#part(from.size);
    if (typeof socket !== "number" && result >= 0) {
      const room = socket.sendRoom(flags);
      const limit = Math.min(room, result);
      result = Math.min(room, 0);
      for (let i = 0; i < from.count && result >= 0 && result < limit; i += 1) {
        const part = Math.min(from.sizes[i]!, limit - result);
        result += socket.send(from.memories[i]!.bytes, from.starts[i]!, part, flags);
      }
    }
    return this.done("sendmsg", fd, from.size, flags, "", result);
  }

  sendfile(socket: number, file: number, position: number, size: number): number {
    assertInt(socket);
    assertPosition(position);
    assertSize(size);
    const result = this.#sendFile(socket, file, position, size);
    return this.done("sendfile", socket, position, size, "", result);
  }

  #sendFile(socketFd: number, fileFd: number, position: number, size: number): number {
    const file = this.find(fileFd);
    if (file === null) return -EBADF;
    if (!(file instanceof OpenFile)) return -EINVAL;
    const socket = this.#socketOf(socketFd);
    if (typeof socket === "number") return socket === -ENOTSOCK ? -EINVAL : socket;
    const wanted = this.#part(size);
    if (wanted <= 0) return wanted;
    const room = socket.sendRoom(0);
    if (room < 0) return room;
    const count = Math.min(room, wanted);
    if (count > this.#scratch.length) this.#scratch = new Uint8Array(count * 2);
    const read = this.readForSend(file, this.#scratch, count, position);
    if (read <= 0) return read;
    this.moved(this.#scratch, 0, read);
    return socket.send(this.#scratch, 0, read, 0);
  }

  #socketOf(fd: number): Socket | number {
    const open = this.find(fd);
    if (open === null) return -EBADF;
    return open instanceof Socket ? open : -ENOTSOCK;
  }

  #bind(socket: Socket, name: SocketAddress): number {
    if (FAMILIES[name.family] !== socket.domain) return -EAFNOSUPPORT;
    if (socket.name !== null) return -EINVAL;
    if (name.family === "unix") {
      const node = this.makeSocketNode(name.path);
      if (typeof node === "number") return node === -EEXIST ? -EADDRINUSE : node;
      node.listener = socket;
      socket.node = node;
      socket.name = name;
      return 0;
    }
    const port = name.port === 0 ? this.network.freePort(name.host) : name.port;
    if (!this.network.bind(name.host, port, socket)) return -EADDRINUSE;
    socket.name = { ...name, port };
    return 0;
  }

  #connect(socket: Socket, name: SocketAddress): number {
    if (FAMILIES[name.family] !== socket.domain) return -EAFNOSUPPORT;
    if (name.family !== "unix") {
      return socket.connectTo(this.network.find(name.family, name.host, name.port), name);
    }
    const node = this.findSocketNode(name.path);
    if (typeof node === "number") return node === -ENODEV ? -ECONNREFUSED : node;
    return socket.connectTo(node.listener, name);
  }

  /** How much of `size` this call moves; -EINTR where it is interrupted. */
  #part(size: number): number {
    const { faults, faultPrng } = this;
    if (faultPrng.permille(faults.interrupted)) return -EINTR;
    if (size > 1 && faultPrng.permille(faults.shortSocket)) return 1 + faultPrng.below(size - 1);
    assert(size >= 0, "a size is not negative");
    return size;
  }
}

function spell(address: SocketAddress): string {
  if (address.family === "unix") return address.path;
  return address.host + " " + String(address.port);
}
