/**
 * The port to the operating system: every call the broker makes on its data path, and the only way
 * out of the process. `#ffi` resolves to this file for types, to `bun.ts` or `deno.ts` at run time;
 * in tests a simulator implements the same interface.
 *
 * Rules, the same for every method:
 *   - A result below zero is `-errno`, read inside the adapter before any other JavaScript runs.
 *   - Sizes and positions are plain numbers. A size is at most 2^31 - 1, a position at most
 *     2^53 - 1.
 *   - `(memory, start, size)` is a range of `memory`; the adapter asserts that it lies inside,
 *     always, because neither runtime does and bytes of the heap would leak to the wire.
 *   - A bare address never leaves the adapter. What holds an address (a vector, an AIO request) is
 *     made by the adapter and keeps the memory it points to alive.
 *   - Calls do not allocate, unless they take or give a string.
 */

/**
 * Bytes that system calls read and write. Off the JavaScript heap, at a fixed address, never
 * resized.
 */
export interface Memory {
  readonly size: number;
  /** Where it begins in its ArrayBuffer: 0 unless it came from `adopt`. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /**
   * The same bytes as 32-bit words in the machine's order; a tail of 1 to 3 bytes is not
   * covered.
   */
  readonly words: Int32Array;
  readonly view: DataView;
}

/** A list of memory ranges for one gathering or scattering call (`struct iovec[]`). */
export interface IoVector {
  /** Entries it can hold: at most 1,024, the kernel's limit for one call. */
  readonly capacity: number;
  readonly count: number;
  /** Bytes of all entries together. */
  readonly size: number;
  push(memory: Memory, start: number, size: number): void;
  /** Drops the first `size` bytes, after a call that moved only a part. */
  consume(size: number): void;
  clear(): void;
}

/** What one `epollWait` reported. Index i is below the count that the call returned. */
export interface EpollEvents {
  readonly capacity: number;
  /** EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR … */
  flags(i: number): number;
  /** The two words given to `epollCtl`. */
  slot(i: number): number;
  generation(i: number): number;
}

/** One Linux AIO context whose completions arrive through an eventfd. */
export interface Aio {
  readonly capacity: number;
  /**
   * Fills request i: IOCB_CMD_FDSYNC or IOCB_CMD_FSYNC of `fd`; `tag` (u32) comes back with
   * the result.
   */
  prepare(i: number, opcode: number, fd: number, tag: number): void;
  /** Submits requests [0, count). Returns how many the kernel took, or -errno when it took none. */
  submit(count: number): number;
  /** Collects finished requests without waiting. Returns how many, at most `capacity`. */
  reap(): number;
  tag(i: number): number;
  /** 0, or -errno of the sync. */
  result(i: number): number;
  close(): number;
}

export interface FileStatus {
  /** S_IFREG, S_IFDIR … and permission bits. */
  mode: number;
  size: number;
  /** Bytes allocated on disk. */
  allocated: number;
  inode: number;
  /** Of its file system; a major number of 0: not of a block device of its own. */
  deviceMajor: number;
  deviceMinor: number;
  modifiedMs: number;
}

export interface FileSystemStatus {
  /** The f_type magic: 0xef53 is ext4. */
  type: number;
  totalBytes: number;
  /** Free for an unprivileged process. */
  availableBytes: number;
}

/** Pages of a file range, as `cachestat(2)` counts them. */
export interface CacheStatus {
  cached: number;
  dirty: number;
  writeback: number;
  evicted: number;
  recentlyEvicted: number;
}

export interface DirectoryEntry {
  readonly name: string;
  /** DT_REG, DT_DIR, DT_LNK …; DT_UNKNOWN where the file system does not say. */
  readonly type: number;
}

/** `host` is a literal IPv4 or IPv6 address; names are resolved by the caller. */
export type SocketAddress =
  | { readonly family: "inet" | "inet6"; readonly host: string; readonly port: number }
  | { readonly family: "unix"; readonly path: string };

/** A Unix socket whose name is in no file system; a datagram can be sent there. */
export interface AbstractAddress {
  readonly family: "abstract";
  readonly name: string;
}

export interface Libc {
  // Structs. Made once, used for many calls.
  allocate(size: number): Memory;
  /** Memory over bytes of the caller, whose ArrayBuffer is never detached, moved or grown. */
  adopt(bytes: Uint8Array<ArrayBuffer>): Memory;
  ioVector(capacity: number): IoVector;
  epollEvents(capacity: number): EpollEvents;
  fileStatus(): FileStatus;
  fileSystemStatus(): FileSystemStatus;
  cacheStatus(): CacheStatus;

