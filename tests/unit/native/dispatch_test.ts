/** Frames to handlers: wherever the network cuts them, and whatever is wrong with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { FRAME_SIZE_MAX, FRAME_SIZE_MAX_BEFORE_HELLO } from "../../../src/limits.ts";
import { controlOperation } from "../../../src/native/control_operations.ts";
import { partialFrameSize } from "../../../src/native/dispatch.ts";
import { ProduceAt, PUSH_FLAG } from "../../../src/native/frame.ts";
import { operation, OPERATIONS } from "../../../src/native/operations.ts";
import { batchOf, batchOfSize, concat } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { type Client, NativeWorld, type WireReply } from "../../support/native_world.ts";
import { forSeeds } from "../../support/prng.ts";

const TOPIC = "orders";

interface Sample {
  name: string;
  bytes: Uint8Array;
  /** The codes of the replies. */
  codes: readonly number[];
  control?: boolean;
  greet?: boolean;
}

/** Handle 0 is written to, handle 1 holds one batch that nobody changes. */
function corpusWorld(): NativeWorld {
  const world = new NativeWorld();
  world.addTopic(TOPIC, 2);
  const client = openHandles(world, {});
  client.feed(frames.produce(1, batchOf([new Uint8Array(20)])));
  return world;
}

function openHandles(world: NativeWorld, options: Partial<Sample>): Client {
  const client = world.connect({ control: options.control ?? false, greet: options.greet ?? true });
  if (options.greet === false) return client;
  for (const partition of [0, 1]) {
    client.feed(frames.request("open_partition", { topic: TOPIC, partition }));
  }
  return client;
}

function deleteRecords(offset: number): Uint8Array {
  return frames.request("delete_records", { handle: 1, offset });
}

function right(): Sample[] {
  const topic = { name: "new", partitions: 2, config: [{ key: "durability", value: "os" }] };
  const change = { name: TOPIC, set: [], unset: [] };
  const grown = { name: TOPIC, partitions: 9 };
  const place = { topic: TOPIC, partition: 0 };
  const offsets = [{ ...place, offset: 1, leaderEpoch: -1, metadata: "" }];
  const commit = { group: "g", memberId: "", generation: -1, offsets };
  const counted = { named: [], newerThan: 0, limit: 10 };
  const rows: [string, Uint8Array, readonly number[]][] = [
    ["hello", frames.hello(), [0]],
    ["ping", frames.request("ping", {}), [0]],
    ["offset_times", frames.request("offset_times", { places: [{ ...place, offset: 0 }] }), [0]],
    ["create_topic is parked", frames.request("create_topic", topic), []],
    ["delete_topic is parked", frames.request("delete_topic", { name: TOPIC }), []],
    ["metadata of all", frames.request("metadata", { topics: [] }), [0]],
    ["metadata of some", frames.request("metadata", { topics: [{ name: "x" }] }), [0]],
    ["open_partition", frames.request("open_partition", { topic: TOPIC, partition: 1 }), [0]],
    ["produce", frames.produce(0, batchOf([new Uint8Array(3)])), [0]],
    ["produce acks=1", frames.produce(0, batchOfSize(80), 2, 1), [0]],
    ["produce acks=0", frames.produce(0, batchOfSize(80), 2, 0), []],
    ["fetch", frames.fetch(1, 0), [0]],
    ["subscribe, and a push", frames.subscribe(1, 0), [0, 0]],
    ["subscribe without credit", frames.subscribe(1, 0, { credit: 0 }), [0]],
    ["add_credit", frames.addCredit(1, 100), []],
    ["pace_subscription", frames.pace(77, 10), [ErrorCodes.unknown_subscription]],
    ["unsubscribe", frames.unsubscribe(77), [ErrorCodes.unknown_subscription]],
    ["offsets", frames.request("offsets", { handle: 1 }), [0]],
    ["offset_for_time", frames.request("offset_for_time", { handle: 1, timestamp: 0 }), [0]],
    ["delete_records", deleteRecords(0), [0]],
    ["alter_topic is parked", frames.request("alter_topic", change), []],
    ["add_partitions is parked", frames.request("add_partitions", grown), []],
    ["describe_topic", frames.request("describe_topic", { topics: [] }), [0]],
    ["stats", frames.request("stats", {}), [0]],
    ["health", frames.request("health", {}), [0]],
    ["histograms", frames.request("histograms", {}), [0]],
    ["topic_counters", frames.request("topic_counters", counted), [0]],
    ["list_topics", frames.request("list_topics", { after: "", limit: 10 }), [0]],
    ["init_producer is parked", frames.request("init_producer", { transactionalId: "" }), []],
    ["commit_offsets is parked", frames.request("commit_offsets", commit), []],
    ["fetch_offsets", frames.request("fetch_offsets", { group: "g", partitions: [place] }), [0]],
    ["list_groups", frames.request("list_groups", { prefix: "" }), [0]],
    ["group_lags", frames.request("group_lags", { groups: [{ group: "g" }] }), [0]],
    ["delete_group", frames.request("delete_group", { group: "g", partitions: [] }), [
      ErrorCodes.group_not_found,
    ]],
    ["describe_config", frames.request("describe_config", {}), [0]],
    ["alter_config is parked", frames.request("alter_config", { set: [], unset: [] }), []],
    ["connections", frames.request("connections", {}), [0]],
    ["close_connection", frames.request("close_connection", { id: 7 }), [0]],
  ];
  return rows.map(([name, bytes, codes]) => ({ name, bytes, codes }));
}

