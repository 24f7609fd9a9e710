/** Lines that are produced while they come: answers in their order, mistakes, and bounds. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureText, LineTransfer } from "../../../../src/admin/records/line_transfer.ts";
import { BrokerError, ClosedError } from "../../../../src/client/errors.ts";
import type { Delivery, ProducerRecord } from "../../../../src/client/record.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { HTTP_RECORDS_SIZE_MAX, HTTP_UNACKNOWLEDGED_MAX } from "../../../../src/limits.ts";
import { within } from "../../../support/until.ts";

const encoder = new TextEncoder();

/** A body whose pieces are given by hand. */
class FakeBody {
  reads = 0;
  #pieces: (Uint8Array<ArrayBuffer> | null)[] = [];
  #left = false;
  #wake: () => void = () => {};

  push(text: string | null): void {
    this.#pieces.push(text === null ? null : encoder.encode(text));
    this.#wake();
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    this.reads += 1;
    while (this.#pieces.length === 0) {
      if (this.#left) throw new ClosedError("HTTP door");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#pieces.shift()!;
  }

  leave(): void {
    this.#left = true;
    this.#wake();
  }
}

/** A producer whose acknowledgements are given by hand, or at once. */
class FakeProducer {
  readonly records: ProducerRecord[] = [];
  readonly pending: { resolve(delivery: Delivery): void; reject(error: Error): void }[] = [];
  isHeld = false;
  /** Offsets that fail. */
  failing: ReadonlySet<number> = new Set();

  send(record: ProducerRecord): Promise<Delivery> {
    const offset = this.records.push(record) - 1;
    if (this.failing.has(offset)) {
      return Promise.reject(new BrokerError(ErrorCodes.disk_full));
    }
    const delivery: Delivery = { topic: "t", partition: 0, offset, level: "fsync" };
    if (!this.isHeld) return Promise.resolve(delivery);
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve: () => resolve(delivery), reject });
    });
  }
}

function transferOf(answersEach = true) {
  const body = new FakeBody();
  const producer = new FakeProducer();
  const transfer = new LineTransfer({ topic: "t", body, producer, answersEach });
  return { body, producer, transfer, answers: transfer.answers() };
}

async function all(answers: AsyncGenerator<string>): Promise<Record<string, unknown>[]> {
  let text = "";
  for await (const piece of answers) text += piece;
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

describe("answers", () => {
  test("are those of the lines, wherever the body is cut", async () => {
    const text = '{"value":"a"}\n\n{"value":"ä"}\n{"key":"k"}';
    const bytes = encoder.encode(text);
    const whole = { line: 1, partition: 0, offset: 0, level: "fsync" };
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const producer = new FakeProducer();
      const pieces = [bytes.slice(0, cut), bytes.slice(cut), null];
      const body = { read: () => Promise.resolve(pieces.shift()!), leave: () => {} };
      const transfer = new LineTransfer({ topic: "t", body, producer, answersEach: true });
      const found = await all(transfer.answers());
      assert.deepEqual(found.map(({ line }) => line), [1, 3, 4, undefined], `cut at ${cut}`);
      assert.deepEqual(found[0], whole);
      assert.deepEqual(producer.records.map(({ value }) => value), ["a", "ä", null]);
      assert.equal(transfer.failure, null);
    }
  });

  test("come in the order of the lines, as soon as it and those before are stored", async () => {
    const { body, producer, answers } = transferOf();
    producer.isHeld = true;
    body.push("{}\n{}\n{}\n");
    const first = answers.next();
    await tick();
    producer.pending[1]!.resolve(null as never);
    await tick();
    producer.pending[0]!.resolve(null as never);
    const { value } = await within("the first answers", first);
    assert.deepEqual(value!.split("\n").slice(0, -1).map((line) => JSON.parse(line).line), [1, 2]);
    producer.pending[2]!.resolve(null as never);
    body.push(null);
    assert.deepEqual((await all(answers)).map(({ line }) => line), [3, undefined]);
  });

  test("of a summary are the last one alone", async () => {
    const { body, answers } = transferOf(false);
    body.push("{}\n{}\n");
    body.push(null);
    assert.deepEqual(await all(answers), [{
      acknowledged: 2,
      level: "fsync",
      partitions: [{ partition: 0, records: 2, lastOffset: 1 }],
    }]);
  });
});

describe("a mistake", () => {
  test("in a line ends the stream, after what stood before it", async () => {
    const { body, producer, transfer, answers } = transferOf();
    body.push("{}\n\n{}\n{\n{}\n");
    const found = await all(answers);
    assert.deepEqual(found.map(({ line }) => line), [1, 3, 4]);
    assert.equal(producer.records.length, 2, "and nothing behind it is sent");
    const { error, acknowledged } = found[2] as {
      error: { issues: object[] };
      acknowledged: number;
    };
    assert.equal(acknowledged, 2);
    assert.deepEqual(error.issues, [{ at: "line 4", message: "not JSON" }]);
    assert.equal(transfer.acknowledged, 2);
  });

  test("of the broker is told at its line, and ends the stream", async () => {
    const { body, producer, answers } = transferOf();
    producer.failing = new Set([1]);
    body.push("{}\n{}\n{}\n");
    const found = await within("the end, though the body goes on", all(answers));
    assert.deepEqual(found[0]!["offset"], 0);
    assert.equal((found[1]!["error"] as { name: string }).name, "disk_full");
    const last = found.at(-1)!;
    assert.deepEqual([last["line"], (last["error"] as { name: string }).name], [2, "disk_full"]);
    assert.equal(last["acknowledged"], found.filter(({ offset }) => offset !== undefined).length);
  });

  test("may be a line above the limit, of which no more is kept", async () => {
    const { body, answers } = transferOf();
    body.push("{}\n");
    for (let size = 0; size <= HTTP_RECORDS_SIZE_MAX; size += 1 << 20) {
      body.push("x".repeat(1 << 20));
    }
    const last = (await all(answers)).at(-1)!;
    assert.deepEqual([last["line"], (last["error"] as { name: string }).name], [
      2,
      "http_body_too_large",
    ]);
  });

  test("is told with the number of its line", () => {
    const { line, error } = failureText({ line: 7, error: new ClosedError("x") });
    assert.deepEqual([line, error.name], [7, "shutting_down"]);
  });
});

describe("bounds", () => {
  test("nothing is read while too many lines are not acknowledged", async () => {
    const { body, producer, answers } = transferOf();
    producer.isHeld = true;
    body.push("{}\n".repeat(HTTP_UNACKNOWLEDGED_MAX + 10));
    body.push("{}\n");
    const first = answers.next();
    await tick();
    assert.deepEqual([producer.records.length, body.reads], [HTTP_UNACKNOWLEDGED_MAX, 1]);
    producer.isHeld = false;
    for (const { resolve } of producer.pending) resolve(null as never);
    await first;
    body.push(null);
    const found = await all(answers);
    assert.equal(found.at(-1)!["acknowledged"], HTTP_UNACKNOWLEDGED_MAX + 11);
  });

  test("nothing is read while the answers are not taken, and leaving ends it", async () => {
    const { body, producer, answers } = transferOf();
    body.push("{}\n".repeat(3 * HTTP_UNACKNOWLEDGED_MAX));
    await answers.next();
    await tick();
    const sent = producer.records.length;
    assert.ok(sent <= 2 * HTTP_UNACKNOWLEDGED_MAX, String(sent));
    await within("the end", answers.return());
    await tick();
    assert.equal(producer.records.length, sent);
  });
});

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
