/**
 * A broker that is measured: how it is started, and how one record is put into it by a client that
 * is as small as its protocol allows.
 */
import { spawn, spawnSync } from "node:child_process";
import net from "node:net";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

const LISTENS_WITHIN_MS = 60_000;
const ANSWERS_WITHIN_MS = 30_000;
const STOPPED_WITHIN_MS = 20_000;

export interface Started {
  readonly pid: number;
  /** Has one record acknowledged; returns the ms from the start of the process until then. */
  acknowledge(): Promise<number>;
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** What is on disk when a record is acknowledged. */
  readonly durability: string;
  /** As one would type it; DIR and PORT stand for what is new each time. */
  readonly command: string;
  version(): string;
  /** Why it cannot be had here; null when it can. */
  missing(): string | null;
  start(directory: string, port: number): Promise<Started>;
}

/** What a program says of its version; null when it is not here. */
export function versionSaid(program: string, pattern: RegExp): string | null {
  const { stdout, stderr, error } = spawnSync(program, ["--version"], { encoding: "utf8" });
  if (error !== undefined) return null;
  return pattern.exec(stdout + stderr)?.[1] ?? "unknown";
}

/** Spawns a program that is this broker itself; `record` puts one record into it. */
export function startProcess(
  [program = "", ...args]: readonly string[],
  port: number,
  record: (line: Line) => Promise<void>,
): Started {
  const beginMs = performance.now();
  const child = spawn(program, args, { stdio: "ignore", env: { ...process.env, NO_COLOR: "1" } });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  const signal = (name: "SIGTERM" | "SIGKILL") => {
    if (!hasEnded && child.pid !== undefined) process.kill(child.pid, name);
  };
  const kill = () => signal("SIGKILL");
  process.on("exit", kill);
  return {
    pid: child.pid ?? -1,
    acknowledge: async () => {
      const line = await Line.connect(port, () => hasEnded);
      await record(line);
      line.close();
      return performance.now() - beginMs;
    },
    stop: async () => {
      signal("SIGTERM");
      const limit = setTimeout(kill, STOPPED_WITHIN_MS);
      await ended;
      clearTimeout(limit);
      process.off("exit", kill);
    },
  };
}

/** A connection whose answers are read by need. */
export class Line {
  readonly #socket: net.Socket;
  #received: Uint8Array = new Uint8Array(0);
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (piece) => {
      const joined = new Uint8Array(this.#received.length + piece.length);
      joined.set(this.#received);
      joined.set(piece as Uint8Array, this.#received.length);
      this.#received = joined;
      this.#wake();
    });
    socket.on("error", () => {});
  }

  /** Tries every 2 ms until somebody listens. */
  static async connect(port: number, hasEnded: () => boolean): Promise<Line> {
    const endMs = performance.now() + LISTENS_WITHIN_MS;
    while (performance.now() < endMs) {
      if (hasEnded()) throw new Error("it ended before it listened");
      const socket = await new Promise<net.Socket | null>((resolve) => {
        const tried = net.connect({ host: "127.0.0.1", port });
        tried.once("connect", () => resolve(tried));
        tried.once("error", () => resolve(null));
      });
      if (socket !== null) return new Line(socket);
      await pause(2);
    }
    throw new Error("it did not listen in time");
  }

  send(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** What `find` makes of the bytes that came, once it is not undefined; those are then gone. */
  async until<T>(what: string, find: (bytes: Uint8Array) => T | undefined): Promise<T> {
    const endMs = performance.now() + ANSWERS_WITHIN_MS;
    for (;;) {
      const found = find(this.#received);
      if (found !== undefined) {
        this.#received = new Uint8Array(0);
        return found;
      }
      if (performance.now() > endMs) throw new Error(`no answer: ${what}`);
      await new Promise<void>((resolve) => {
        const limit = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(limit);
          resolve();
        };
      });
    }
  }

  /** The first text that matches. */
  matching(what: string, pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(what, (bytes) => {
      return pattern.exec(new TextDecoder("latin1").decode(bytes)) ?? undefined;
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A port that is free now; `count` of them in a row. */
export async function freePort(count: number = 1): Promise<number> {
  for (;;) {
    const port = await listenOnce(0);
    let free = port > 0 && port + count <= 65535;
    for (let more = 1; free && more < count; more += 1) {
      free = await listenOnce(port + more) === port + more;
    }
    if (free) return port;
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.on("error", () => resolve(0));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      const found = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(found));
    });
  });
}