function wrong(): Sample[] {
  const { ping, hello } = { ping: 2, hello: 1 };
  const body = new Uint8Array(3);
  const batch = batchOf([new Uint8Array(3)]);
  const produce = frames.produce(0, batch);
  const row = (
    name: string,
    bytes: Uint8Array,
    code: number,
    more: Partial<Sample> = {},
  ): Sample => {
    return { name, bytes, codes: [code], ...more };
  };
  const E = ErrorCodes;
  const stop = controlOperation("stop").code;
  return [
    row("an unknown operation", frames.frame({ operation: 999 }), E.unknown_operation),
    row("the last code", frames.frame({ operation: 65535 }, body), E.unknown_operation),
    row("a gap in the table", frames.frame({ operation: 3 }), E.unknown_operation),
    row("another version", frames.frame({ operation: ping, version: 1 }), E.unsupported_version),
    row("flags", frames.frame({ operation: ping, flags: 1 }), E.invalid_frame),
    row("the flag of a push", frames.frame({ operation: ping, flags: 128 }), E.invalid_frame),
    row("bytes after the body", frames.frame({ operation: ping }, body), E.invalid_request),
    row("a body cut short", frames.frame({ operation: hello }, body), E.invalid_request),
    row("no hello", frames.request("ping", {}), E.hello_required, { greet: false }),
    row("no hello, no operation", frames.frame({ operation: 999 }), E.unknown_operation, {
      greet: false,
    }),
    row("control in public", frames.frame({ operation: stop }), E.not_permitted),
    row("produce without a body", frames.frame({ operation: 201 }), E.invalid_request),
    row("fetch with a short body", frames.frame({ operation: 202 }, body), E.invalid_request),
    row("an unknown handle", frames.produce(7, batch), E.unknown_handle),
    row("a handle of 2^32 - 1", frames.fetch(4294967295, 0), E.unknown_handle),
    row("offsets of no handle", frames.request("offsets", { handle: 2 }), E.unknown_handle),
    row("below 0", deleteRecords(-2), E.offset_out_of_range),
    row("above the end", deleteRecords(2), E.offset_out_of_range),
    row("acks of 2", frames.produce(0, batch, 1, 2), E.invalid_request),
    row("reserved bytes", produce.with(17, 1), E.invalid_request),
    row("an empty batch", frames.produce(0, new Uint8Array(0)), E.batch_invalid),
    row("a corrupt batch", frames.produce(0, batch.with(70, 77)), E.batch_corrupt),
    row("an offset above 2^53", frames.fetch(1, 0).with(28, 255), E.offset_out_of_range),
    row("an offset above the end", frames.fetch(1, 2), E.offset_out_of_range),
    row("a size of 0", frames.frame({ operation: ping, size: 0 }), E.invalid_frame),
    row("a size of 7", frames.frame({ operation: ping, size: 7 }), E.invalid_frame),
    row("a giant size", frames.frame({ operation: ping, size: 4294967295 }), E.frame_too_large),
    row(
      "just too large",
      frames.frame({ operation: 201, size: FRAME_SIZE_MAX - 3 }),
      E.frame_too_large,
    ),
    row(
      "too large for a stranger",
      frames.frame({ operation: hello, size: FRAME_SIZE_MAX_BEFORE_HELLO - 3 }),
      E.frame_too_large,
      { greet: false },
    ),
  ];
}

