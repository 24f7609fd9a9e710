/**
 * A browser for tests: Debian's package `chromium`, without a screen, told what to do by its
 * DevTools protocol.
 *
 *     apt-get install chromium
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { signalChild } from "./signal_child.ts";
import { until } from "./until.ts";

const PROGRAM = process.env["SLUICE_CHROMIUM"] ?? "chromium";
const ARGUMENTS = [
  "--headless=new",
  "--no-sandbox", // it may be run by root here; what it opens is ours
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--remote-debugging-port=0",
  "--remote-allow-origins=*",
];

/** Why there is no browser, or null. */
export function chromiumMissing(): string | null {
  const { status } = spawnSync(PROGRAM, ["--version"]);
  return status === 0 ? null : `there is no ${PROGRAM} (Debian's package chromium)`;
}

export interface Page {
  /** The value of an expression, which may await, as JSON can say it. */
  evaluate(expression: string): Promise<unknown>;
  /** Ends the browser. */
  close(): Promise<void>;
}

/** Opens a page. `profile`: an empty directory. */
export async function openPage(url: string, profile: string): Promise<Page> {
  const child = spawn(PROGRAM, [...ARGUMENTS, `--user-data-dir=${profile}`, url], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const end = (): void => signalChild(child, "SIGKILL");
  process.on("exit", end);
  const address = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (piece) => {
      said += piece;
      const found = /^DevTools listening on ws:\/\/([^/]+)\//m.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(`the browser ended: ${said}`)));
  });
  const socket = await connect(address, url);
  const evaluate = evaluator(socket);
  await until(`${url} is loaded`, () => {
    return evaluate(`location.href === "${url}" && document.readyState === "complete"`);
  });
  const close = async (): Promise<void> => {
    socket.close();
    end();
    await ended;
  };
  return { evaluate, close };
}

interface Target {
  readonly type: string;
  readonly url: string;
  readonly webSocketDebuggerUrl: string;
}

async function connect(address: string, url: string): Promise<WebSocket> {
  const target = await until(`the browser has ${url}`, async () => {
    const targets = await (await fetch(`http://${address}/json`)).json() as Target[];
    return targets.find((one) => one.type === "page" && one.url === url);
  });
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("the browser does not answer"));
  });
  return socket;
}

function evaluator(socket: WebSocket): Page["evaluate"] {
  const waiting = new Map<number, (answer: Evaluated) => void>();
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: Evaluated };
    waiting.get(id)?.(result);
    waiting.delete(id);
  };
  let last = 0;
  return async (expression) => {
    const id = last += 1;
    const answered = new Promise<Evaluated>((resolve) => waiting.set(id, resolve));
    // As its console does it: `await` may stand anywhere.
    const params = { expression, awaitPromise: true, returnByValue: true, replMode: true };
    socket.send(JSON.stringify({ id, method: "Runtime.evaluate", params }));
    const { result, exceptionDetails } = await answered;
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  };
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: unknown;
}
