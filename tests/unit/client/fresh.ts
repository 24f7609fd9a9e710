/**
 * A fake broker and who talks to it, new for each test of a file. A file calls one of the two once,
 * before its tests; what it imports from here is then that of the test which runs.
 *
 *     freshConnections()   fake, connection
 *     freshClients()       cluster, client
 */
import { afterEach, beforeEach } from "node:test";
import type { Client, ClientOptions } from "../../../src/client/client.ts";
import { Connection } from "../../../src/client/connection.ts";
import { FakeBroker } from "./fake_broker.ts";
import { FakeCluster } from "./fake_cluster.ts";

export let fake: FakeBroker;
export let connection: Connection;
export let cluster: FakeCluster;
export let client: Client;

export function freshConnections(): void {
  beforeEach(async () => {
    fake = await FakeBroker.start();
    connection = await Connection.connect(fake.address);
  });
  afterEach(async () => {
    connection.close();
    await fake.stop();
  });
}

export function freshClients(): void {
  beforeEach(async () => {
    cluster = await FakeCluster.start();
    client = await cluster.connect();
  });
  afterEach(async () => {
    await client.close().catch(() => {});
    await cluster.broker.stop();
  });
}

/** Another client, with options, in place of the one that there is. */
export async function connectAgain(options: Partial<ClientOptions>): Promise<void> {
  await client.close();
  client = await cluster.connect(options);
}
