/**
 * What groups commit, under the real Kafka's dump-log: every record of `__consumer_offsets` is read
 * by its `--offsets-decoder` as the commit that it is, and no file is complained of. Kafka's rule
 * for a group's partition is held by a file of its own: tests/unit/format/group_ids_test.ts.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { groupPartition } from "../../src/format/group_ids.ts";
import { OFFSETS_TOPIC } from "../../src/format/internal_topics.ts";
import { startBroker } from "../support/broker.ts";
import { dumpWithoutComplaint, filesOf, RUNTIME } from "../support/kafka_files.ts";
import { dumpLog, kafkaMissing } from "../support/kafka_peer.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const GROUPS = ["billing", "größe", "audit", "x".repeat(255), "a b"];
const OFFSETS = 5;

testOrSkip(
  "Kafka reads what groups committed",
  kafkaMissing(),
  async () => {
    const data = join(temporaryDirectory("kafka-offsets"), "d");
    const broker = await startBroker({ runtime: RUNTIME, data });
    const connection = await RawConnection.open(broker.port);
    for (const name of ["orders", "gone"]) {
      await connection.ask("create_topic", { name, partitions: 2, config: [] });
    }
    for (let offset = 1; offset <= OFFSETS; offset += 1) {
      for (const group of GROUPS) {
        const metadata = `note ${offset}`;
        const offsets = [
          { topic: "orders", partition: 1, offset, leaderEpoch: 4, metadata },
          { topic: "gone", partition: 0, offset, leaderEpoch: -1, metadata: "" },
        ];
        const commit = { group, memberId: "", generation: -1, offsets };
        await connection.ask("commit_offsets", commit);
      }
    }
    await connection.ask("delete_topic", { name: "gone" });
    await connection.ask("delete_group", { group: "audit", partitions: [] });
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());

    let commits = 0;
    let tombstones = 0;
    for (let partition = 0; partition < 8; partition += 1) {
      const directory = join(data, `${OFFSETS_TOPIC}-${partition}`);
      dumpWithoutComplaint(directory);
      const dump = dumpLog(filesOf(directory, "log"), ["--offsets-decoder", "--deep-iteration"]);
      const here = GROUPS.filter((group) => groupPartition(group, 8) === partition);
      for (const line of dump.split("\n").filter((text) => text.startsWith("| offset: "))) {
        const key = JSON.parse(/ key: (\{.*?\}) payload: /.exec(line)![1]!);
        assert.equal(key.type, "1", line);
        assert.ok(here.includes(key.data.group), line);
        const payload = / payload: (.*)$/.exec(line)![1]!;
        if (!payload.startsWith("{")) {
          tombstones += 1;
          continue;
        }
        commits += 1;
        const value = JSON.parse(payload);
        assert.equal(value.version, "3", line);
        const isNoted = key.data.topic === "orders";
        assert.equal(value.data.leaderEpoch, isNoted ? 4 : -1, line);
        assert.equal(value.data.metadata, isNoted ? `note ${value.data.offset}` : "", line);
      }
    }
    assert.equal(commits, GROUPS.length * OFFSETS * 2);
    assert.equal(tombstones, GROUPS.length + 1); // of the topic, and of the group's other offset
  },
);