  // Files. `path` is relative to `directory`, or absolute with AT_FDCWD.
  openat(directory: number, path: string, flags: number, mode: number): number;
  close(fd: number): number;
  read(fd: number, into: Memory, start: number, size: number): number;
  write(fd: number, from: Memory, start: number, size: number): number;
  pread(fd: number, into: Memory, start: number, size: number, position: number): number;
  pwrite(fd: number, from: Memory, start: number, size: number, position: number): number;
  /** `flags`: RWF_NOWAIT answers -EAGAIN where a page is not resident. */
  preadv2(fd: number, into: IoVector, position: number, flags: number): number;
  pwritev(fd: number, from: IoVector, position: number): number;
  fdatasync(fd: number): number;
  fsync(fd: number): number;
  /**
   * Syncs the whole file system that holds `fd`. Open `fd` before the writes: errors count
   * from there.
   */
  syncfs(fd: number): number;
  ftruncate(fd: number, size: number): number;
  fallocate(fd: number, mode: number, position: number, size: number): number;
  fadvise(fd: number, position: number, size: number, advice: number): number;
  readahead(fd: number, position: number, size: number): number;
  cachestat(fd: number, position: number, size: number, into: CacheStatus): number;
  /** With AT_EMPTY_PATH and "" it is the status of `directory` itself, which may be any file. */
  statx(directory: number, path: string, flags: number, into: FileStatus): number;
  fstatfs(fd: number, into: FileSystemStatus): number;
  lseek(fd: number, offset: number, whence: number): number;
  flock(fd: number, operation: number): number;
  renameat(fromDirectory: number, from: string, toDirectory: number, to: string): number;
  unlinkat(directory: number, path: string, flags: number): number;
  mkdirat(directory: number, path: string, mode: number): number;
  /** Appends every entry but "." and ".." to `into`, unordered. Returns how many, or -errno. */
  readDirectory(fd: number, into: DirectoryEntry[]): number;

  // Sockets.
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: SocketAddress | AbstractAddress): number;
  connect(fd: number, address: SocketAddress | AbstractAddress): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, flags: number): number;
  /** The address `fd` is bound to, or -errno. */
  getsockname(fd: number): SocketAddress | number;
  getpeername(fd: number): SocketAddress | number;
  /** For the options whose value is an int. */
  setsockopt(fd: number, level: number, option: number, value: number): number;
  shutdown(fd: number, how: number): number;
  recv(fd: number, into: Memory, start: number, size: number, flags: number): number;
  send(fd: number, from: Memory, start: number, size: number, flags: number): number;
  sendmsg(fd: number, from: IoVector, flags: number): number;
  /** Sends bytes of `file` from the page cache; the file's own offset stays as it is. */
  sendfile(socket: number, file: number, position: number, size: number): number;

  // Readiness.
  epollCreate(flags: number): number;
  /** `slot` and `generation` (u32 each) come back with every event of `fd`. */
  epollCtl(
    epoll: number,
    operation: number,
    fd: number,
    events: number,
    slot: number,
    generation: number,
  ): number;
  /** `timeoutMs`: -1 waits for ever, 0 not at all. */
  epollWait(epoll: number, into: EpollEvents, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;

  /**
   * Completions are announced on `eventFd`. -ENOSYS, -EPERM or -EAGAIN where AIO is not to be
   * had.
   */
  openAio(capacity: number, eventFd: number): Aio | number;

  // The process.
  /** CLOCK_MONOTONIC in milliseconds, with a fraction. */
  monotonicMs(): number;
  /** CLOCK_REALTIME in whole milliseconds since 1970. */
  wallMs(): number;
  getrandom(into: Memory, start: number, size: number): number;
  /** signal(2) with SIG_IGN. */
  ignoreSignal(signal: number): number;
  /**
   * nice(2) of this thread: adds to its nice value, up to 19. The threads that it starts from then
   * on inherit it, and to take it back needs a privilege. Where it is refused nothing changes.
   */
  addNice(by: number): void;
  /** Ends the process at once, from any thread, with no handler run. */
  exit(code: number): never;
}

/** The one instance of this thread. */
export declare const libc: Libc;
