/**
 * What has to be tried in a process of its own, chosen by the first argument. It tells what
 * happened through descriptor 1 by `write(2)`, because that needs no permission and is there at
 * once.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { libc } from "#ffi";
import { AT_FDCWD, O_CREAT, O_RDWR, O_TRUNC, SIGXFSZ } from "../../ffi/constants.ts";
import type { IoVector, Libc } from "../../ffi/libc.ts";

export function say(to: Libc, text: string): void {
  const bytes = new TextEncoder().encode(text + "\n");
  const memory = to.allocate(bytes.length);
  memory.bytes.set(bytes);
  to.write(1, memory, 0, bytes.length);
}

/** Every kind of call once: a string, an error, an address within a block, a position. */
export function tryCalls(to: Libc, path: string): string {
  const fd = to.openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0o644);
  const memory = to.allocate(64);
  memory.bytes.fill(7, 10, 20);
  const wrote = to.pwrite(fd, memory, 10, 10, 2 ** 32);
  const read = to.pread(fd, memory, 30, 20, 2 ** 32);
  const same = memory.bytes.subarray(30, 40).every((byte) => byte === 7);
  const missing = to.openat(AT_FDCWD, path + "/x", O_RDWR, 0);
  return [wrote, read, same, missing, to.close(fd), to.close(fd)].join(" ");
}

function collectGarbage(): void {
  const { Bun, gc } = globalThis as {
    Bun?: { gc(now: boolean): void };
    gc?: () => void;
  };
  if (Bun !== undefined) Bun.gc(true);
  else if (gc !== undefined) gc();
  else throw new Error("the test runs with --expose-gc");
}

/** Only the vector refers to these blocks. */
function fillVector(i: number): IoVector {
  const vector = libc.ioVector(8);
  for (let part = 0; part < 8; part++) {
    const memory = libc.allocate(4096);
    memory.bytes.fill((i * 8 + part) % 251);
    vector.push(memory, 0, 4096);
  }
  return vector;
}

/** Vectors outlive collections, while others' memory is freed and used again around them. */
function stressVectors(path: string): string {
  const fd = libc.openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0o644);
  const vectors: IoVector[] = [];
  for (let i = 0; i < 200; i++) vectors.push(fillVector(i));
  let wrong = 0;
  for (let round = 0; round < 5; round++) {
    collectGarbage();
    for (let i = 0; i < 2000; i++) libc.allocate(4096).bytes.fill(0xff);
  }
  vectors.forEach((vector, i) => {
    if (libc.pwritev(fd, vector, i * 32_768) !== 32_768) wrong += 1;
  });
  const back = libc.allocate(32_768);
  for (let i = 0; i < 200; i++) {
    if (libc.pread(fd, back, 0, 32_768, i * 32_768) !== 32_768) wrong += 1;
    for (let at = 0; at < 32_768; at++) {
      if (back.bytes[at] !== (i * 8 + (at >> 12)) % 251) wrong += 1;
    }
  }
  return "wrong " + String(wrong);
}

/** errno must survive whatever the collector does between calls. */
function stressErrno(): string {
  let wrong = 0;
  let garbage: unknown[] = [];
  for (let i = 0; i < 200_000; i++) {
    garbage.push({ i }, new Uint8Array(64));
    if (garbage.length > 1000) garbage = [];
    if (i % 2 === 0 && libc.close(-1) !== -9) wrong += 1;
    if (i % 2 === 1 && libc.openat(AT_FDCWD, "/no/such/file", 0, 0) !== -2) wrong += 1;
  }
  return "wrong " + String(wrong);
}

function exceedFileSize(path: string): string {
  libc.ignoreSignal(SIGXFSZ);
  const fd = libc.openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0o644);
  return "pwrite " + String(libc.pwrite(fd, libc.allocate(1), 0, 1, 2 ** 30));
}

/** Starts workers one after the other; gives what each of them posted. */
async function askWorkers(count: number, mode: string, path: string): Promise<string> {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL("./adapter_worker.ts", import.meta.url), { type: "module" });
    answers.push(
      await new Promise<string>((resolve, reject) => {
        worker.onmessage = (event: MessageEvent) => resolve(String(event.data));
        worker.onerror = (event: ErrorEvent) => reject(new Error(event.message));
        worker.postMessage({ mode, path: path + String(i) });
      }),
    );
  }
  return answers.join(", ");
}

/** The nice value of the main thread, before and after. */
function becomeNicer(): string {
  const nice = (): number => {
    const stat = readFileSync("/proc/self/stat", "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  };
  const before = nice();
  libc.addNice(3);
  return String(nice() - before);
}

async function run(mode: string, path: string): Promise<void> {
  if (mode === "calls") say(libc, tryCalls(libc, path));
  else if (mode === "vectors") say(libc, stressVectors(path));
  else if (mode === "errno") say(libc, stressErrno());
  else if (mode === "limit") say(libc, exceedFileSize(path));
  else if (mode === "workers") say(libc, await askWorkers(3, "calls", path));
  else if (mode === "exit-in-worker") say(libc, await askWorkers(1, "exit", path));
  else if (mode === "nice") say(libc, becomeNicer());
  else if (mode === "exit") {
    process.on("exit", () => say(libc, "a handler ran"));
    say(libc, "before");
    libc.exit(7);
  }
  libc.exit(0);
}

if (import.meta.main) await run(process.argv[2] ?? "", process.argv[3] ?? "");
