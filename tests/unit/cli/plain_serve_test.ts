/** What is read without the library is what the library reads; the rest is left to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommandLine } from "../../../src/cli/command_line.ts";
import { optionsOf, readPlainServe } from "../../../src/cli/plain_serve.ts";

const STYLE = { colors: false, columns: undefined };

const PLAIN = [
  "serve",
  "serve --data d",
  "serve --native 127.0.0.1:0",
  "serve --native [::1]:7400 --data d",
  "serve --no-init --data a/b",
  "serve --run-dir r",
  "serve --insecure --native 0.0.0.0:7400",
  "serve --http 127.0.0.1:0 --data d",
  "serve --native 127.0.0.1:0 --native-advertised box.example:17400",
  "serve --http-advertised [::1]:17480",
  "serve --no-http",
  "serve --insecure --http 0.0.0.0:7480",
  "serve --connections-max 1 --connections-per-address 16384",
];

const NOT_PLAIN = [
  "",
  "ping",
  "serve --help",
  "serve --data",
  "serve --data --no-init",
  "serve --data=d",
  "serve --data a --data b",
  "serve extra",
  "serve --native nowhere",
  "serve --native 0.0.0.0:7400",
  "serve --native 127.0.0.1:65536",
  "serve --native-advertised box.example:0",
  "serve --http-advertised box.example",
  "serve --http 7480",
  "serve --http 0.0.0.0:7480",
  "serve --connections-max 0",
  "serve --connections-max 16385",
  "serve --connections-max 1e3",
  "serve --config f",
  "serve --sync-method pool",
  "serve --cold-reads off",
  "serve --unknown 1",
  "serve toString 1",
];

function words(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}

test("a plain command is the one that the library gives", () => {
  for (const line of PLAIN) {
    const parsed = parseCommandLine(words(line), STYLE);
    assert.ok(parsed.command !== null, line);
    assert.deepEqual(readPlainServe(words(line)), parsed.command, line);
  }
});

test("what is not plainly right is left to the library", () => {
  for (const line of NOT_PLAIN) assert.equal(readPlainServe(words(line)), null, line);
});

test("only what was said is in the options", () => {
  assert.deepEqual(optionsOf({}), {});
  assert.deepEqual(
    optionsOf({ data: "d", refuseEmpty: true, insecure: true, coldReads: "probe" }),
    {
      dataDirectory: "d",
      initialise: false,
      insecure: true,
      coldReads: { guard: true, method: "probe" },
    },
  );
  assert.deepEqual(optionsOf({ coldReads: "off" }).coldReads?.guard, false);
  assert.deepEqual(optionsOf({ refuseHttp: true }), {
    http: { enabled: false, listen: undefined },
  });
  assert.deepEqual(optionsOf({ syncMethod: "aio", connectionsMax: 5 }), {
    connections: { max: 5, perAddressMax: undefined },
    sync: { method: "aio" },
  });
});
