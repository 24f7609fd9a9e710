/**
 * What `serve` says, and where.
 *
 *     no format   listeners and "ready" on standard output, messages on standard error
 *     text        the same lines, all on standard output
 *     json        an object a line on standard output (serve_line.ts)
 */

import type { Libc } from "../../ffi/libc.ts";
import type { TraceLevel } from "../base/trace.ts";
import { print, STDERR, STDOUT } from "../server/print.ts";
import type { ServeLine } from "./serve_line.ts";
import { traceLine } from "./trace_line.ts";

export type LogFormat = "text" | "json";

export class ServeOutput {
  /** Undefined until the settings are known. */
  format: LogFormat | undefined = undefined;
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  message(level: TraceLevel, text: string): void {
    if (level === "debug") return;
    const now = new Date();
    if (this.format === "json") {
      return this.#line({ time: now.toISOString(), level, event: "message", message: text });
    }
    const fd = this.format === undefined ? STDERR : STDOUT;
    print(this.#libc, fd, traceLine(level, text, now));
  }

  /** A listener is open. */
  listening(listener: string, address: string): void {
    if (this.format !== "json") return print(this.#libc, STDOUT, `${listener} ${address}\n`);
    const time = new Date().toISOString();
    this.#line({ time, level: "info", event: "listening", listener, address });
  }

  /** Clients are served. */
  ready(): void {
    if (this.format !== "json") return print(this.#libc, STDOUT, "ready\n");
    this.#line({ time: new Date().toISOString(), level: "info", event: "ready" });
  }

  #line(line: ServeLine): void {
    print(this.#libc, STDOUT, `${JSON.stringify(line)}\n`);
  }
}
