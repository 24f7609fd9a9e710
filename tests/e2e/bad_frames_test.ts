/**
 * Frames that are wrong by themselves: of a size that cannot be, unknown, cut, or bodies that end
 * early. Each gets a typed error or the end of its connection; nobody else notices.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTROL_OPERATIONS } from "../../src/native/control_operations.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { corpus, openForCorpus, prepareCorpus, type Sample, TOPIC } from "../support/corpus.ts";
import { frame, FRAME_HEADER, hello, request } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { peakMemory } from "../support/process_state.ts";
import { errorText, type RawConnection } from "../support/raw_connection.ts";

const PING = 2;
/** All bytes of a frame counted, as the limits are. */
const LARGEST_BEFORE_HELLO = 8 * 1024;
const LARGEST = 100 * 1024 * 1024;
const SIZE_FIELD = 4;
/** Connections that are misused at the same time. */
const TOGETHER = 16;

const live = await LiveBroker.start(prepareCorpus);

test("a frame shorter than its header is refused, and the connection ends", async () => {
  for (const afterHello of [false, true]) {
    for (let size = 0; size < FRAME_HEADER - SIZE_FIELD; size += 1) {
      const connection = afterHello ? await live.open() : await live.connect();
      await connection.send(frame({ operation: PING, size }));
      const reply = await connection.reply();
      assert.equal(reply.code, ErrorCodes.invalid_frame);
      assert.equal(reply.correlation, 0, "nothing of the frame can be believed");
      await connection.expectEnd();
      connection.close();
    }
  }
  await live.expectUnharmed();
});

test("a frame above the limit is refused before room is made for it", async () => {
  const memory = peakMemory(live.broker.pid);
  const sizes = [0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];
  for (const [limit, afterHello] of [[LARGEST_BEFORE_HELLO, false], [LARGEST, true]] as const) {
    for (const size of [limit - SIZE_FIELD + 1, ...sizes]) {
      const connection = afterHello ? await live.open() : await live.connect();
      await connection.send(frame({ operation: PING, size }));
      const reply = await connection.reply();
      assert.equal(reply.code, ErrorCodes.frame_too_large);
      assert.match(errorText(reply), new RegExp(`\\b${limit} bytes`), "the limit is named");
      await connection.expectEnd();
      connection.close();
    }
  }
  const grown = peakMemory(live.broker.pid) - memory;
  assert.ok(grown < LARGEST / 2, `memory grew by ${grown} bytes`);
  await live.expectUnharmed();
});

test("a frame of exactly the limit before hello is read", async () => {
  const connection = await live.connect();
  const body = new Uint8Array(LARGEST_BEFORE_HELLO - FRAME_HEADER);
  await connection.send(frame({ operation: PING }, body));
  assert.equal((await connection.reply()).code, ErrorCodes.hello_required);
  await expectAlive(connection, true);
  connection.close();
});

test("unknown operations, versions and flags are errors, and the connection lives", async () => {
  const connection = await live.open();
  for (const operation of [0, 3, 99, 299, 499, 599, 65535]) {
    await expectError(connection, frame({ operation }), ErrorCodes.unknown_operation);
  }
  for (const version of [1, 2, 255]) {
    const sent = frame({ operation: PING, version });
    const reply = await expectError(connection, sent, ErrorCodes.unsupported_version);
    assert.match(errorText(reply), /ping is known in version 0/);
  }
  for (let bit = 0; bit < 8; bit += 1) {
    const sent = frame({ operation: PING, flags: 1 << bit });
    await expectError(connection, sent, ErrorCodes.invalid_frame);
  }
  connection.close();
  await live.expectUnharmed();
});

test("what comes before hello is refused, and hello is still possible", async () => {
  for (const sample of corpus()) {
    if (sample.name === "hello") continue;
    const connection = await live.connect();
    const reply = await expectError(connection, sample.bytes, ErrorCodes.hello_required, false);
    assert.equal(reply.correlation, sample.correlation);
    await expectAlive(connection, true);
    connection.close();
  }
  const connection = await live.connect();
  const other = request("hello", { protocol: 2, clientName: "", token: "" });
  await expectError(connection, other, ErrorCodes.unsupported_protocol, false);
  await expectAlive(connection, true);
  connection.close();
});

