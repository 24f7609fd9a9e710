/** The descriptor that is kept for telling clients that there is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { AF_INET, EMFILE, SOCK_STREAM } from "../../../ffi/constants.ts";
import { listenTcp } from "../../../src/net/listener.ts";
import { Reserve } from "../../../src/net/reserve.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

function client(listener: ReturnType<typeof listenTcp>): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
  assert.equal(libc.connect(fd, listener.address), 0);
  return fd;
}

test("a waiting client hears that it is refused, and the reserve is there again", () => {
  const faulty = new FaultyLibc(libc);
  const reserve = new Reserve(faulty.libc);
  const listener = listenTcp(libc, "127.0.0.1", 0);
  const memory = libc.allocate(8);
  for (let i = 0; i < 3; i += 1) {
    const fd = client(listener);
    assert.equal(reserve.refuse(listener), true);
    assert.equal(libc.recv(fd, memory, 0, 8, 0), 0, "the end of the stream");
    libc.close(fd);
  }
  assert.equal(reserve.refuse(listener), false, "nobody waits");
  reserve.close();
  reserve.close();
  assert.equal(faulty.opened, faulty.count("close"), "nothing stays open");
  libc.close(listener.fd);
});

test("another thread was quicker: it says so, and has its reserve at the next time", () => {
  const faulty = new FaultyLibc(libc);
  const reserve = new Reserve(faulty.libc);
  const listener = listenTcp(libc, "127.0.0.1", 0);
  const fd = client(listener);
  faulty.plan = (call) => call === "accept4" || call === "eventfd" ? -EMFILE : undefined;
  assert.equal(reserve.refuse(listener), false);
  faulty.heal();
  assert.equal(reserve.refuse(listener), true);
  reserve.close();
  assert.equal(faulty.opened, faulty.count("close"));
  libc.close(fd);
  libc.close(listener.fd);
});
