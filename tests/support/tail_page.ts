/** The server of examples/tail_page.mjs, for tests: started, and where its page is. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import type { HttpDoor } from "./http.ts";
import { ROOT } from "./runtimes.ts";
import { signalChild } from "./signal_child.ts";

export interface TailPage {
  readonly url: string;
  end(): Promise<void>;
}

export interface TailPageOptions {
  /** A program with its arguments. */
  readonly runtime: readonly string[];
  readonly topic: string;
  readonly door: HttpDoor;
  /** The broker's data directory, where the token is. */
  readonly data: string;
  /** 0: any. */
  readonly port?: number;
}

/** Rejects with what it said when it does not start. */
export function startTailPage(options: TailPageOptions): Promise<TailPage> {
  const { runtime: [program = "", ...args], topic, door, data } = options;
  const { host, port } = door.place as { host: string; port: number };
  const example = [join(ROOT, "examples/tail_page.mjs"), topic, String(options.port ?? 0)];
  const child = spawn(program, [...args, ...example], {
    cwd: ROOT,
    env: {
      ...process.env,
      NO_COLOR: "1",
      SLUICE_HTTP: `${host}:${port}`,
      SLUICE_TOKEN_FILE: join(data, "http-read.token"),
    },
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const end = (): Promise<void> => {
    signalChild(child, "SIGKILL");
    return ended;
  };
  process.on("exit", () => signalChild(child, "SIGKILL"));
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (piece: Uint8Array): void => {
      said += String(piece);
      const url = /^open (http:\S+)$/m.exec(said)?.[1];
      if (url !== undefined) resolve({ url, end });
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", reject);
    child.on("close", () => reject(new Error(`the page's server ended: ${said}`)));
  });
}