test("control operations are not for this listener", async () => {
  const connection = await live.open();
  for (const { code, name } of CONTROL_OPERATIONS) {
    const reply = await expectError(connection, frame({ operation: code }), 10);
    assert.equal(reply.code, ErrorCodes.not_permitted, name);
  }
  connection.close();
  await live.expectUnharmed();
});

test("a frame cut at any byte is forgotten with its connection", async () => {
  const before = await logEnd();
  const cuts = corpus().flatMap((sample) => {
    return sample.bytes.keys().map((cut) => ({ sample, cut })).toArray();
  });
  await inParallel(cuts, async ({ sample, cut }) => {
    // Once we say that no more comes, once we are gone.
    const polite = await openForCorpus(live.broker.port);
    await polite.send(sample.bytes.subarray(0, cut));
    polite.endSending();
    await polite.expectEnd();
    polite.close();
    const rude = await openForCorpus(live.broker.port);
    await rude.send(sample.bytes.subarray(0, cut));
    rude.close();
  });
  await live.expectUnharmed();
  assert.equal(await logEnd(), before, "nothing of it was appended");
});

test("a whole frame before the end of sending is still answered", async () => {
  for (const sample of corpus()) {
    const connection = await openForCorpus(live.broker.port);
    await connection.send(sample.bytes);
    connection.endSending();
    assert.equal((await connection.reply()).correlation, sample.correlation, sample.name);
    await connection.expectEnd();
    connection.close();
  }
  await live.expectUnharmed();
});

test("a body that ends at any byte too early is an error, and the connection lives", async () => {
  const connection = await openForCorpus(live.broker.port);
  const before = await logEnd();
  for (const sample of corpus()) {
    for (let size = FRAME_HEADER; size < sample.bytes.length; size += 1) {
      await expectRefused(connection, resized(sample.bytes.slice(0, size)), sample, size);
    }
    // The batch of produce takes every byte that follows; it is then of the wrong size itself.
    const longer = new Uint8Array(sample.bytes.length + 1);
    longer.set(sample.bytes);
    await expectRefused(connection, resized(longer), sample, longer.length);
  }
  await expectAlive(connection);
  connection.close();
  await live.expectUnharmed();
  assert.equal(await logEnd(), before, "nothing of it was appended");
});

/** The size field says what is there. */
function resized(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint32(0, bytes.length - SIZE_FIELD);
  return bytes;
}

async function expectRefused(
  connection: RawConnection,
  bytes: Uint8Array,
  sample: Sample,
  size: number,
): Promise<void> {
  await connection.send(bytes);
  const reply = await connection.reply();
  const what = `${sample.name} of ${size} bytes`;
  assert.equal(reply.correlation, sample.correlation, what);
  const batchAt = FRAME_HEADER + 8;
  const ofTheBatch = sample.name === "produce" && size >= batchAt;
  const code = ofTheBatch ? ErrorCodes.batch_invalid : ErrorCodes.invalid_request;
  assert.equal(reply.code, code, what);
}

async function expectError(
  connection: RawConnection,
  bytes: Uint8Array,
  code: number,
  alive: boolean = true,
) {
  await connection.send(bytes);
  const reply = await connection.reply();
  assert.equal(reply.code, code, errorText(reply));
  if (alive) await expectAlive(connection);
  return reply;
}

async function expectAlive(connection: RawConnection, first: boolean = false): Promise<void> {
  if (first) {
    await connection.send(hello());
    assert.equal((await connection.reply()).code, 0, "hello is answered");
  }
  await connection.ask("ping", {});
}

/** End of the partition that the corpus appends to. */
async function logEnd(): Promise<number> {
  const connection = await live.open();
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const offsets = await connection.ask("offsets", { handle });
  connection.close();
  return offsets.logEnd;
}

/** Does the work for every item, some at a time. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
}
