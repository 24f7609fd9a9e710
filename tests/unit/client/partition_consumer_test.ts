import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConsumeOptions, PartitionConsumer } from "../../../src/client/partition_consumer.ts";
import { BrokerError, CorruptBatchError, ProtocolError } from "../../../src/client/errors.ts";
import { batchOf } from "../../support/batches.ts";
import { frame, type Request, valuesOf } from "./fake_broker.ts";
import { connection, fake, freshConnections } from "./fresh.ts";

freshConnections();

/** Offsets 0, 1, 2 … in batches of three. */
function fill(records: number): void {
  const text = (index: number) => new TextEncoder().encode(`v${index}`);
  for (let index = fake.visibleEnd; index < records; index += 3) {
    fake.append(batchOf([0, 1, 2].map((delta) => text(index + delta))));
  }
}

async function consume(options: ConsumeOptions = {}): Promise<number[]> {
  const consumer = await PartitionConsumer.open(connection, "t", 0);
  const offsets: number[] = [];
  for await (const { records } of consumer.fetches(options)) {
    while (records.next()) {
      const value = records.block.bytes.subarray(records.valueStart, records.valueEnd);
      assert.equal(new TextDecoder().decode(value), `v${records.offset}`);
      offsets.push(records.offset);
    }
  }
  return offsets;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_unused, index) => from + index);
}

describe("PartitionConsumer", () => {
  test("reads from the beginning to the end seen at the start", async () => {
    fill(12);
    assert.deepEqual(await consume(), range(0, 12));
    assert.equal(fake.named("fetch").length, 4);
    const first = valuesOf(fake.named("fetch")[0]!);
    assert.deepEqual([first["handle"], first["minBytes"], first["offset"]], [7, 1, 0]);
  });

  test("one fetch gives records and the batches they lie in, until it is released", async () => {
    fill(6);
    const consumer = await PartitionConsumer.open(connection, "t", 0);
    const fetched = await consumer.fetch(1, { maxBytes: 1000, maxWaitMs: 7 });
    const asked = valuesOf(fake.named("fetch")[0]!);
    assert.deepEqual([asked["maxBytes"], asked["maxWaitMs"], asked["offset"]], [1000, 7, 1]);
    assert.deepEqual([...fetched.batches], [...fake.batches[0]!], "also what lies before `from`");
    assert.ok(fetched.records.next());
    assert.deepEqual([fetched.records.offset, fetched.nextOffset, fetched.visibleEnd], [1, 3, 6]);
    fetched.release();
    const end = await consumer.fetch(6);
    assert.deepEqual([end.batches.length, end.nextOffset, end.records.next()], [0, 6, false]);
    end.release();
    fake.answer = () => frame(0, fake.requests.at(-1)!.correlation, new Uint8Array(3));
    await assert.rejects(consumer.fetch(0), ProtocolError);
    await assert.rejects(consumer.fetch(0), ProtocolError, "it may be asked again");
  });

  test("any from and to are exact, also inside batches", async () => {
    fill(9);
    for (let from = 0; from <= 9; from += 1) {
      for (let to = from; to <= 9; to += 1) {
        assert.deepEqual(await consume({ from, to }), range(from, to));
      }
    }
  });

  test("an empty partition asks for nothing", async () => {
    assert.deepEqual(await consume(), []);
    assert.equal(fake.named("fetch").length, 0);
  });

  test("records that come later are not part of it", async () => {
    fill(6);
    fake.answer = (request) => {
      if (request.name === "fetch") fill(60);
      return undefined;
    };
    assert.deepEqual(await consume(), range(0, 6));
  });

  test("behind the end is out of range", async () => {
    fill(3);
    await assert.rejects(() => consume({ from: 4 }), (error: unknown) => {
      assert.ok(error instanceof BrokerError);
      assert.equal(error.name, "offset_out_of_range");
      assert.match(error.message, /offset 4 .*next offset is 3/);
      return true;
    });
  });

  test("one fetch is asked ahead, never two", async () => {
    fill(12);
    const consumer = await PartitionConsumer.open(connection, "t", 0);
    let seen = 0;
    for await (const { nextOffset } of consumer.fetches()) {
      seen += 1;
      await new Promise((resolve) => setTimeout(resolve, 10));
      const expected = nextOffset < 12 ? seen + 1 : seen;
      assert.equal(fake.named("fetch").length, expected);
    }
    assert.equal(seen, 4);
  });

  test("following goes on until the signal, though a fetch waits at the broker", async () => {
    fill(3);
    const controller = new AbortController();
    let waiting: Request | null = null;
    fake.answer = (request) => {
      if (request.name !== "fetch" || valuesOf(request)["offset"] !== fake.visibleEnd) {
        return undefined;
      }
      waiting = request;
      return null;
    };
    const consumer = await PartitionConsumer.open(connection, "t", 0);
    const offsets: number[] = [];
    setTimeout(() => {
      fill(6);
      fake.send(fake.fetchReply(waiting!));
    }, 20);
    setTimeout(() => controller.abort(), 60);
    for await (const { records } of consumer.fetches({ follow: true, signal: controller.signal })) {
      while (records.next()) offsets.push(records.offset);
    }
    assert.deepEqual(offsets, range(0, 6));
    assert.equal(connection.failure, null, "the connection is still good");
  });

  test("following asks again when a long poll ends empty", async () => {
    fill(3);
    let empty = 0;
    const controller = new AbortController();
    fake.answer = (request) => {
      if (request.name === "fetch" && valuesOf(request)["offset"] === 3) {
        empty += 1;
        if (empty === 3) controller.abort();
      }
      return undefined;
    };
    const offsets = await consume({ follow: true, signal: controller.signal });
    assert.deepEqual(offsets, [0, 1, 2]);
    assert.ok(empty >= 3);
  });

  test("leaving the loop early leaves the connection usable", async () => {
    fill(12);
    const consumer = await PartitionConsumer.open(connection, "t", 0);
    for await (const _fetched of consumer.fetches()) break;
    const again: number[] = [];
    for await (const { records } of consumer.fetches({ from: 9 })) {
      while (records.next()) again.push(records.offset);
    }
    assert.deepEqual(again, [9, 10, 11]);
  });

  test("a broker that shows records and sends none is not asked for ever", async () => {
    fill(3);
    fake.visibleEnd = 6;
    await assert.rejects(() => consume(), (error: unknown) => {
      return error instanceof ProtocolError && /offset 3/.test(error.message);
    });
  });

  test("a damaged batch is refused", async () => {
    fill(3);
    fake.batches[0]![70]! ^= 1;
    await assert.rejects(() => consume(), CorruptBatchError);
  });

  test("a reply too short for its fields is refused", async () => {
    fill(3);
    fake.answer = ({ name, correlation }) => {
      return name === "fetch" ? frame(0, correlation, new Uint8Array(15)) : undefined;
    };
    await assert.rejects(() => consume(), ProtocolError);
  });

  test("what was asked ahead and failed is told when its turn comes", async () => {
    fill(6);
    fake.answer = (request) => {
      if (request.name !== "fetch" || fake.named("fetch").length < 2) return undefined;
      for (const socket of fake.sockets) socket.destroy();
      return null;
    };
    const consumer = await PartitionConsumer.open(connection, "t", 0);
    const offsets: number[] = [];
    const read = async () => {
      for await (const { records } of consumer.fetches()) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        while (records.next()) offsets.push(records.offset);
      }
    };
    await assert.rejects(read, { name: "connection_lost" });
    assert.deepEqual(offsets, [0, 1, 2]);
  });
});
