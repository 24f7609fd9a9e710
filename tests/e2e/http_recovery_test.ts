/**
 * A start that takes long, because strace keeps each read of its logs in the kernel: the HTTP door
 * is open before the broker serves, says how far it is, and refuses everything else for now.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { type Answer, ask, type HttpPlace } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { straceMissing, Trace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const READ_US = 1_000_000;

testOrSkip(
  "while partitions are recovered /readyz says how far it is",
  straceMissing(),
  async () => {
    const data = join(temporaryDirectory("recovering"), "d");
    const first = await startBroker({ runtime: BROKER_RUNTIME, data });
    const sluice = commands(first);
    await sluice(["topic", "create", "orders", "--partitions", "2"]);
    for (const partition of ["0", "1"]) {
      await sluice(["produce", "orders", "--partition", partition], { stdin: "a\nb\n" });
    }
    await first.kill();

    const trace = new Trace(["pread64"], [`pread64:delay_enter=${READ_US}`]);
    const logs = ["orders-0", "orders-1"].map((name) =>
      join(data, name, "00000000000000000000.log")
    );
    const starting = startBroker({
      runtime: BROKER_RUNTIME,
      data,
      http: true,
      wrap: [...trace.wrap, ...logs.flatMap((path) => ["--trace-path", path])],
      readyWithinMs: 120_000,
    });
    const place = { path: join(data, "run", "http.sock") };
    const recovering = await until("the door is open while it recovers", async () => {
      const answer = await tryAsk(place, "/readyz");
      return answer?.status === 503 ? answer : null;
    });
    const { status, recovery } = JSON.parse(recovering.text);
    assert.equal(status, "recovering");
    assert.equal(recovery.partitions, 2);
    assert.ok(recovery.partitionsDone < 2, JSON.stringify(recovery));
    assert.equal((await ask(place, { target: "/livez" })).status, 200);
    const early = await ask(place, { target: "/v1/topics" });
    assert.deepEqual([early.status, JSON.parse(early.text).name], [503, "http_starting"]);
    assert.equal(early.headers.get("retry-after"), "1");

    const broker = await starting;
    const ready = await ask(place, { target: "/readyz" });
    assert.deepEqual([ready.status, JSON.parse(ready.text).status], [200, "ready"]);
    assert.equal((await ask(place, { target: "/v1/topics/orders" })).status, 200);
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  },
);

/** Null where nobody listens yet. */
async function tryAsk(place: HttpPlace, target: string): Promise<Answer | null> {
  try {
    return await ask(place, { target });
  } catch {
    return null;
  }
}
