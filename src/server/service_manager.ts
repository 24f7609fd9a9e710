/**
 * What a service manager hears of the process: lines of text, one datagram each, to the socket that
 * it names in NOTIFY_SOCKET (sd_notify, the protocol of systemd).
 *
 *     READY=1      clients are served          WATCHDOG=1   the shard has answered just now
 *     STOPPING=1   a signal has come           STATUS=…     for `systemctl status`
 *
 * Without that variable there is nobody, and nothing is done.
 *
 * Invariant: who does not listen, or no longer, is no reason to fail: what cannot be sent is
 * dropped.
 */

import { AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_DGRAM } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";

/** Microseconds, as the variable WATCHDOG_USEC has it. */
const US_PER_MS = 1000;
/** So much more time than the wait itself. */
const SLACK_MS = 30000;

export interface ServiceEnvironment {
  /** A path, or `@` and an abstract name. */
  readonly socket: string | undefined;
  readonly watchdogUs: string | undefined;
}

export class ServiceManager {
  /** How often it is to hear that all is well, in milliseconds; 0: it does not ask. */
  readonly watchdogMs: number;
  readonly #libc: Libc;
  readonly #socket: string;

  constructor(libc: Libc, { socket = "", watchdogUs = "" }: ServiceEnvironment) {
    this.#libc = libc;
    this.#socket = socket;
    const asks = socket !== "" && /^[1-9]\d{3,15}$/.test(watchdogUs);
    // Twice in the time after which it would act, as its manual asks.
    this.watchdogMs = asks ? Math.max(1, Math.floor(Number(watchdogUs) / US_PER_MS / 2)) : 0;
  }

  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${oneLine(status)}`);
  }

  /** Before "ready": what is waited for, and that it may take so long. */
  waiting(status: string, forMs: number): void {
    const extendUs = (forMs + SLACK_MS) * US_PER_MS;
    this.#send(`STATUS=${oneLine(status)}\nEXTEND_TIMEOUT_USEC=${extendUs}`);
  }

  isAlive(): void {
    this.#send("WATCHDOG=1");
  }

  stopping(): void {
    this.#send("STOPPING=1\nSTATUS=stopping");
  }

  #send(text: string): void {
    const libc = this.#libc;
    if (this.#socket === "") return;
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) return;
    const address = this.#socket.startsWith("@")
      ? { family: "abstract" as const, name: this.#socket.slice(1) }
      : { family: "unix" as const, path: this.#socket };
    if (libc.connect(fd, address) === 0) {
      const bytes = new TextEncoder().encode(text);
      const memory = libc.allocate(bytes.length);
      memory.bytes.set(bytes);
      libc.send(fd, memory, 0, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    libc.close(fd);
  }
}

function oneLine(text: string): string {
  return text.replaceAll("\n", " ");
}
