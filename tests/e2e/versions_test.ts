/**
 * Old and new at one table. An old client: the frames of tests/golden, which never change, sent as
 * they lie there to the broker of today, and its replies read by the tables of those files. A newer
 * client: operations, versions and settings that this broker does not know.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Connection } from "../../src/client/connection.ts";
import { SluiceError } from "../../src/client/errors.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { decodeBody, encodeBody } from "../../src/native/codec.ts";
import { operation, type OperationName, PROTOCOL_VERSION } from "../../src/native/operations.ts";
import type { Operation } from "../../src/native/table.ts";
import { parseGolden } from "../golden/golden_file.ts";
import { startBroker } from "../support/broker.ts";
import * as frames from "../support/frames.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { RawConnection, type Reply } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** The handle that is in the golden files. */
const HANDLE = 7;

/** In an order in which they make sense. */
const OLD_CLIENT: readonly OperationName[] = [
  "hello",
  "ping",
  "create_topic",
  "metadata",
  "open_partition",
  "produce",
  "offsets",
  "offset_for_time",
  "delete_records",
  "stats",
  "alter_topic",
  "add_partitions",
  "describe_topic",
  "describe_config",
  "alter_config",
  "connections",
  "commit_offsets",
  "fetch_offsets",
  "list_groups",
  "delete_topic",
];

function recorded(name: OperationName): Uint8Array {
  const file = new URL(`../golden/${name}.hex`, import.meta.url);
  return parseGolden(readFileSync(file, "utf8")).request;
}

function start() {
  return startBroker({ runtime: BROKER_RUNTIME, data: join(temporaryDirectory("versions"), "d") });
}

test("the frames of an old client are understood as they were recorded", async () => {
  const broker = await start();
  const client = await RawConnection.connect(broker.port);
  for (const name of OLD_CLIENT) {
    const frame = recorded(name);
    const times = name === "open_partition" ? HANDLE + 1 : 1;
    for (let i = 0; i < times; i += 1) {
      await client.send(frame);
      const reply = await client.reply();
      assert.deepEqual([reply.code, reply.version, reply.flags], [0, 0, 0], name);
      assert.equal(reply.correlation, new DataView(frame.buffer).getUint32(8), name);
      const table = operation(name).reply;
      decodeBody(table, reply.body, 0, reply.body.length); // throws where a field does not fit
    }
  }
  client.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("what a newer client asks for is refused by name, and the connection lives", async () => {
  const broker = await start();
  const client = await RawConnection.open(broker.port);
  const ask = async (frame: Uint8Array): Promise<Reply> => {
    await client.send(frame);
    return await client.reply();
  };
  const unknown = await ask(frames.frame({ operation: 60000, version: 3, correlation: 5 }));
  assert.deepEqual([unknown.code, unknown.version, unknown.correlation], [
    ErrorCodes.unknown_operation,
    3,
    5,
  ]);
  const { code } = operation("ping");
  const newer = await ask(frames.frame({ operation: code, version: 9, correlation: 6 }));
  assert.deepEqual([newer.code, newer.version], [ErrorCodes.unsupported_version, 9]);
  const setting = { key: "of.a.later.version", value: "1" };
  const topic = { name: "t", partitions: 1, config: [setting] };
  const refused = await ask(frames.request("create_topic", topic));
  assert.equal(refused.code, ErrorCodes.invalid_config);
  assert.match(new TextDecoder().decode(refused.body), /of\.a\.later\.version.*retention\.ms/);
  const changed = await ask(frames.request("alter_config", { set: [setting], unset: [] }));
  assert.equal(changed.code, ErrorCodes.invalid_config);
  const longer = encodeBody(operation("open_partition").request, { topic: "t", partition: 0 });
  const slipped = new Uint8Array([...longer, 0]);
  const extra = await ask(frames.frame({ operation: operation("open_partition").code }, slipped));
  assert.equal(extra.code, ErrorCodes.invalid_request);
  await client.ask("ping", {});
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("a newer protocol is refused in hello, and the client may say hello again", async () => {
  const broker = await start();
  const client = await RawConnection.connect(broker.port);
  const hello = { protocol: PROTOCOL_VERSION + 1, clientName: "newer", token: "" };
  await client.send(frames.request("hello", hello));
  const refused = await client.reply();
  assert.equal(refused.code, ErrorCodes.unsupported_protocol);
  assert.match(new TextDecoder().decode(refused.body), /speaks protocol 1/);
  await client.ask("hello", { ...hello, protocol: PROTOCOL_VERSION });
  await client.ask("ping", {});
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("the client library of a later version gets errors that it can go by", async () => {
  const broker = await start();
  const connection = await Connection.connect({ host: "127.0.0.1", port: broker.port });
  const rows: [Operation, string][] = [
    [{ ...operation("ping"), code: 60000 }, "unknown_operation"],
    [{ ...operation("ping"), version: 9 }, "unsupported_version"],
  ];
  for (const [row, name] of rows) {
    await assert.rejects(connection.request(row, {}), (error: unknown) => {
      assert.ok(error instanceof SluiceError);
      assert.deepEqual([error.name, error.retriable], [name, false]);
      return true;
    });
  }
  await connection.request(operation("ping"), {});
  await connection.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});
