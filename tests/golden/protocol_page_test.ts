/**
 * The examples in docs/PROTOCOL.md, as a stranger reads them: every block of bytes on the page is
 * taken apart by the codec, and what the page says of them in words is checked. That the page is
 * fresh is checked by `npm run docs -- --check`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { heapBlock } from "../../src/base/bytes.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { BatchAt } from "../../src/format/batch.ts";
import { describeError } from "../../src/format/errors.ts";
import { decodeBody, encodeBody } from "../../src/native/codec.ts";
import { FRAME_HEADER_SIZE, FrameAt } from "../../src/native/frame.ts";
import { ERROR_REPLY, operation, OPERATIONS } from "../../src/native/operations.ts";
import type { Table } from "../../src/native/table.ts";
import { hex, parseGolden } from "./golden_file.ts";
import { producedBatch, SAMPLES } from "./samples.ts";

const PAGE = readFileSync(new URL("../../docs/PROTOCOL.md", import.meta.url), "utf8");

/** The blocks of bytes, with the heading each stands under. */
function examples(): { heading: string; text: string }[] {
  return [...PAGE.matchAll(/^### (.*)\n(?:(?!^###|^```)[^\n]*\n)*```\n(# [^]*?)```$/gm)]
    .map(([, heading, text]) => ({ heading: heading!, text: text! }));
}

/** The header is right, and encoding what was decoded gives the same bytes. */
function checkFrame(frame: Uint8Array, second: number, correlation: number, table: Table): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  assert.equal(view.getUint32(FrameAt.size), frame.length - 4);
  assert.equal(view.getUint16(FrameAt.operation), second);
  assert.equal(view.getUint32(FrameAt.correlation), correlation);
  const values = decodeBody(table, frame, FRAME_HEADER_SIZE, frame.length);
  assert.equal(hex(encodeBody(table, values)), hex(frame.subarray(FRAME_HEADER_SIZE)));
}

test("each family that a client begins with has an example, right to the byte", () => {
  const names = examples().flatMap(({ heading }) => /^(\w+): an example$/.exec(heading)?.[1] ?? []);
  const wanted = ["hello", "create_topic", "open_partition", "produce", "fetch", "subscribe"];
  for (const name of [...wanted, "commit_offsets", "fetch_offsets"]) {
    assert.ok(names.includes(name), name);
  }
  for (const { heading, text } of examples()) {
    const name = /^(\w+): an example$/.exec(heading)?.[1];
    if (name === undefined) continue;
    const { row, correlation } = SAMPLES.find((sample) => sample.row.name === name)!;
    const { request, reply, push } = parseGolden(text);
    checkFrame(request, row.code, correlation, row.request);
    if (row.isSilent !== true) checkFrame(reply, 0, correlation, row.reply);
    if (row.push !== undefined) checkFrame(push, 0, correlation, row.push);
  }
});

test("the example of an error is one", () => {
  const { text } = examples().find(({ heading }) => heading.startsWith("An error"))!;
  const { request, reply } = parseGolden(text.replace("# error reply", "# reply"));
  checkFrame(request, operation("open_partition").code, 9, operation("open_partition").request);
  checkFrame(reply, 20, 9, ERROR_REPLY);
  assert.equal(describeError(20).name, "topic_not_found");
});

test("what the page says of the checksum and of the first record is so", () => {
  const check = heapBlock(9);
  check.bytes.set(new TextEncoder().encode("123456789"));
  assert.ok(PAGE.includes(crc32c(check.bytes, check.words, 0, 9).toString(16)));
  const batch = producedBatch();
  const covered = batch.length - BatchAt.attributes;
  const crc = hex(batch.subarray(BatchAt.crc, BatchAt.attributes));
  const says = `Its checksum, ${crc}, is that of the ${covered} bytes from \`attributes\` on`;
  assert.ok(PAGE.replaceAll("\n", " ").includes(says), says);
  const first = hex(batch.subarray(BatchAt.records, BatchAt.records + 12));
  assert.equal(first, "16 00 00 00 01 0a 68 65 6c 6c 6f 00");
});

test("every operation stands on the page with its code, every field in its table", () => {
  for (const { name, code, request } of OPERATIONS) {
    const at = PAGE.indexOf(`\n### ${name}\n\nOperation ${code}, version 0. `);
    assert.ok(at > 0, name);
    const section = PAGE.slice(at, PAGE.indexOf("\n### ", at + 1));
    for (const [field] of request) assert.ok(section.includes(`| ${field} | `), `${name} ${field}`);
  }
});
