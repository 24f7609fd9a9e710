/** The description of a line of `serve --log-format json`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serveLine } from "../../../src/cli/serve_line.ts";

const LINE = { time: "2026-01-31T12:00:00.000Z", level: "info" };

test("three kinds of lines, and nothing else", () => {
  const right = [
    { ...LINE, event: "message", message: "syncs by AIO" },
    { ...LINE, event: "listening", listener: "native", address: "127.0.0.1:7400" },
    { ...LINE, event: "ready" },
  ];
  for (const line of right) assert.deepEqual(serveLine.parse(line), line);
  const wrong = [
    LINE,
    { ...LINE, event: "ready", more: 1 },
    { ...LINE, event: "message" },
    { ...LINE, event: "message", message: "m", level: "loud" },
    { ...LINE, event: "ready", time: "now" },
  ];
  for (const line of wrong) assert.equal(serveLine.safeParse(line).success, false);
});
