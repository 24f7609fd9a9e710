/**
 * A file goes in by `sluice produce` and comes out by `sluice consume`, byte for byte, between the
 * two runtimes; also when the broker is killed in the middle. SLUICE_ROUND_TRIP_MIB sets the size
 * (default 48; the proof of a release takes 1100).
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { figure, mebibytes } from "../support/figures.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { Prng } from "../support/prng.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const MIB = 1048576;
const SIZE = Number(process.env["SLUICE_ROUND_TRIP_MIB"] ?? "48") * MIB;
const LINE_FEED = 10;
const directory = temporaryDirectory("trip");
const input = join(directory, "input");
writeInput(input, SIZE);

test(`a file comes back as it was (${PAIR})`, async () => {
  const broker = await start("whole");
  const at = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
  await sluice(["topic", "create", "t"], at);
  const produced = await sluice(["produce", "t", input], at);
  figure(`produce: ${produced.stderr.trim().split("\n").at(-1)}`);
  assert.equal(await consumedHash(at), hashWithLineFeed(input, statSync(input).size));
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("what was acknowledged survives SIGKILL, in order and unchanged", async () => {
  const data = "killed";
  for (const share of [0.05, 0.3]) {
    const broker = await start(data + share);
    const at = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
    await sluice(["topic", "create", "t", "--config", "segment.bytes=8388608"], at);
    const command = { runtime: CLIENT_RUNTIME, args: ["produce", "t", input], env: at };
    const producing = runSluice(command);
    const log = join(directory, data + share, "t-0");
    await until("enough is written", () => bytesBelow(log) > SIZE * share);
    await broker.kill();
    const produced = await producing;
    assert.equal(produced.code, 1, produced.stderr);
    const acknowledged = Number(/acknowledged (\d+) records/.exec(produced.stderr)?.[1]);
    assert.ok(acknowledged >= 0, produced.stderr);
    const second = await start(data + share);
    await second.kill(); // perhaps in the middle of its recovery, perhaps right after
    await expectPrefix(await start(data + share), acknowledged);
  }
});

test("a line above the limit is refused by name, what came before is stored", async () => {
  const broker = await start("limit");
  const at = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
  const file = join(directory, "long-line");
  const fd = openSync(file, "w");
  writeSync(fd, "first\n");
  writeSync(fd, new Uint8Array(MIB).fill(120));
  writeSync(fd, "\nlast\n");
  closeSync(fd);
  await sluice(["topic", "create", "t"], at);
  const args = ["produce", "t", file];
  const refused = await runSluice({ runtime: CLIENT_RUNTIME, args, env: at });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /1048588/);
  assert.match(refused.stderr, /max\.message\.bytes/);
  assert.match(refused.stderr, /acknowledged 1 records?/);
  assert.equal((await sluice(["consume", "t"], at)).out, "first\n");
  await sluice(["topic", "create", "wide", "--config", "max.message.bytes=2097152"], at);
  await sluice(["produce", "wide", file], at);
  const { stdout } = await sluice(["consume", "wide"], at);
  assert.deepEqual(stdout, readFileSync(file));
  await broker.stop();
});

function start(name: string): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, data: join(directory, name) });
}

async function sluice(args: readonly string[], env: Record<string, string>) {
  const result = await runSluice({ runtime: CLIENT_RUNTIME, args, env });
  assert.equal(result.code, 0, `sluice ${args.join(" ")}: ${result.stderr}`);
  return result;
}

/** The broker holds at least the first `count` lines of the input, and only its beginning. */
async function expectPrefix(broker: Broker, count: number): Promise<void> {
  const at = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
  const output = join(directory, "prefix");
  await consumeTo(output, at);
  const size = statSync(output).size;
  const lines = countLines(output);
  figure(`killed after ${mebibytes(size)}: ${count} acknowledged, ${lines} there`);
  assert.ok(lines >= count, `${lines} records of ${count} acknowledged`);
  assert.ok(size <= statSync(input).size + 1, "nothing that was not sent");
  assert.equal(hashOf(output, size), hashWithLineFeed(input, size));
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}

async function consumedHash(env: Record<string, string>): Promise<string> {
  const output = join(directory, "output");
  await consumeTo(output, env);
  return hashOf(output, statSync(output).size);
}

async function consumeTo(output: string, env: Record<string, string>): Promise<void> {
  const stdoutFd = openSync(output, "w");
  const result = await runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["consume", "t"],
    env,
    stdoutFd,
  });
  closeSync(stdoutFd);
  assert.equal(result.code, 0, result.stderr);
}

/** CR, NUL, empty lines, lines of 1,000,000 bytes, no line feed at the end. */
function writeInput(path: string, size: number): void {
  const prng = new Prng(20261125);
  const small = new Uint8Array(MIB);
  for (let at = 0; at < small.length; at += 1) small[at] = prng.below(256);
  for (let at = 0; at < small.length; at += 1 + prng.below(400)) small[at] = LINE_FEED;
  small[small.length - 1] = LINE_FEED;
  const large = new Uint8Array(1000001).fill(13);
  large.fill(0, 1000, 2000);
  large[1000000] = LINE_FEED;
  const fd = openSync(path, "w");
  for (let written = 0; written < size; written += small.length + large.length) {
    writeSync(fd, small);
    writeSync(fd, large);
  }
  writeSync(fd, "no line feed at the end\r\0");
  closeSync(fd);
}

/** The hash of the first `size` bytes of what consume makes of the file. */
function hashWithLineFeed(path: string, size: number): string {
  const whole = statSync(path).size;
  return size >= whole ? hashOf(path, whole, "\n") : hashOf(path, size);
}

function hashOf(path: string, size: number, behind = ""): string {
  const hash = createHash("sha256");
  eachChunk(path, size, (chunk) => hash.update(chunk));
  return hash.update(behind).digest("hex");
}

function countLines(path: string): number {
  let lines = 0;
  eachChunk(path, statSync(path).size, (chunk) => {
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) {
      lines += 1;
    }
  });
  return lines;
}

function eachChunk(path: string, size: number, visit: (chunk: Uint8Array) => void): void {
  const fd = openSync(path, "r");
  const chunk = new Uint8Array(MIB);
  for (let at = 0; at < size;) {
    const read = readSync(fd, chunk, 0, Math.min(chunk.length, size - at), at);
    assert.ok(read > 0, "the file is as long as it was");
    visit(chunk.subarray(0, read));
    at += read;
  }
  closeSync(fd);
}

/** Bytes of the files in a directory; 0 while there is none. */
function bytesBelow(log: string): number {
  try {
    return readdirSync(log).reduce((sum, name) => sum + statSync(join(log, name)).size, 0);
  } catch {
    return 0;
  }
}
