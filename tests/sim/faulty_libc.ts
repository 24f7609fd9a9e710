/**
 * FaultyLibc: any Libc with a plan that is asked before every call, by name and occurrence.
 *
 *     plan(name, k)   null            the call is made
 *                     error           the call is not made, its result is -errno
 *                     short           at most `size` bytes of it are moved
 *     crashAt = n                     the n-th call of all and every later one throws CrashPoint
 *
 * Calls on an Aio are counted under "aio.submit" and "aio.result": an error there takes the place
 * of what the sync said, after it was made.
 *
 * Invariant: a call that is let through is made once, with the arguments it was given.
 */
import type {
  AbstractAddress,
  Aio,
  CacheStatus,
  DirectoryEntry,
  EpollEvents,
  FileStatus,
  FileSystemStatus,
  IoVector,
  Libc,
  Memory,
  SocketAddress,
} from "../../ffi/libc.ts";
import { FaultyAio, FaultyVector } from "./faulty_structs.ts";

/** The calls a plan is asked about. Structs (allocate, ioVector …) are not calls. */
export type CallName =
  | Exclude<
    keyof Libc,
    | "allocate"
    | "ioVector"
    | "epollEvents"
    | "fileStatus"
    | "fileSystemStatus"
    | "cacheStatus"
  >
  | "aio.submit"
  | "aio.result";

export type Fault =
  | { readonly kind: "error"; readonly errno: number }
  | { readonly kind: "short"; readonly size: number };

/** `k` counts the calls of this name, from 1 on; `fd` is the first argument where it is one. */
export type FaultPlan = (name: CallName, k: number, fd: number) => Fault | null;

/** The process ends here: nothing it asks for is done any more. */
export class CrashPoint extends Error {
  override name = "CrashPoint";
}

/** A plan with one fault, for sweeps: `fault` at the k-th call of `name`. */
export function oneFault(name: CallName, k: number, fault: Fault): FaultPlan {
  return (called, occurrence) => called === name && occurrence === k ? fault : null;
}

export class FaultyLibc implements Libc {
  plan: FaultPlan | null;
  /** From 1 on; Infinity: never. */
  crashAt: number = Infinity;
  /** Calls so far, all together and by name. */
  calls = 0;
  readonly counts: Map<CallName, number> = new Map();
  /** Faults that the plan gave and a call took. */
  injected = 0;
  readonly inner: Libc;
  #short = 0;

  constructor(inner: Libc, plan: FaultPlan | null = null) {
    this.inner = inner;
    this.plan = plan;
  }

  count(name: CallName): number {
    return this.counts.get(name) ?? 0;
  }

  /** What the call's result is instead of making it, or 0: make it. Counts it. */
  fault(name: CallName, fd: number = -1): number {
    this.calls += 1;
    if (this.calls >= this.crashAt) throw new CrashPoint(name);
    const k = this.count(name) + 1;
    this.counts.set(name, k);
    this.#short = Infinity;
    const fault = this.plan === null ? null : this.plan(name, k, fd);
    if (fault === null) return 0;
    this.injected += 1;
    if (fault.kind === "error") return -fault.errno;
    this.#short = fault.size;
    return 0;
  }

  allocate(size: number): Memory {
    return this.inner.allocate(size);
  }

  adopt(bytes: Uint8Array<ArrayBuffer>): Memory {
    return this.inner.adopt(bytes);
  }

  ioVector(capacity: number): IoVector {
    return new FaultyVector(this.inner, capacity);
  }

  epollEvents(capacity: number): EpollEvents {
    return this.inner.epollEvents(capacity);
  }

  fileStatus(): FileStatus {
    return this.inner.fileStatus();
  }

  fileSystemStatus(): FileSystemStatus {
    return this.inner.fileSystemStatus();
  }

  cacheStatus(): CacheStatus {
    return this.inner.cacheStatus();
  }

