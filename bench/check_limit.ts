/**
 * Holds the yardstick to its word: no acknowledgement of level fsync leaves the limit server
 * before a sync that began after the write of its bytes. The server runs under strace, and every
 * system call of its data path is replayed in order.
 *
 *     openat .log   a segment begins at an offset       written   records in all files
 *     pwritev       written grows                        syncing   written as io_submit was called
 *     io_submit     syncing = end of that file           durable   syncing as io_getevents said 0
 *     fdatasync     the same, of a sync thread           or fdatasync returned 0
 *     sendto        each ack: baseOffset < durable
 *
 * Every way in which the bench runs the limit server is held to it. Usage: node scripts/under.mjs
 * bench/check_limit.ts. Needs strace.
 *
 * Invariant: one partition, one record of 1 KiB a batch, so that bytes and offsets count alike.
 */
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { buildPrograms, DIST } from "./build.ts";
import { runLoad, startServer } from "./servers.ts";

const BATCH_BYTES = 1024;
const REPLY_BYTES = 28;
const LEVEL_FSYNC = 3;

interface Segment {
  readonly fd: number;
  readonly base: number;
  end: number;
}

/** The server's state as its system calls tell it. */
class Replay {
  readonly segments: Segment[] = [];
  written = 0;
  durable = 0;
  syncing: number | null = null;
  syncs = 0;
  acks = 0;
  readonly faults: string[] = [];

  /** Calls of threads that strace has shown the beginning of. */
  readonly #begun = new Map<string, string>();

  /**
   * A line is a whole call, or with several threads its beginning or its end. What a call promises
   * or covers is as it was at its beginning; what it has done counts from its end on.
   */
  take(line: string): void {
    const [, thread = "", rest = ""] = /^(?:(\d+) +)?(.*)$/.exec(line) ?? [];
    const beginning = /^(\w+\(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (beginning !== undefined) {
      this.#begun.set(thread, beginning);
      this.#begin(beginning);
      return;
    }
    const end = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    if (end === undefined) this.#begin(rest);
    this.#end(end === undefined ? rest : `${this.#begun.get(thread) ?? ""}${end}`);
  }

  #begin(call: string): void {
    const [, name, args = ""] = /^(\w+)\((.*)/.exec(call) ?? [];
    if (name === "io_submit") this.#submit(args);
    else if (name === "fdatasync") this.#beginSync(Number.parseInt(args, 10));
    else if (name === "sendto") this.#send(args);
  }

  #end(call: string): void {
    const [, name, args = "", result = ""] = /^(\w+)\((.*)\) += (-?\d+)/.exec(call) ?? [];
    if (name === "openat") this.#open(args, Number(result));
    else if (name === "pwritev") this.#write(Number(result));
    else if (name === "io_getevents") this.#reap(args, Number(result));
    else if (name === "fdatasync") this.#endSync(Number(result) === 0);
  }

  #expect(holds: boolean, fault: string): void {
    if (!holds) this.faults.push(`${fault} (record ${this.written}, ack ${this.acks})`);
  }

  #open(args: string, fd: number): void {
    const path = bytesOf(args).toString("latin1");
    if (!path.endsWith(".log")) return;
    const base = Number(path.slice(-24, -4));
    this.#expect(base === this.written, "a segment does not begin where the last one ends");
    this.segments.push({ fd, base, end: base });
  }

  #write(bytes: number): void {
    this.written += bytes / BATCH_BYTES;
    this.segments.at(-1)!.end = this.written;
  }

  #submit(args: string): void {
    this.#expect(args.includes("IOCB_CMD_FDSYNC"), "a request that is no sync");
    this.#beginSync(Number(/aio_fildes=(\d+)/.exec(args)?.[1]));
  }

  #reap(args: string, count: number): void {
    if (count === 0) return;
    this.#endSync(count === 1 && args.includes("res=0"));
  }

  #beginSync(fd: number): void {
    const segment = this.segments.find((one) => one.fd === fd);
    this.#expect(this.syncing === null, "two syncs of a partition in flight");
    this.#expect(segment !== undefined && segment.base <= this.durable, "an older file is dirty");
    this.syncing = segment?.end ?? 0;
  }

  #endSync(isGood: boolean): void {
    this.#expect(isGood, "a sync failed");
    this.durable = this.syncing ?? 0;
    this.syncing = null;
    this.syncs += 1;
  }

  #send(args: string): void {
    const bytes = bytesOf(args);
    for (let at = 0; at + 4 <= bytes.length; at += bytes.readUInt32BE(at) + 4) {
      const isAck = bytes.readUInt32BE(at) + 4 === REPLY_BYTES && bytes[at + 20] === LEVEL_FSYNC;
      if (!isAck) continue;
      this.acks += 1;
      const baseOffset = bytes.readUInt32BE(at + 16); // the upper half is zero here
      this.#expect(baseOffset < this.durable, `offset ${baseOffset} acknowledged before its sync`);
    }
  }
}

/** The first string of a call; strace -xx writes every byte as \xNN. */
function bytesOf(args: string): Buffer {
  return Buffer.from((/"((?:\\x..)*)"/.exec(args)?.[1] ?? "").replaceAll("\\x", ""), "hex");
}

async function trace(serverFlags: readonly string[], count: number): Promise<string> {
  const output = join(DIST, "limit.strace");
  const server = await startServer("limit", { serverFlags });
  const calls = "trace=openat,pwritev,io_submit,io_getevents,fdatasync,sendto";
  const args = ["-f", "-xx", "-s", "65536", "-e", calls, "-o", output, "-p", String(server.pid)];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => strace.on("close", resolve));
  try {
    // It says "attached" on stderr once it sees every call.
    await new Promise((resolve, reject) => {
      strace.on("error", reject);
      strace.stderr.once("data", resolve);
    });
    const config = ["--config", "durability=fsync", "--config", "segment.bytes=65536"];
    const load = ["produce", "--connections", "20", "--in-flight", "3", "--count", String(count)];
    await runLoad(server, [...load, ...config]);
  } finally {
    if (strace.pid !== undefined && strace.exitCode === null) process.kill(strace.pid, "SIGINT");
    await ended;
    await server.stop();
  }
  return output;
}

/** Runs the server in one of its ways and says what was seen; false when something was wrong. */
async function check(flags: readonly string[]): Promise<boolean> {
  const count = 5000;
  const output = await trace(flags, count);
  const replay = new Replay();
  for (const line of readFileSync(output, "latin1").split("\n")) replay.take(line);
  rmSync(output);
  const { segments, written, acks, syncs, faults } = replay;
  if (acks !== count || written !== count) faults.push(`${count} batches sent, ${acks} acks seen`);
  process.stdout.write(
    `${flags.join(" ") || "as it is"}: ${written} records in ${segments.length} segments, ` +
      `${syncs} syncs, ${acks} acks, ${faults.length} faults\n` +
      `${faults.slice(0, 10).map((fault) => `- ${fault}\n`).join("")}`,
  );
  return faults.length === 0;
}

const WAYS = [[], ["--wait", "adaptive"], ["--wait", "200"], ["--sync-threads", "1"]];

mkdirSync(DIST, { recursive: true });
buildPrograms();
for (const flags of WAYS) {
  if (!await check(flags)) process.exitCode = 1;
}
