/** What serve says, written by libc. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { serveLine } from "../../../src/cli/serve_line.ts";
import { ServeOutput } from "../../../src/cli/serve_output.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

/** What goes to which descriptor. */
function written(use: (output: ServeOutput) => void): [fd: number, text: string][] {
  const faulty = new FaultyLibc(libc);
  const found: [number, string][] = [];
  faulty.plan = (call, args) => {
    if (call !== "write") return undefined;
    const [fd, memory, at, size] = args as [number, { bytes: Uint8Array }, number, number];
    found.push([fd, new TextDecoder().decode(memory.bytes.subarray(at, at + size))]);
    return size;
  };
  use(new ServeOutput(faulty.libc));
  return found;
}

function sayAll(output: ServeOutput): void {
  output.message("debug", "not said");
  output.message("warning", "two\nlines");
  output.listening("native", "127.0.0.1:1");
  output.ready();
}

test("without a format messages go to standard error, with text to standard output", () => {
  const usual = written(sayAll);
  assert.deepEqual(usual.map(([fd]) => fd), [2, 1, 1]);
  assert.match(usual[0]![1], /^\d{4}-.*Z warning two\?lines\n$/);
  assert.deepEqual(usual.slice(1).map(([, text]) => text), ["native 127.0.0.1:1\n", "ready\n"]);
  const text = written((output) => {
    output.format = "text";
    sayAll(output);
  });
  assert.deepEqual(text.map(([fd]) => fd), [1, 1, 1]);
});

test("json is what its description says, one line each", () => {
  const json = written((output) => {
    output.format = "json";
    sayAll(output);
  });
  assert.deepEqual(json.map(([fd]) => fd), [1, 1, 1]);
  const lines = json.map(([, text]) => serveLine.parse(JSON.parse(text)));
  assert.deepEqual(lines.map(({ event }) => event), ["message", "listening", "ready"]);
  assert.ok(json.every(([, text]) => text.indexOf("\n") === text.length - 1));
});