/** What must not differ from one run to the next: offsets of produced batches and handles do. */
function comparable({ name }: Sample, replies: readonly WireReply[]): unknown {
  return replies.map(({ body, ...rest }) => {
    const masked = body.slice();
    if (rest.code === 0 && name.startsWith("produce")) masked.fill(0, 0, 8);
    return { ...rest, body: masked };
  });
}

test("every frame of a corpus has the replies that it should", () => {
  const world = corpusWorld();
  for (const sample of [...right(), ...wrong()]) {
    const client = openHandles(world, sample);
    const replies = client.feed(sample.bytes);
    assert.deepEqual(replies.map(({ code }) => code), sample.codes, sample.name);
    const closes = /size|too large/.test(sample.name);
    assert.equal(client.closed, closes, sample.name);
    if (closes || sample.greet === false) continue;
    assert.equal(client.feed(frames.request("ping", {}, 9)).length, 1, `${sample.name}: it lives`);
    client.close();
  }
  world.end();
});

test("where the network cuts a frame does not matter", () => {
  const world = corpusWorld();
  for (const sample of [...right(), ...wrong()]) {
    const run = (pieces: readonly Uint8Array[]): unknown => {
      const client = openHandles(world, sample);
      const replies = pieces.flatMap((piece) => client.feed(piece));
      client.close();
      return comparable(sample, replies);
    };
    const { bytes } = sample;
    const whole = run([bytes]);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      assert.deepEqual(
        run([bytes.slice(0, cut), bytes.slice(cut)]),
        whole,
        `${sample.name} ${cut}`,
      );
    }
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    assert.deepEqual(run(single), whole, `${sample.name}, byte by byte`);
  }
  world.end();
});

test("many frames in one piece are executed like one after another", () => {
  const world = corpusWorld();
  const stream = (): Uint8Array[] => {
    let correlation = 0;
    return [
      ...right(),
      ...wrong().filter(({ name, greet }) => {
        return greet !== false && !/size|too large/.test(name);
      }),
    ].map(({ bytes }) => {
      const copy = bytes.slice();
      new DataView(copy.buffer).setUint32(8, correlation += 1);
      return copy;
    });
  };
  const masked = (replies: WireReply[]) => {
    return replies.map(({ correlation, code }) => [correlation, code])
      .sort(([a = 0], [b = 0]) => a - b);
  };
  const whole = masked(openHandles(world, {}).feed(concat(stream())));
  const apart = openHandles(world, {});
  assert.deepEqual(masked(stream().flatMap((bytes) => apart.feed(bytes))), whole);
  forSeeds(20, (prng) => {
    const client = openHandles(world, {});
    const bytes = concat(stream());
    const replies: WireReply[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = prng.pick([1, 5, 30, 200, 1000]);
      replies.push(...client.feed(bytes.slice(at, at + size)));
      at += size;
    }
    assert.deepEqual(masked(replies), whole);
  });
  world.end();
});

const PRODUCE = operation("produce").code;