  openat(directory: number, path: string, flags: number, mode: number): number {
    return this.fault("openat", directory) || this.inner.openat(directory, path, flags, mode);
  }

  /** A fault here is an error of a close that was made: the number is free again, as in Linux. */
  close(fd: number): number {
    const fault = this.fault("close", fd);
    const result = this.inner.close(fd);
    return fault || result;
  }

  read(fd: number, into: Memory, start: number, size: number): number {
    return this.fault("read", fd) || this.inner.read(fd, into, start, this.#cut(size));
  }

  write(fd: number, from: Memory, start: number, size: number): number {
    return this.fault("write", fd) || this.inner.write(fd, from, start, this.#cut(size));
  }

  pread(fd: number, into: Memory, start: number, size: number, position: number): number {
    return this.fault("pread", fd) ||
      this.inner.pread(fd, into, start, this.#cut(size), position);
  }

  pwrite(fd: number, from: Memory, start: number, size: number, position: number): number {
    return this.fault("pwrite", fd) ||
      this.inner.pwrite(fd, from, start, this.#cut(size), position);
  }

  preadv2(fd: number, into: IoVector, position: number, flags: number): number {
    return this.fault("preadv2", fd) ||
      this.inner.preadv2(fd, this.#vector(into), position, flags);
  }

  pwritev(fd: number, from: IoVector, position: number): number {
    return this.fault("pwritev", fd) || this.inner.pwritev(fd, this.#vector(from), position);
  }

  fdatasync(fd: number): number {
    return this.fault("fdatasync", fd) || this.inner.fdatasync(fd);
  }

  fsync(fd: number): number {
    return this.fault("fsync", fd) || this.inner.fsync(fd);
  }

  syncfs(fd: number): number {
    return this.fault("syncfs", fd) || this.inner.syncfs(fd);
  }

  ftruncate(fd: number, size: number): number {
    return this.fault("ftruncate", fd) || this.inner.ftruncate(fd, size);
  }

  fallocate(fd: number, mode: number, position: number, size: number): number {
    return this.fault("fallocate", fd) || this.inner.fallocate(fd, mode, position, size);
  }

  fadvise(fd: number, position: number, size: number, advice: number): number {
    return this.fault("fadvise", fd) || this.inner.fadvise(fd, position, size, advice);
  }

  readahead(fd: number, position: number, size: number): number {
    return this.fault("readahead", fd) || this.inner.readahead(fd, position, size);
  }

  cachestat(fd: number, position: number, size: number, into: CacheStatus): number {
    return this.fault("cachestat", fd) || this.inner.cachestat(fd, position, size, into);
  }

  statx(directory: number, path: string, flags: number, into: FileStatus): number {
    return this.fault("statx", directory) || this.inner.statx(directory, path, flags, into);
  }

  fstatfs(fd: number, into: FileSystemStatus): number {
    return this.fault("fstatfs", fd) || this.inner.fstatfs(fd, into);
  }

  lseek(fd: number, offset: number, whence: number): number {
    return this.fault("lseek", fd) || this.inner.lseek(fd, offset, whence);
  }

  flock(fd: number, operation: number): number {
    return this.fault("flock", fd) || this.inner.flock(fd, operation);
  }

  renameat(fromDirectory: number, from: string, toDirectory: number, to: string): number {
    return this.fault("renameat", fromDirectory) ||
      this.inner.renameat(fromDirectory, from, toDirectory, to);
  }

  unlinkat(directory: number, path: string, flags: number): number {
    return this.fault("unlinkat", directory) || this.inner.unlinkat(directory, path, flags);
  }

  mkdirat(directory: number, path: string, mode: number): number {
    return this.fault("mkdirat", directory) || this.inner.mkdirat(directory, path, mode);
  }

  readDirectory(fd: number, into: DirectoryEntry[]): number {
    return this.fault("readDirectory", fd) || this.inner.readDirectory(fd, into);
  }

  socket(domain: number, type: number, protocol: number): number {
    return this.fault("socket") || this.inner.socket(domain, type, protocol);
  }

  bind(fd: number, address: SocketAddress | AbstractAddress): number {
    return this.fault("bind", fd) || this.inner.bind(fd, address);
  }

  connect(fd: number, address: SocketAddress | AbstractAddress): number {
    return this.fault("connect", fd) || this.inner.connect(fd, address);
  }

  listen(fd: number, backlog: number): number {
    return this.fault("listen", fd) || this.inner.listen(fd, backlog);
  }

  accept4(fd: number, flags: number): number {
    return this.fault("accept4", fd) || this.inner.accept4(fd, flags);
  }

  getsockname(fd: number): SocketAddress | number {
    return this.fault("getsockname", fd) || this.inner.getsockname(fd);
  }

  getpeername(fd: number): SocketAddress | number {
    return this.fault("getpeername", fd) || this.inner.getpeername(fd);
  }

  setsockopt(fd: number, level: number, option: number, value: number): number {
    return this.fault("setsockopt", fd) || this.inner.setsockopt(fd, level, option, value);
  }

  shutdown(fd: number, how: number): number {
    return this.fault("shutdown", fd) || this.inner.shutdown(fd, how);
  }

  recv(fd: number, into: Memory, start: number, size: number, flags: number): number {
    return this.fault("recv", fd) || this.inner.recv(fd, into, start, this.#cut(size), flags);
  }

  send(fd: number, from: Memory, start: number, size: number, flags: number): number {
    return this.fault("send", fd) || this.inner.send(fd, from, start, this.#cut(size), flags);
  }

  sendmsg(fd: number, from: IoVector, flags: number): number {
    return this.fault("sendmsg", fd) || this.inner.sendmsg(fd, this.#vector(from), flags);
  }

  sendfile(socket: number, file: number, position: number, size: number): number {
    return this.fault("sendfile", socket) ||
      this.inner.sendfile(socket, file, position, this.#cut(size));
  }

  epollCreate(flags: number): number {
    return this.fault("epollCreate") || this.inner.epollCreate(flags);
  }

  epollCtl(
    epoll: number,
    operation: number,
    fd: number,
    events: number,
    slot: number,
    generation: number,
  ): number {
    return this.fault("epollCtl", fd) ||
      this.inner.epollCtl(epoll, operation, fd, events, slot, generation);
  }

  epollWait(epoll: number, into: EpollEvents, timeoutMs: number): number {
    return this.fault("epollWait", epoll) || this.inner.epollWait(epoll, into, timeoutMs);
  }

  eventfd(initial: number, flags: number): number {
    return this.fault("eventfd") || this.inner.eventfd(initial, flags);
  }

  openAio(capacity: number, eventFd: number): Aio | number {
    const fault = this.fault("openAio", eventFd);
    if (fault < 0) return fault;
    const aio = this.inner.openAio(capacity, eventFd);
    return typeof aio === "number" ? aio : new FaultyAio(this, aio);
  }

  /** The clocks cannot fail: they are counted, and a crash point may lie there. */
  monotonicMs(): number {
    this.fault("monotonicMs");
    return this.inner.monotonicMs();
  }

  wallMs(): number {
    this.fault("wallMs");
    return this.inner.wallMs();
  }

  getrandom(into: Memory, start: number, size: number): number {
    return this.fault("getrandom") || this.inner.getrandom(into, start, this.#cut(size));
  }

  ignoreSignal(signal: number): number {
    return this.fault("ignoreSignal") || this.inner.ignoreSignal(signal);
  }

  addNice(by: number): void {
    this.inner.addNice(by);
  }

  exit(code: number): never {
    this.fault("exit");
    return this.inner.exit(code);
  }

  #cut(size: number): number {
    return Math.min(size, this.#short);
  }

  #vector(vector: IoVector): IoVector {
    return (vector as FaultyVector).upTo(this.#short);
  }
}
