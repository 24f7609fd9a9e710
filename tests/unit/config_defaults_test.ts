/** What is filled in without the schema is what the schema fills in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type BrokerOptions, parseConfig } from "../../src/config.ts";
import { withDefaults } from "../../src/config_defaults.ts";

const ALLOWED: readonly BrokerOptions[] = [
  {},
  { dataDirectory: "d", initialise: false },
  { native: { host: "::1", port: 0 }, runDirectory: "r" },
  { dataDirectory: undefined, native: undefined, connections: undefined, sync: undefined },
  { connections: { max: 5, perAddressMax: undefined }, sync: { method: "pool" } },
  { http: { enabled: false }, native: undefined },
  { http: { listen: { host: "::1", port: 0 }, hosts: "a.example,b:80", connectionsMax: 1 } },
  { nativeAdvertised: { host: "box.example", port: 17400 }, http: { enabled: true } },
  { http: { advertised: { host: "box.example", port: 17480 } } },
  { coldReads: { guard: false, method: "probe" }, sync: { writeAhead: false, waitShare: 0 } },
];

test("the defaults are those of the schema, and what was said stays", () => {
  for (const options of ALLOWED) {
    assert.deepEqual(withDefaults(options), parseConfig(options), JSON.stringify(options));
  }
});
