/**
 * The libc functions the broker calls, each signature once. An adapter translates the types into
 * its runtime's words when it loads; it adds no signature of its own.
 *
 *   i32       int, or unsigned int as the same 32 bits
 *   address   any pointer
 *   size      size_t whose value is below 2^31
 *   position  off_t, or another long
 *
 * Results are i32 also where C says ssize_t: sizes are capped at 2^31 - 1, and a 64-bit result
 * allocates on Deno. `symbol` names the function where it is not the key: system calls without a
 * wrapper in older libc go through `syscall`, each with the signature of its own.
 *
 * Invariant: nothing here starts a program, loads a library or changes page protection.
 */

import type { Address, Position, Size } from "./native.ts";

export type CType = "i32" | "address" | "size" | "position";
export type CResult = CType | "void";

export interface Signature {
  readonly args: readonly CType[];
  readonly returns: CResult;
  readonly symbol?: string;
}

export const SYMBOLS = {
  // Memory and errno.
  memcpy: { args: ["address", "address", "size"], returns: "void" },
  __errno_location: { args: [], returns: "address" },

  // Files.
  openat: { args: ["i32", "address", "i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  read: { args: ["i32", "address", "size"], returns: "i32" },
  write: { args: ["i32", "address", "size"], returns: "i32" },
  pread: { args: ["i32", "address", "size", "position"], returns: "i32" },
  pwrite: { args: ["i32", "address", "size", "position"], returns: "i32" },
  preadv2: { args: ["i32", "address", "i32", "position", "i32"], returns: "i32" },
  pwritev: { args: ["i32", "address", "i32", "position"], returns: "i32" },
  fdatasync: { args: ["i32"], returns: "i32" },
  fsync: { args: ["i32"], returns: "i32" },
  syncfs: { args: ["i32"], returns: "i32" },
  ftruncate: { args: ["i32", "position"], returns: "i32" },
  fallocate: { args: ["i32", "i32", "position", "position"], returns: "i32" },
  posix_fadvise: { args: ["i32", "position", "position", "i32"], returns: "i32" },
  readahead: { args: ["i32", "position", "position"], returns: "i32" },
  statx: { args: ["i32", "address", "i32", "i32", "address"], returns: "i32" },
  fstatfs: { args: ["i32", "address"], returns: "i32" },
  lseek: { args: ["i32", "position", "i32"], returns: "position" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  renameat: { args: ["i32", "address", "i32", "address"], returns: "i32" },
  unlinkat: { args: ["i32", "address", "i32"], returns: "i32" },
  mkdirat: { args: ["i32", "address", "i32"], returns: "i32" },

  // Sockets.
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "address", "i32"], returns: "i32" },
  connect: { args: ["i32", "address", "i32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  accept4: { args: ["i32", "address", "address", "i32"], returns: "i32" },
  getsockname: { args: ["i32", "address", "address"], returns: "i32" },
  getpeername: { args: ["i32", "address", "address"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "address", "i32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  recv: { args: ["i32", "address", "size", "i32"], returns: "i32" },
  send: { args: ["i32", "address", "size", "i32"], returns: "i32" },
  sendmsg: { args: ["i32", "address", "i32"], returns: "i32" },
  sendfile: { args: ["i32", "i32", "address", "size"], returns: "i32" },
  inet_pton: { args: ["i32", "address", "address"], returns: "i32" },
  inet_ntop: { args: ["i32", "address", "address", "i32"], returns: "address" },

  // Readiness.
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "address"], returns: "i32" },
  epoll_wait: { args: ["i32", "address", "i32", "i32"], returns: "i32" },
  eventfd: { args: ["i32", "i32"], returns: "i32" },

  // The process.
  clock_gettime: { args: ["i32", "address"], returns: "i32" },
  getrandom: { args: ["address", "size", "i32"], returns: "i32" },
  // The old handler comes back cut to 32 bits; SIG_ERR is all ones, which no function's address is.
  signal: { args: ["i32", "size"], returns: "i32" },
  nice: { args: ["i32"], returns: "i32" },
  _exit: { args: ["i32"], returns: "void" },

  // System calls. The first argument is the number of the call on this architecture.
  cachestat: {
    symbol: "syscall",
    args: ["size", "i32", "address", "address", "i32"],
    returns: "i32",
  },
  getdents64: { symbol: "syscall", args: ["size", "i32", "address", "size"], returns: "i32" },
  io_setup: { symbol: "syscall", args: ["size", "i32", "address"], returns: "i32" },
  io_destroy: { symbol: "syscall", args: ["size", "position"], returns: "i32" },
  io_submit: {
    symbol: "syscall",
    args: ["size", "position", "size", "address"],
    returns: "i32",
  },
  io_getevents: {
    symbol: "syscall",
    args: ["size", "position", "size", "size", "address", "address"],
    returns: "i32",
  },
} as const;
SYMBOLS satisfies Record<string, Signature>;

interface Spelled {
  i32: number;
  address: Address;
  size: Size;
  position: Position;
  void: void;
}

type Arguments<T extends readonly CType[]> = { -readonly [I in keyof T]: Spelled[T[I]] };

type Call<S extends Signature> = (...args: Arguments<S["args"]>) => Spelled[S["returns"]];

/** The loaded functions, typed by the table. */
export type Symbols = {
  readonly [Name in keyof typeof SYMBOLS]: Call<(typeof SYMBOLS)[Name]>;
};
