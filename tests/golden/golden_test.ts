/**
 * The wire under review: every operation's bytes against `tests/golden/NAME.hex`, back through
 * the decoder, and cut and lengthened everywhere.
 *
 * GOLDEN_UPDATE=1 writes the files; do that only for an operation that is new.
 */

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { BodyError, decodeBody, encodeBody } from "../../src/native/codec.ts";
import {
  AddCreditAt,
  FetchAt,
  FetchReplyAt,
  FRAME_HEADER_SIZE,
  FRAME_TOO_LARGE,
  FRAME_TOO_SHORT,
  FRAME_UNKNOWN,
  FrameAt,
  frameSize,
  ProduceAt,
  ProduceReplyAt,
  PushAt,
} from "../../src/native/frame.ts";
import { ERROR_REPLY, operation, OPERATIONS } from "../../src/native/operations.ts";
import { fixedSize, sizeMin, type Table } from "../../src/native/table.ts";
import { heapBlock } from "../../src/base/bytes.ts";
import {
  goldenText,
  hex,
  parseGolden,
  pushFrame,
  replyFrame,
  requestFrame,
} from "./golden_file.ts";
import { type Sample, SAMPLES } from "./samples.ts";

const UPDATE = process.env["GOLDEN_UPDATE"] === "1";

function goldenFile(name: string): URL {
  return new URL(`./${name}.hex`, import.meta.url);
}

/** Every table that is decoded from bytes of somebody else. */
function bodies(sample: Sample): [what: string, table: Table, body: Uint8Array][] {
  return [
    [
      `${sample.row.name} request`,
      sample.row.request,
      requestFrame(sample).slice(FRAME_HEADER_SIZE),
    ],
    [`${sample.row.name} reply`, sample.row.reply, replyFrame(sample).slice(FRAME_HEADER_SIZE)],
    [
      `${sample.row.name} push`,
      sample.row.push ?? [],
      pushFrame(sample).slice(FRAME_HEADER_SIZE),
    ],
  ];
}

describe("golden bytes", () => {
  for (const sample of SAMPLES) {
    test(`${sample.row.name} is encoded to its file`, () => {
      const file = goldenFile(sample.row.name);
      if (UPDATE) writeFileSync(file, goldenText(sample));
      assert.ok(existsSync(file), `no golden file of ${sample.row.name}: GOLDEN_UPDATE=1`);
      const golden = parseGolden(readFileSync(file, "utf8"));
      assert.equal(hex(requestFrame(sample)), hex(golden.request));
      const reply = sample.row.isSilent ? "" : hex(replyFrame(sample));
      assert.equal(reply, hex(golden.reply));
      assert.equal(hex(pushFrame(sample)), hex(golden.push));
    });

    test(`${sample.row.name} is decoded from its file`, () => {
      const golden = parseGolden(readFileSync(goldenFile(sample.row.name), "utf8"));
      const { request, reply, push } = golden;
      assert.deepEqual(
        decodeBody(sample.row.request, request, FRAME_HEADER_SIZE, request.length),
        sample.request,
      );
      if (!sample.row.isSilent) {
        const decoded = decodeBody(sample.row.reply, reply, FRAME_HEADER_SIZE, reply.length);
        assert.deepEqual(decoded, sample.reply);
      }
      if (sample.row.push !== undefined) {
        const decoded = decodeBody(sample.row.push, push, FRAME_HEADER_SIZE, push.length);
        assert.deepEqual(decoded, sample.push);
      }
    });
  }

  test("every operation has a sample", () => {
    const names = SAMPLES.map((sample) => sample.row.name);
    for (const row of OPERATIONS) assert.ok(names.includes(row.name), row.name);
    assert.equal(new Set(SAMPLES.map((sample) => sample.row.code)).size, SAMPLES.length);
  });
});