/** Produces with acks 0 that no reply may refuse. */
const UNANSWERED: readonly (readonly [string, Uint8Array])[] = [
  ["an unknown handle", frames.produce(9, batchOfSize(80), 4, 0)],
  ["reserved is not zero", reservedSet(frames.produce(0, batchOfSize(80), 4, 0))],
  ["it ends before the batch", frames.frame({ operation: PRODUCE }, new Uint8Array(6))],
];

function reservedSet(bytes: Uint8Array): Uint8Array {
  bytes[frames.FRAME_HEADER + ProduceAt.acks + 2] = 1;
  return bytes;
}

test("a produce with acks 0 has no error reply: the connection ends behind earlier replies", () => {
  for (const [name, bytes] of UNANSWERED) {
    const client = openHandles(corpusWorld(), {});
    const batch = batchOfSize(80);
    const around = [frames.produce(0, batch, 3), bytes, frames.request("ping", {}, 5)];
    const replies = client.feed(concat(around));
    assert.deepEqual(replies.map(({ code, correlation }) => [code, correlation]), [[0, 3]], name);
    assert.equal(client.closed, true, name);
  }
});

test("a batch that is refused with acks 0 is lost without a word, and the connection lives", () => {
  const client = openHandles(corpusWorld(), {});
  const refused = frames.produce(0, batchOfSize(80, 1, { crc: 1 }), 4, 0);
  const replies = client.feed(concat([refused, frames.request("ping", {}, 5)]));
  assert.deepEqual(replies.map(({ code, correlation }) => [code, correlation]), [[0, 5]]);
});

test("while the broker stops a request is refused by name, one without a reply in silence", () => {
  for (const acks of [0, 1]) {
    const world = corpusWorld();
    const client = openHandles(world, {});
    world.door.stopping = true;
    const codes = client.feed(frames.produce(0, batchOfSize(80), 4, acks)).map(({ code }) => code);
    assert.deepEqual(codes, acks === 0 ? [] : [ErrorCodes.shutting_down]);
    assert.equal(client.closed, true);
  }
});

test("a partial frame says how large it will be, once that is known", () => {
  const world = corpusWorld();
  const client = openHandles(world, {});
  const bytes = frames.produce(0, batchOfSize(5000));
  for (const size of [0, 1, 3, 4, 11, 12, 5000]) {
    const fresh = openHandles(world, {});
    fresh.give(bytes.slice(0, size));
    assert.equal(partialFrameSize(), size < 4 ? 0 : bytes.length, `${size} bytes`);
  }
  client.give(bytes);
  assert.equal(partialFrameSize(), 0);
  world.settle();
  world.end();
});

test("every operation of the table is in the corpus", () => {
  const seen = new Set(right().map(({ bytes }) => new DataView(bytes.buffer).getUint16(4)));
  const codes = OPERATIONS.map(({ code }) => code);
  assert.deepEqual([...seen].sort((a, b) => a - b), codes.sort((a, b) => a - b));
});

test("random frames get a reply each, or end the connection by name", () => {
  const world = corpusWorld();
  const codes = [...OPERATIONS.map(({ code }) => code), 0, 65535];
  forSeeds(400, (prng) => {
    const client = openHandles(world, {});
    const sample = prng.pick(right()).bytes.slice();
    const bytes = prng.chance(50)
      ? frames.frame({ operation: prng.pick(codes) }, prng.bytes(prng.below(60)))
      : sample;
    for (let i = prng.below(4); i > 0; i -= 1) {
      bytes[prng.between(4, bytes.length - 1)] = prng.next();
    }
    const view = new DataView(bytes.buffer);
    // Parked, acks=0, or credit.
    const mayBeSilent = [100, 102, 103, 104, 502, 201, 202, 204, 206, 302, 303].includes(
      view.getUint16(4),
    );
    const replies = client.feed(bytes).filter(({ flags }) => flags !== PUSH_FLAG);
    assert.ok(replies.length === 1 || (mayBeSilent && replies.length === 0));
    if (replies.length === 1) assert.equal(replies[0]!.correlation, view.getUint32(8));
    // A produce that no reply may refuse.
    assert.ok(!client.closed || view.getUint16(4) === PRODUCE);
    client.close();
  });
  world.end();
});
