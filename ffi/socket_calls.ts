/**
 * The calls on sockets.
 *
 * Invariant: every descriptor made here is closed on exec (SOCK_CLOEXEC is always added), and no
 * send raises SIGPIPE (MSG_NOSIGNAL is always added; sendfile cannot, there the runtime's own
 * ignored SIGPIPE counts).
 */

import { assertInt, assertPosition, assertSize } from "./assert.ts";
import { Block, writeU64 } from "./block.ts";
import { MSG_NOSIGNAL, SOCK_CLOEXEC } from "./constants.ts";
import { FileCalls } from "./file_calls.ts";
import { assertVector } from "./io_vector.ts";
import type { AbstractAddress, IoVector, Memory, SocketAddress } from "./libc.ts";
import type { Native } from "./native.ts";
import { AddressBuffer } from "./socket_address.ts";

export abstract class SocketCalls extends FileCalls {
  readonly #address: AddressBuffer;
  readonly #option: Block;
  readonly #position: Block;

  constructor(native: Native) {
    super(native);
    this.#address = new AddressBuffer(native);
    this.#option = new Block(native, 4);
    this.#position = new Block(native, 8);
  }

  socket(domain: number, type: number, protocol: number): number {
    assertInt(domain);
    assertInt(type);
    assertInt(protocol);
    return this.result(this.symbols.socket(domain, type | SOCK_CLOEXEC, protocol));
  }

  /** -EINVAL also for a host that is no literal and for a path over 107 bytes. */
  bind(fd: number, address: SocketAddress | AbstractAddress): number {
    assertInt(fd);
    const size = this.#address.encode(address);
    if (size < 0) return size;
    return this.result(this.symbols.bind(fd, this.#address.block.address, size));
  }

  /** -EINVAL as `bind`. */
  connect(fd: number, address: SocketAddress | AbstractAddress): number {
    assertInt(fd);
    const size = this.#address.encode(address);
    if (size < 0) return size;
    return this.result(this.symbols.connect(fd, this.#address.block.address, size));
  }

  listen(fd: number, backlog: number): number {
    assertInt(fd);
    assertInt(backlog);
    return this.result(this.symbols.listen(fd, backlog));
  }

  accept4(fd: number, flags: number): number {
    assertInt(fd);
    assertInt(flags);
    const { none } = this.native;
    return this.result(this.symbols.accept4(fd, none, none, flags | SOCK_CLOEXEC));
  }

  getsockname(fd: number): SocketAddress | number {
    assertInt(fd);
    const { block, sizeBlock } = this.#address;
    this.#address.reset();
    const result = this.result(
      this.symbols.getsockname(fd, block.address, sizeBlock.address),
    );
    return result < 0 ? result : this.#address.decode();
  }

  getpeername(fd: number): SocketAddress | number {
    assertInt(fd);
    const { block, sizeBlock } = this.#address;
    this.#address.reset();
    const result = this.result(
      this.symbols.getpeername(fd, block.address, sizeBlock.address),
    );
    return result < 0 ? result : this.#address.decode();
  }

  setsockopt(fd: number, level: number, option: number, value: number): number {
    assertInt(fd);
    assertInt(level);
    assertInt(option);
    assertInt(value);
    this.#option.view.setInt32(0, value, true);
    const { address, size } = this.#option;
    return this.result(this.symbols.setsockopt(fd, level, option, address, size));
  }

  shutdown(fd: number, how: number): number {
    assertInt(fd);
    assertInt(how);
    return this.result(this.symbols.shutdown(fd, how));
  }

  recv(fd: number, into: Memory, start: number, size: number, flags: number): number {
    assertInt(fd);
    assertInt(flags);
    const address = this.range(into, start, size);
    return this.result(this.symbols.recv(fd, address, this.size(size), flags));
  }

  send(fd: number, from: Memory, start: number, size: number, flags: number): number {
    assertInt(fd);
    assertInt(flags);
    const address = this.range(from, start, size);
    return this.result(this.symbols.send(fd, address, this.size(size), flags | MSG_NOSIGNAL));
  }

  sendmsg(fd: number, from: IoVector, flags: number): number {
    assertInt(fd);
    assertInt(flags);
    assertVector(from);
    return this.result(
      this.symbols.sendmsg(fd, from.messageAddress(), flags | MSG_NOSIGNAL),
    );
  }

  sendfile(socket: number, file: number, position: number, size: number): number {
    assertInt(socket);
    assertInt(file);
    assertPosition(position);
    assertSize(size);
    writeU64(this.#position, 0, position);
    const { address } = this.#position;
    return this.result(this.symbols.sendfile(socket, file, address, this.size(size)));
  }
}