describe("hot offsets agree with the tables", () => {
  const cases = [
    ["produce request", operation("produce").request, ProduceAt],
    ["produce reply", operation("produce").reply, ProduceReplyAt],
    ["fetch request", operation("fetch").request, FetchAt],
    ["fetch reply", operation("fetch").reply, FetchReplyAt],
    ["push", operation("subscribe").push, PushAt],
    ["add_credit request", operation("add_credit").request, AddCreditAt],
  ] as const;
  for (const [what, table, offsets] of cases) {
    test(what, () => {
      const known: Record<string, number> = { ...offsets };
      let at = 0;
      let checked = 0;
      for (const [name, type] of table as Table) {
        if (name in known) {
          assert.equal(known[name], at, name);
          checked += 1;
        }
        at += sizeMin(type);
      }
      const hasSize = "size" in known;
      if (hasSize) assert.equal(known["size"], fixedSize(table));
      assert.equal(
        checked,
        Object.keys(known).length - (hasSize ? 1 : 0),
        "every offset is a field",
      );
    });
  }
});

describe("decodeBody", () => {
  for (const sample of SAMPLES) {
    for (const [what, table, body] of bodies(sample)) {
      test(`${what}: every truncation is refused`, () => {
        const hasRest = table.at(-1)?.[1] === "rest";
        const needed = hasRest ? fixedSize(table) : body.length;
        for (let size = 0; size < needed; size += 1) {
          assert.throws(() => decodeBody(table, body, 0, size), BodyError, `${size} bytes`);
        }
      });

      test(`${what}: a surplus byte is refused`, () => {
        if (table.at(-1)?.[1] === "rest") return;
        const longer = new Uint8Array(body.length + 1);
        longer.set(body);
        assert.throws(() => decodeBody(table, longer, 0, longer.length), BodyError);
      });
    }
  }

  test("a u64 above 2^53 is refused, one below is exact", () => {
    const table = [["value", "u64", ""]] as const;
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x1fffff);
    view.setUint32(4, 0xffffffff);
    assert.equal(decodeBody(table, bytes, 0, 8).value, Number.MAX_SAFE_INTEGER);
    view.setUint32(0, 0x200000);
    view.setUint32(4, 0);
    assert.throws(() => decodeBody(table, bytes, 0, 8), BodyError);
    bytes.fill(255);
    assert.throws(() => decodeBody(table, bytes, 0, 8), BodyError);
  });

  test("a count that the bytes cannot hold is refused before anything is made", () => {
    const table = [["list", [["value", "u64", ""]], ""]] as const;
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setUint32(0, 0xffffffff);
    assert.throws(() => decodeBody(table, bytes, 0, 12), BodyError);
  });

  test("no list has elements without a size: its count would be bounded by nothing", () => {
    const tables = SAMPLES.flatMap(({ row }) => [row.request, row.reply]);
    while (tables.length > 0) {
      for (const [name, type] of tables.pop()!) {
        if (typeof type === "string") continue;
        assert.ok(fixedSize(type) > 0, name);
        assert.ok(type.every(([, inner]) => inner !== "rest"), `${name}: rest only at the end`);
        tables.push(type);
      }
    }
  });

  test("a string that is not UTF-8 is refused, one of 65,535 bytes passes", () => {
    const bytes = Uint8Array.of(0, 2, 0xc3, 0x28);
    assert.throws(() => decodeBody(ERROR_REPLY, bytes, 0, 4), BodyError);
    const message = "x".repeat(65535);
    const encoded = encodeBody(ERROR_REPLY, { message });
    assert.deepEqual(decodeBody(ERROR_REPLY, encoded, 0, encoded.length), { message });
    assert.throws(() => encodeBody(ERROR_REPLY, { message: `${message}x` }), BodyError);
  });
});

describe("frameSize", () => {
  const block = heapBlock(64);
  test("unknown until the size field is there, then checked against both limits", () => {
    block.view.setUint32(8 + FrameAt.size, 20);
    for (let received = 8; received < 12; received += 1) {
      assert.equal(frameSize(block, 8, received, 64), FRAME_UNKNOWN);
    }
    assert.equal(frameSize(block, 8, 12, 64), 24);
    assert.equal(frameSize(block, 8, 12, 24), 24);
    assert.equal(frameSize(block, 8, 12, 23), FRAME_TOO_LARGE);
    for (let size = 0; size < 8; size += 1) {
      block.view.setUint32(8, size);
      assert.equal(frameSize(block, 8, 12, 64), FRAME_TOO_SHORT);
    }
    block.view.setUint32(8, 0xffffffff);
    assert.equal(frameSize(block, 8, 12, 2 ** 31), FRAME_TOO_LARGE);
  });
});
