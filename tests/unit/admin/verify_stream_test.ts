/** The lines of a verification, and when it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type PartitionVerifier, verifyStream } from "../../../src/admin/verify_stream.ts";
import type { VerifyEvent } from "../../../src/base/verify_event.ts";

class FakeVerifier implements PartitionVerifier {
  readonly begun: string[] = [];
  cancelled = 0;
  tell: (event: VerifyEvent) => void = () => {};

  begin(partition: string, tell: (event: VerifyEvent) => void): () => void {
    this.begun.push(partition);
    this.tell = tell;
    return () => (this.cancelled += 1);
  }

  stop(): void {}
}

test("a line for each word, and after the last one the end", async () => {
  for (const last of [{ kind: "failed", message: "no" }, { kind: "cancelled" }] as const) {
    const verifier = new FakeVerifier();
    const text = new Response(verifyStream(verifier, "orders-0")).text();
    verifier.tell({ kind: "progress", doneBytes: 1, totalBytes: 2 });
    verifier.tell(last);
    assert.deepEqual((await text).split("\n"), [
      '{"kind":"progress","doneBytes":1,"totalBytes":2}',
      JSON.stringify(last),
      "",
    ]);
    assert.deepEqual([verifier.begun, verifier.cancelled], [["orders-0"], 0]);
  }
});

test("who goes away cancels it", async () => {
  const verifier = new FakeVerifier();
  const reader = verifyStream(verifier, "orders-0").getReader();
  verifier.tell({ kind: "progress", doneBytes: 1, totalBytes: 2 });
  assert.equal((await reader.read()).done, false);
  await reader.cancel();
  assert.equal(verifier.cancelled, 1);
});

test("for who does not read no progress is kept, and everything else is", async () => {
  const verifier = new FakeVerifier();
  const stream = verifyStream(verifier, "orders-0");
  for (let doneBytes = 1; doneBytes <= 100; doneBytes += 1) {
    verifier.tell({ kind: "progress", doneBytes, totalBytes: 100 });
  }
  const finding = { severity: "note", path: "orders-0", text: "t", advice: "" } as const;
  verifier.tell({ kind: "finding", ...finding });
  verifier.tell({ kind: "failed", message: "no" });
  const lines = (await new Response(stream).text()).trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    { kind: "progress", doneBytes: 1, totalBytes: 100 },
    { kind: "finding", ...finding },
    { kind: "failed", message: "no" },
  ]);
});
