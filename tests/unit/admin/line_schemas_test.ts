/** What the document says of lines is what they are: every field is described, and no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { producedLine, verifyLine } from "../../../src/admin/line_schemas.ts";
import { LineTransfer } from "../../../src/admin/records/line_transfer.ts";
import { verifyStream } from "../../../src/admin/verify_stream.ts";
import type { Delivery, ProducerRecord } from "../../../src/client/record.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { linesOf as linesIn } from "../../../src/client/http/http_streams.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";

/** Answers of a transfer of the lines; a record for partition 9 is refused. */
async function answersTo(...lines: string[]): Promise<unknown[]> {
  const pieces = lines.map((line) => new TextEncoder().encode(`${line}\n`));
  const send = ({ partition = 0 }: ProducerRecord): Promise<Delivery> => {
    if (partition === 9) return Promise.reject(new BrokerError(ErrorCodes.partition_not_found));
    return Promise.resolve({ topic: "t", partition, offset: 5, level: "fsync" });
  };
  const body = { read: () => Promise.resolve(pieces.shift() ?? null), leave: (): void => {} };
  const transfer = new LineTransfer({ topic: "t", body, producer: { send }, answersEach: true });
  let text = "";
  for await (const piece of transfer.answers()) text += piece;
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

test("answers to lines that are produced", async () => {
  const all = [
    ...await answersTo('{"value":"x"}', '{"value":"y","partition":9}'),
    ...await answersTo('{"value":"x"}', "no JSON"),
    ...await answersTo(),
  ];
  assert.deepEqual(all.map((line) => Object.keys(line as object).join()), [
    "line,partition,offset,level",
    "line,error",
    "acknowledged,level,partitions,line,error",
    "line,partition,offset,level",
    "acknowledged,level,partitions,line,error",
    "acknowledged,level,partitions",
  ]);
  // A field that is not described would be left out.
  for (const line of all) assert.deepEqual(producedLine.parse(line), line);
  assert.throws(() => producedLine.parse({ line: 1 }));
});

test("lines of a verification", async () => {
  const events = [
    { kind: "progress", doneBytes: 1, totalBytes: 2 },
    { kind: "finding", severity: "note", path: "p", text: "t", advice: "" },
    {
      kind: "summary",
      segments: 1,
      batches: 1,
      records: 1,
      bytes: 9,
      findings: { damage: 0, warning: 0, unread: 0, note: 1 },
    },
  ] as const;
  const stream = verifyStream({
    begin: (_, tell) => {
      for (const event of events) tell(event);
      return () => {};
    },
    stop: () => {},
  }, "t-0");
  const lines: unknown[] = [];
  for await (const line of linesIn(stream)) lines.push(verifyLine.parse(JSON.parse(line)));
  assert.deepEqual(lines, events);
  for (const last of [{ kind: "failed", message: "m" }, { kind: "cancelled" }]) {
    assert.deepEqual(verifyLine.parse(last), last);
  }
  assert.throws(() => verifyLine.parse({ kind: "summary" }));
});
