/**
 * Listening sockets, TCP and Unix. For `net` an address is a literal; port 0 means any free one.
 */

import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AT_FDCWD,
  CONGESTION_RENO,
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  ENOENT,
  errnoName,
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SO_REUSEADDR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
  TCP_CONGESTION,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
} from "../../ffi/constants.ts";
import type { Libc, SocketAddress } from "../../ffi/libc.ts";

/** A peer that is gone without a word is found out after two minutes of silence. */
const KEEPALIVE_IDLE_S = 60;
const KEEPALIVE_INTERVAL_S = 10;
const KEEPALIVE_PROBES = 6;

/** The address cannot be listened on; the message names it. */
export class ListenError extends Error {
  override name = "ListenError";
}

/** What to do about the reasons that are met in the first hour. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [EADDRINUSE, ", something listens there already: stop it, or choose another address or port 0"],
  [EADDRNOTAVAIL, ", this machine has no such address: choose 127.0.0.1, or one of its own"],
  [EACCES, ", ports below 1024 are for root: choose a higher one"],
]);

export interface Listener {
  readonly fd: number;
  /** The bound address, with the port that was given. */
  readonly address: SocketAddress;
}

/** Throws ListenError. */
export function listenTcp(libc: Libc, host: string, port: number): Listener {
  const family = host.includes(":") ? "inet6" : "inet";
  const domain = family === "inet6" ? AF_INET6 : AF_INET;
  const fd = check(libc.socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0), `${host}:${port}`);
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  // Accepted sockets inherit these, so that a new connection costs no further call.
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  libc.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
  if (isLoopback(host)) libc.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CONGESTION_RENO);
  return listenOn(libc, fd, { family, host, port }, `${host}:${port}`);
}

/**
 * There is nothing to be careful about between two programs of one machine, and BBR, the default of
 * many, paces its segments there: a fetch then costs several times the CPU; see ADR 16.
 */
function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

/** A socket file left by a killed broker is replaced: the caller holds the directory's lock. */
export function listenUnix(libc: Libc, path: string): Listener {
  const removed = libc.unlinkat(AT_FDCWD, path, 0);
  if (removed !== -ENOENT) check(removed, path);
  const fd = check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), path);
  return listenOn(libc, fd, { family: "unix", path }, path);
}

/** Accepts one connection: its descriptor, or -errno (-EAGAIN when there is none). */
export function accept(libc: Libc, listener: Listener): number {
  return libc.accept4(listener.fd, SOCK_NONBLOCK);
}

function listenOn(libc: Libc, fd: number, wanted: SocketAddress, name: string): Listener {
  let result = libc.bind(fd, wanted);
  if (result >= 0) result = libc.listen(fd, SOMAXCONN);
  if (result < 0) libc.close(fd);
  check(result, name);
  if (wanted.family === "unix") return { fd, address: wanted };
  const address = libc.getsockname(fd);
  if (typeof address === "number") throw new ListenError(`${name}: ${errnoName(-address)}`);
  return { fd, address };
}

function check(result: number, name: string): number {
  if (result < 0) {
    const hint = HINTS.get(-result) ?? "";
    throw new ListenError(`cannot listen on ${name}: ${errnoName(-result)}${hint}`);
  }
  return result;
}
