import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressText, parseBrokerAddress } from "../../../src/client/broker_address.ts";

describe("parseBrokerAddress", () => {
  test("hosts, ports and sockets", () => {
    const known: [string, object, string][] = [
      ["127.0.0.1:7401", { host: "127.0.0.1", port: 7401 }, "127.0.0.1:7401"],
      ["broker.example", { host: "broker.example", port: 7400 }, "broker.example:7400"],
      ["[::1]:9", { host: "::1", port: 9 }, "[::1]:9"],
      ["/run/a.sock", { path: "/run/a.sock" }, "/run/a.sock"],
      ["unix:b.sock", { path: "b.sock" }, "b.sock"],
    ];
    for (const [text, address, shown] of known) {
      assert.deepEqual(parseBrokerAddress(text), address);
      assert.equal(addressText(parseBrokerAddress(text)), shown);
    }
  });

  test("what is none is refused by name", () => {
    for (const text of ["", ":7400", "a:b", "a:0", "a:65536", "::1:7400", "[::1"]) {
      const parse = (): unknown => parseBrokerAddress(text);
      assert.throws(parse, { name: "invalid_option", option: "brokers" }, text);
    }
  });
});
