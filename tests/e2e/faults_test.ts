/**
 * The kernel says no: errors put into single system calls of the real broker by strace. Nothing
 * that was not stored is acknowledged, what was acknowledged is there afterwards, and a bug ends
 * the whole process.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describeError } from "../../src/format/errors.ts";
import { batchOf } from "../support/batches.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { produce } from "../support/frames.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { testOrSkip } from "../support/skip.ts";
import { named, onLog, straceMissing, Trace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until, within } from "../support/until.ts";

const missing = straceMissing();
const RECORDS = 20;
const EXIT_SOFTWARE = 70;
const EXIT_IO = 74;

/** A broker whose calls fail as `inject` says, with topic t, and a connection to it. */
class Faulty {
  readonly broker: Broker;
  readonly connection: RawConnection;
  readonly data: string;
  readonly trace: Trace;
  acknowledged = 0;
  #correlation = 0;

  private constructor(broker: Broker, connection: RawConnection, data: string, trace: Trace) {
    this.broker = broker;
    this.connection = connection;
    this.data = data;
    this.trace = trace;
  }

  static async start(calls: readonly string[], inject: readonly string[]): Promise<Faulty> {
    const data = join(temporaryDirectory("fault"), "d");
    const trace = new Trace(calls, inject);
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data, wrap: trace.wrap });
    const connection = await RawConnection.open(broker.port);
    await connection.ask("create_topic", { name: "t", partitions: 1, config: [] });
    await connection.ask("open_partition", { topic: "t", partition: 0 });
    return new Faulty(broker, connection, data, trace);
  }

  /** Produces the next record; the name of its error, or "ended" when the connection did. */
  async produce(): Promise<string> {
    this.#correlation += 1;
    const value = new TextEncoder().encode(`record ${this.acknowledged}`);
    await this.connection.send(produce(0, batchOf([value]), this.#correlation));
    const reply = await this.connection.replyOrEnd();
    if (reply === null) return "ended";
    if (reply.code === 0) this.acknowledged += 1;
    return describeError(reply.code).name;
  }

  /** What consume prints when exactly the acknowledged records are there. */
  get expected(): string {
    const lines = Array.from({ length: this.acknowledged }, (_, index) => `record ${index}\n`);
    return lines.join("");
  }

  /** A broker on the same directory, without faults, has what was acknowledged. */
  async expectKept(): Promise<void> {
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data: this.data });
    const { out } = await commands(broker)(["consume", "t"]);
    assert.ok(out.startsWith(this.expected), `${this.acknowledged} were acknowledged: ${out}`);
    await broker.stop();
  }
}

testOrSkip("without AIO the syncs are called in the loop", missing, async () => {
  const faulty = await Faulty.start(["io_setup", "fdatasync"], ["io_setup:error=ENOSYS"]);
  for (let i = 0; i < RECORDS; i += 1) assert.equal(await faulty.produce(), "none");
  assert.equal((await commands(faulty.broker)(["consume", "t"])).out, faulty.expected);
  assert.deepEqual(await faulty.broker.stop(), { code: 0, signal: null });
  const calls = await faulty.trace.calls(faulty.broker.pid);
  assert.ok(named(calls, "fdatasync").filter(onLog).length >= RECORDS, "one for each");
});

testOrSkip("a submission that is refused is synced all the same", missing, async () => {
  const faulty = await Faulty.start(["io_submit", "fdatasync"], ["io_submit:error=EAGAIN"]);
  for (let i = 0; i < RECORDS; i += 1) assert.equal(await faulty.produce(), "none");
  assert.equal((await commands(faulty.broker)(["consume", "t"])).out, faulty.expected);
  assert.deepEqual(await faulty.broker.stop(), { code: 0, signal: null });
  const calls = await faulty.trace.calls(faulty.broker.pid);
  assert.ok(named(calls, "fdatasync").filter(onLog).length >= RECORDS, "one for each");
});

testOrSkip("a sync that fails is final: no acknowledgement, and the end", missing, async () => {
  const faulty = await Faulty.start(["io_setup", "fdatasync"], [
    "io_setup:error=ENOSYS",
    "fdatasync:error=EIO:when=6+",
  ]);
  let outcome = "none";
  for (let i = 0; i < 20 && outcome === "none"; i += 1) outcome = await faulty.produce();
  assert.ok(["storage_failed", "ended"].includes(outcome), outcome);
  assert.ok(faulty.acknowledged <= 5, `${faulty.acknowledged} acknowledged, 5 synced`);
  const ended = await within("the end of the broker", faulty.broker.ended);
  assert.deepEqual(ended, { code: EXIT_IO, signal: null }, faulty.broker.stderr());
  assert.match(faulty.broker.stderr(), /sync of t-0: EIO/);
  await faulty.expectKept();
});

