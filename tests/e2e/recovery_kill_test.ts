/**
 * Killed again while it recovers: at every kind of step that recovery and the opening of the
 * directory take. However often that happens, the next start finds the same log.
 */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { RECOVERY_POINT_FILE } from "../../src/format/file_names.ts";
import { Prng } from "../support/prng.ts";
import { startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { named, straceMissing, Trace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { within } from "../support/until.ts";

const SEGMENT_SIZE = 524288;
const LINES = 30_000;
const missing = straceMissing();

/**
 * Calls that the runtime's own start does not make, or not so late; `when` counts per thread. The
 * signal comes as the call begins.
 */
const KILLS: readonly (readonly [call: string, when: number])[] = [
  ["flock", 1],
  ["renameat", 1],
  ["fsync", 2],
  ["fdatasync", 1],
  ["fdatasync", 4],
  ["fadvise64", 2],
  ["fadvise64", 7],
  ["ftruncate", 1],
  ["listen", 1],
];

testOrSkip("killed at any step of recovery, the log is the same afterwards", missing, async () => {
  const data = join(temporaryDirectory("again"), "d");
  const log = join(data, "t-0");
  const text = await filled(data);
  const whole = contents(log);
  assert.ok(whole.size > 4, "several segments");
  const last = [...whole.keys()].filter((name) => name.endsWith(".log")).sort().at(-1) ?? "";
  const torn = readFileSync(join(log, last)).subarray(0, 1000);
  for (const [call, when] of KILLS) {
    // What a kill in the middle of a write leaves: the beginning of a batch.
    if (statSync(join(log, last)).size === whole.get(last)?.length) {
      appendFileSync(join(log, last), torn);
    }
    // Without a recovery point every segment is scanned.
    rmSync(join(data, RECOVERY_POINT_FILE), { force: true });
    await killedAt(data, call, when);
  }
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  assert.equal((await commands(broker)(["consume", "t"])).out, text);
  for (const [name, bytes] of contents(log)) {
    if (name.endsWith(".log")) assert.deepEqual(bytes, whole.get(name), name);
  }
  await commands(broker)(["produce", "t"], { stdin: "and on it goes" });
  await broker.kill();
  const after = await startBroker({ runtime: BROKER_RUNTIME, data });
  assert.equal((await commands(after)(["consume", "t"])).out, `${text}and on it goes\n`);
  await after.stop();
});

testOrSkip("killed at any step of the first start, the directory is usable", missing, async () => {
  const parent = temporaryDirectory("first");
  const steps = [["flock", 1], ["fsync", 1], ["renameat", 1], ["renameat", 2]] as const;
  for (const [call, when] of steps) {
    const data = join(parent, `${call}-${when}`);
    await killedAt(data, call, when);
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
    await commands(broker)(["topic", "create", "t"]);
    await commands(broker)(["produce", "t"], { stdin: "here" });
    assert.equal((await commands(broker)(["consume", "t"])).out, "here\n");
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, `${call} ${when}`);
  }
});

testOrSkip("killed while a topic is created: there or not, and usable", missing, async () => {
  const parent = temporaryDirectory("topic");
  // The first fsync of the main thread takes the clean mark away, the next are the catalogue's.
  for (const [call, when] of [["fsync", 2], ["renameat", 1], ["fsync", 3]] as const) {
    const data = join(parent, `${call}-${when}`);
    await (await startBroker({ runtime: BROKER_RUNTIME, data })).stop();
    const { wrap } = new Trace([call], [`${call}:signal=KILL:when=${when}`]);
    const doomed = await startBroker({ runtime: BROKER_RUNTIME, data, wrap });
    const created = await tryCommands(doomed)(["topic", "create", "t"]);
    assert.equal(created.code, 1, "nobody said that it was created");
    const ended = await within("the kill", doomed.ended);
    assert.deepEqual(ended, { code: null, signal: "SIGKILL" });
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
    const listed = (await commands(broker)(["topic", "list"])).out;
    if (!/^t\t/m.test(listed)) await commands(broker)(["topic", "create", "t"]);
    await commands(broker)(["produce", "t"], { stdin: "here" });
    assert.equal((await commands(broker)(["consume", "t"])).out, "here\n");
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, `${call} ${when}`);
  }
});

/** Fills topic t, and kills the broker. Gives back what consume prints. */
async function filled(data: string): Promise<string> {
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const config = ["--config", `segment.bytes=${SEGMENT_SIZE}`];
  await commands(broker)(["topic", "create", "t", ...config]);
  const prng = new Prng(20260104);
  const lines = Array.from({ length: LINES }, (_, at) => `${at} ${"z".repeat(prng.below(200))}\n`);
  const text = lines.join("");
  // Batches of a few lines each, so that a segment holds many.
  for (let at = 0; at < LINES; at += LINES / 10) {
    await commands(broker)(["produce", "t"], { stdin: lines.slice(at, at + LINES / 10).join("") });
  }
  await broker.kill();
  return text;
}

/** Starts a broker that is killed when one of its threads makes a call for the `when`-th time. */
async function killedAt(data: string, call: string, when: number): Promise<void> {
  const trace = new Trace([call], [`${call}:signal=KILL:when=${when}`]);
  const start = startBroker({ runtime: BROKER_RUNTIME, data, wrap: trace.wrap });
  const broker = await start.catch((error: Error) => {
    assert.match(error.message, /ended before it was ready: SIGKILL/);
    return null;
  });
  if (broker === null) return;
  await broker.kill();
  const made = named(await trace.calls(broker.pid), call).length;
  assert.fail(`${call} was made ${made} times, and the start went through`);
}

/** Names and bytes of the files of a partition. */
function contents(directory: string): Map<string, Uint8Array> {
  assert.ok(existsSync(directory));
  return new Map(
    readdirSync(directory).sort().map((name) => {
      return [name, new Uint8Array(readFileSync(join(directory, name)))];
    }),
  );
}
