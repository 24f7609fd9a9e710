/**
 * Socket addresses between the port's form and `struct sockaddr_in`, `_in6` and `_un`.
 *
 *   in    | family u16 | port, network order | host 4 | zero 8 |
 *   in6   | family u16 | port, network order | flow 4 | host 16 | scope u32 |
 *   un    | family u16 | path … 0 |
 *
 * A host is a literal: libc's own inet_pton and inet_ntop read and write it. An IPv6 zone is a
 * number ("fe80::1%2"), as the names of interfaces are not looked up.
 *
 * Invariant: `size` bytes of `block` are one whole address.
 */

import { assert } from "./assert.ts";
import { Block } from "./block.ts";
import { AF_INET, AF_INET6, AF_UNIX, EAFNOSUPPORT, EINVAL } from "./constants.ts";
import { SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_UN } from "./layouts.ts";
import type { AbstractAddress, SocketAddress } from "./libc.ts";
import type { Native } from "./native.ts";
import { CString, decodeCString, decodeText, encodeText } from "./text.ts";

/** INET6_ADDRSTRLEN: the longest literal, with its final zero. */
const HOST_SIZE_MAX = 46;

export class AddressBuffer {
  readonly block: Block;
  /** socklen_t that getsockname reads and writes. */
  readonly sizeBlock: Block;
  readonly #native: Native;
  readonly #host: CString;

  constructor(native: Native) {
    this.#native = native;
    this.block = new Block(native, 128);
    this.sizeBlock = new Block(native, 4);
    this.#host = new CString(native, HOST_SIZE_MAX - 1);
  }

  /** Returns the size to give to bind or connect, or -EINVAL for an address that is none. */
  encode(address: SocketAddress | AbstractAddress): number {
    this.block.bytes.fill(0);
    if (address.family === "abstract") return this.#encodeAbstract(address.name);
    if (address.family === "unix") return this.#encodeUnix(address.path);
    assert(Number.isInteger(address.port), "a port is an integer");
    assert(address.port >= 0 && address.port < 65_536, "a port is from 0 to 65,535");
    return address.family === "inet"
      ? this.#encodeInet(address.host, address.port)
      : this.#encodeInet6(address.host, address.port);
  }

  /** Before a call that fills the buffer. */
  reset(): void {
    this.block.bytes.fill(0);
    this.sizeBlock.view.setUint32(0, this.block.size, true);
  }

  /** What a call filled in; -EAFNOSUPPORT for a family the port does not know. */
  decode(): SocketAddress | number {
    const view = this.block.view;
    const family = view.getUint16(0, true);
    const size = Math.min(this.sizeBlock.view.getUint32(0, true), this.block.size);
    if (family === AF_UNIX) return { family: "unix", path: this.#decodePath(size) };
    if (family === AF_INET) {
      const host = this.#decodeHost(AF_INET, SOCKADDR_IN.at.host);
      return { family: "inet", host, port: view.getUint16(SOCKADDR_IN.at.port, false) };
    }
    if (family === AF_INET6) {
      const scope = view.getUint32(SOCKADDR_IN6.at.scope, true);
      const zone = scope === 0 ? "" : "%" + String(scope);
      const host = this.#decodeHost(AF_INET6, SOCKADDR_IN6.at.host) + zone;
      return { family: "inet6", host, port: view.getUint16(SOCKADDR_IN6.at.port, false) };
    }
    return -EAFNOSUPPORT;
  }

  #encodeInet(host: string, port: number): number {
    this.block.view.setUint16(SOCKADDR_IN.at.family, AF_INET, true);
    this.block.view.setUint16(SOCKADDR_IN.at.port, port, false);
    return this.#encodeHost(AF_INET, host, SOCKADDR_IN.at.host) ? SOCKADDR_IN.size : -EINVAL;
  }

  #encodeInet6(host: string, port: number): number {
    const match = /^([^%]+)(?:%(\d{1,9}))?$/.exec(host);
    if (match === null) return -EINVAL;
    this.block.view.setUint16(SOCKADDR_IN6.at.family, AF_INET6, true);
    this.block.view.setUint16(SOCKADDR_IN6.at.port, port, false);
    this.block.view.setUint32(SOCKADDR_IN6.at.scope, Number(match[2] ?? "0"), true);
    const done = this.#encodeHost(AF_INET6, match[1]!, SOCKADDR_IN6.at.host);
    return done ? SOCKADDR_IN6.size : -EINVAL;
  }

  /** The last byte stays zero: a path of 108 bytes has no end that every reader agrees on. */
  #encodeUnix(path: string): number {
    // An empty path, or one that begins with a zero, would bind a name outside the file system.
    if (path === "" || path.includes("\0")) return -EINVAL;
    this.block.view.setUint16(SOCKADDR_UN.at.family, AF_UNIX, true);
    const last = SOCKADDR_UN.size - 1;
    const end = encodeText(path, this.block.bytes, SOCKADDR_UN.at.path, last);
    return end < 0 ? -EINVAL : end + 1;
  }

  /** A zero stands before the name, and none behind it: its size says where it ends. */
  #encodeAbstract(name: string): number {
    if (name === "" || name.includes("\0")) return -EINVAL;
    this.block.view.setUint16(SOCKADDR_UN.at.family, AF_UNIX, true);
    const end = encodeText(name, this.block.bytes, SOCKADDR_UN.at.path + 1, SOCKADDR_UN.size);
    return end < 0 ? -EINVAL : end;
  }

  #encodeHost(family: number, host: string, offset: number): boolean {
    if (this.#host.set(host) < 0) return false;
    const into = this.#native.at(this.block.address, offset);
    return this.#native.symbols.inet_pton(family, this.#host.address, into) === 1;
  }

  #decodeHost(family: number, offset: number): string {
    const from = this.#native.at(this.block.address, offset);
    this.#native.symbols.inet_ntop(family, from, this.#host.address, HOST_SIZE_MAX);
    return this.#host.get();
  }

  /** "" for a socket without a name; an abstract name keeps its leading zero. */
  #decodePath(size: number): string {
    const start = SOCKADDR_UN.at.path;
    if (size <= start) return "";
    const bytes = this.block.bytes;
    if (bytes[start] === 0) return decodeText(bytes, start, size);
    return decodeCString(bytes, start, size);
  }
}
