/** Producers that each wait for one acknowledgement after another, all at the same time. */
import { batchOf } from "./batches.ts";
import { RawConnection } from "./raw_connection.ts";

export interface ProducersShape {
  topic: string;
  producers: number;
  /** Batches of each; every one holds one record and has the same size. */
  rounds: number;
  /** They take turns over so many partitions. */
  partitions?: number;
}

/** Makes the topic, connects everybody, and then produces. Gives back the counters' growth. */
export async function produceTogether(
  port: number,
  shape: ProducersShape,
): Promise<Map<string, number>> {
  const { topic, producers, rounds, partitions = 1 } = shape;
  const admin = await RawConnection.open(port);
  await admin.ask("create_topic", { name: topic, partitions, config: [] });
  const batch = batchOf([new Uint8Array(100).fill(120)]);
  const opened = await Promise.all(
    Array.from({ length: producers }, async (_, index) => {
      const connection = await RawConnection.open(port);
      const place = { topic, partition: index % partitions };
      const { handle } = await connection.ask("open_partition", place);
      return { connection, handle };
    }),
  );
  const before = await countersOf(admin);
  await Promise.all(opened.map(async ({ connection, handle }) => {
    const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
    for (let round = 0; round < rounds; round += 1) await connection.ask("produce", sent);
  }));
  const after = await countersOf(admin);
  for (const { connection } of opened) connection.close();
  admin.close();
  return new Map([...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)]));
}

export async function countersOf(connection: RawConnection): Promise<Map<string, number>> {
  const { counters } = await connection.ask("stats", {});
  return new Map(counters.map(({ name, value }) => [name, value]));
}
