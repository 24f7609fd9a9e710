/** What may be set, what follows where nothing is, and how a wrong setting is named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, parseAddress } from "../../src/address.ts";
import { parseConfig } from "../../src/config.ts";
import {
  BUDGET_MIN,
  CONNECTION_MS_MAX,
  CONNECTIONS_MAX,
  IDLE_MS_DEFAULT,
  RECEIVE_BUDGET_DEFAULT,
} from "../../src/limits.ts";

test("without settings everything has its default", () => {
  const config = parseConfig({});
  assert.deepEqual(config.native, { host: "127.0.0.1", port: 7400 });
  assert.equal(config.connections.max, CONNECTIONS_MAX);
  assert.equal(config.connections.perAddressMax, 0);
  assert.equal(config.connections.idleMs, IDLE_MS_DEFAULT);
  assert.deepEqual(parseConfig({ connections: undefined }), config);
});

test("of an area single settings may be given; the others follow the defaults", () => {
  const { connections } = parseConfig({ connections: { idleMs: 5, max: undefined } });
  assert.equal(connections.idleMs, 5);
  assert.equal(connections.max, CONNECTIONS_MAX);
  assert.equal(connections.receiveBudgetBytes, RECEIVE_BUDGET_DEFAULT);
});

test("a setting out of its bounds is refused by its name", () => {
  const wrong = {
    max: [0, CONNECTIONS_MAX + 1, 1.5],
    perAddressMax: [-1, CONNECTIONS_MAX + 1],
    idleMs: [0, CONNECTION_MS_MAX + 1, NaN],
    requestMs: [0, Infinity],
    helloMs: [-1],
    writeMs: [0],
    receiveBudgetBytes: [BUDGET_MIN - 1],
    sendBudgetBytes: [BUDGET_MIN - 1],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const isNamed = (error: unknown) => {
        return error instanceof ConfigError && error.message.startsWith(`connections.${name}: `);
      };
      assert.throws(() => parseConfig({ connections: { [name]: value } }), isNamed, String(value));
    }
  }
});

test("addresses are HOST:PORT, with brackets around IPv6", () => {
  assert.deepEqual(parseAddress("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(parseAddress("[::1]:65535"), { host: "::1", port: 65535 });
  for (const text of ["", "7400", "a:b", "::1:7400", "a:65536", "[a:7400", "a b c"]) {
    assert.throws(() => parseAddress(text), ConfigError, text);
  }
});

test("a listener that others reach is refused, unless somebody says so", () => {
  for (const host of ["127.0.0.1", "127.9.0.1", "::1", "::ffff:127.0.0.1", "localhost"]) {
    assert.equal(parseConfig({ native: { host, port: 0 } }).native.host, host);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "1.127.0.1", "::ffff:10.0.0.1"]) {
    const native = { host, port: 0 };
    assert.throws(() => parseConfig({ native }), (error) => {
      return error instanceof ConfigError && error.message.includes(host) &&
        error.hint.includes("--insecure");
    });
    assert.equal(parseConfig({ native, insecure: true }).native.host, host);
  }
});

test("the same for the HTTP door, whose tokens would be read on the way, while it is open", () => {
  const listen = { host: "0.0.0.0", port: 0 };
  assert.throws(() => parseConfig({ http: { listen } }), (error) => {
    return error instanceof ConfigError &&
      /^http\.listen: 0\.0\.0\.0 .* in clear$/.test(error.message);
  });
  assert.equal(parseConfig({ http: { listen }, insecure: true }).http.listen.host, "0.0.0.0");
  assert.equal(parseConfig({ http: { listen, enabled: false } }).http.enabled, false);
});

test("names of the HTTP door are names, with commas between and perhaps a port", () => {
  for (const hosts of ["", "a", "a.example:80", "a,b-c.example,10.0.0.5:1"]) {
    assert.equal(parseConfig({ http: { hosts } }).http.hosts, hosts);
  }
  for (const hosts of [",", "a,", "http://a", "a b", "a:b", "*"]) {
    assert.throws(() => parseConfig({ http: { hosts } }), ConfigError, hosts);
  }
});