testOrSkip("a full disk refuses appends until it has room, and reads go on", missing, async () => {
  const faulty = await Faulty.start(["pwritev"], ["pwritev:error=ENOSPC:when=4..6"]);
  const outcomes: string[] = [];
  for (let i = 0; i < 4; i += 1) outcomes.push(await faulty.produce());
  assert.deepEqual(outcomes, ["none", "none", "none", "disk_full"]);
  // It tries again by itself, once a second: two of those find no room either.
  await until("it takes records again", async () => await faulty.produce() === "none");
  assert.ok(describeError(61).retriable, "and says that a retry can help");
  assert.equal((await commands(faulty.broker)(["consume", "t"])).out, faulty.expected);
  assert.deepEqual(await faulty.broker.stop(), { code: 0, signal: null });
  await faulty.expectKept();
});

testOrSkip("after a failed write nothing more is taken, and reads go on", missing, async () => {
  const faulty = await Faulty.start(["pwritev"], ["pwritev:error=EIO:when=4"]);
  const outcomes: string[] = [];
  for (let i = 0; i < 6; i += 1) outcomes.push(await faulty.produce());
  const failed = ["storage_failed", "storage_failed", "storage_failed"];
  assert.deepEqual(outcomes, ["none", "none", "none", ...failed]);
  assert.equal((await commands(faulty.broker)(["consume", "t"])).out, faulty.expected);
  await faulty.broker.stop();
  await faulty.expectKept();
});

testOrSkip("calls that a signal interrupts are made again", missing, async () => {
  // Under Deno the main thread uses the same calls for its own socket, and ends when they fail.
  const sockets = BROKER_RUNTIME === "bun" ? ["recvfrom", "sendto"] : [];
  const calls = ["pwritev", "sendfile", ...sockets];
  const inject = calls.map((call) => `${call}:error=EINTR:when=2+3`);
  const faulty = await Faulty.start(calls, inject);
  for (let i = 0; i < 30; i += 1) assert.equal(await faulty.produce(), "none");
  assert.equal((await commands(faulty.broker)(["consume", "t"])).out, faulty.expected);
  assert.deepEqual(await faulty.broker.stop(), { code: 0, signal: null });
});

testOrSkip("without a descriptor even to refuse them clients wait for one", missing, async () => {
  // Calls fail in pairs: the client is accepted, or else by the reserve's descriptor to be told.
  const faulty = await Faulty.start(["accept4"], ["accept4:error=EMFILE:when=8..21"]);
  for (let i = 0; i < 10; i += 1) {
    const other = await RawConnection.open(faulty.broker.port);
    await other.ask("ping", {});
    other.close();
    assert.equal(await faulty.produce(), "none", "who was there is served");
  }
  const { counters } = await faulty.connection.ask("stats", {});
  const refused = counters.find(({ name }) => name === "connections_refused_descriptors_total");
  assert.equal(refused?.value, 0);
  assert.deepEqual(await faulty.broker.stop(), { code: 0, signal: null });
  const calls = await faulty.trace.calls(faulty.broker.pid);
  const failed = named(calls, "accept4").filter(({ line }) => line.includes("EMFILE"));
  assert.equal(failed.length, 14, "every failure was met");
});

testOrSkip("a bug in the shard ends the whole process", missing, async () => {
  // Only the shard waits that often, so only its wait is hit.
  const faulty = await Faulty.start(["epoll_wait"], ["epoll_wait:error=EBADF:when=1500"]);
  let outcome = "none";
  for (let i = 0; i < 3000 && outcome === "none"; i += 1) outcome = await faulty.produce();
  assert.equal(outcome, "ended");
  const ended = await within("the end of the broker", faulty.broker.ended);
  assert.deepEqual(ended, { code: EXIT_SOFTWARE, signal: null }, faulty.broker.stderr());
  assert.match(faulty.broker.stderr(), /^sluice: shard failed: /m);
  await faulty.expectKept();
});
