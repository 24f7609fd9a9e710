/**
 * `sluice group list`, `describe`, `reset` and `delete`: where groups stand in the partitions that
 * they read.
 */

import { ConfigError } from "../address.ts";
import { Admin, type PartitionOffsets } from "../client/admin.ts";
import type { Connection } from "../client/connection.ts";
import { BrokerError } from "../client/errors.ts";
import { operation } from "../native/operations.ts";
import { withBroker } from "./broker_connection.ts";
import { rangeOf } from "./consume/range.ts";
import { ExitCode } from "./exit_codes.ts";
import type {
  DeleteGroupCommand,
  DescribeGroupCommand,
  ListGroupsCommand,
  ResetGroupCommand,
} from "./group_commands.ts";
import { printError } from "./output.ts";
import { type Column, printRows, sayDone } from "./table.ts";

interface GroupRow {
  readonly group: string;
  readonly state: string;
  readonly offsets: number;
}

const GROUP_COLUMNS: readonly Column<GroupRow>[] = [
  { title: "GROUP", text: ({ group }) => group },
  { title: "STATE", text: ({ state }) => state },
  { title: "PARTITIONS", text: ({ offsets }) => String(offsets), right: true },
];

export async function listGroups(command: ListGroupsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const { groups } = await connection.request(operation("list_groups"), {
      prefix: command.prefix,
    });
    await printRows(command, GROUP_COLUMNS, groups);
    return ExitCode.success;
  });
}

export interface StandRow {
  readonly topic: string;
  readonly partition: number;
  /** -1: nothing is committed. */
  readonly committed: number;
  /** -1: the topic is no more. */
  readonly visibleEnd: number;
  /** -1: not known. */
  readonly lag: number;
  readonly committedAt: string;
  readonly metadata: string;
}

const STAND_COLUMNS: readonly Column<StandRow>[] = [
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "PARTITION", text: ({ partition }) => String(partition), right: true },
  { title: "COMMITTED", text: ({ committed }) => numberOr(committed), right: true },
  { title: "VISIBLE-END", text: ({ visibleEnd }) => numberOr(visibleEnd), right: true },
  { title: "LAG", text: ({ lag }) => numberOr(lag), right: true },
  { title: "COMMITTED-AT", text: ({ committedAt }) => committedAt },
  { title: "METADATA", text: ({ metadata }) => metadata },
];

function numberOr(value: number): string {
  return value < 0 ? "-" : String(value);
}

export async function describeGroup(command: DescribeGroupCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const { offsets } = await connection.request(operation("fetch_offsets"), {
      group: command.group,
      partitions: [],
    });
    if (offsets.length === 0) printError(`group ${command.group} has committed nothing\n`);
    const ends = new VisibleEnds(new Admin(connection));
    const rows: StandRow[] = [];
    for (const { topic, partition, offset, metadata, commitTimestamp } of offsets) {
      const visibleEnd = await ends.of(topic, partition);
      const lag = visibleEnd < 0 || offset < 0 ? -1 : Math.max(0, visibleEnd - offset);
      const committedAt = commitTimestamp < 0 ? "-" : new Date(commitTimestamp).toISOString();
      rows.push({ topic, partition, committed: offset, visibleEnd, lag, committedAt, metadata });
    }
    await printRows(command, STAND_COLUMNS, rows);
    return ExitCode.success;
  });
}

/** Asked for once each; a topic that is no more has none. */
class VisibleEnds {
  readonly #admin: Admin;

  constructor(admin: Admin) {
    this.#admin = admin;
  }

  async of(topic: string, partition: number): Promise<number> {
    try {
      return (await this.#admin.offsets(topic, partition)).visibleEnd;
    } catch (error) {
      if (error instanceof BrokerError) return -1;
      throw error;
    }
  }
}

interface MoveRow {
  readonly topic: string;
  readonly partition: number;
  /** -1: nothing was committed. */
  readonly before: number;
  readonly offset: number;
}

const MOVE_COLUMNS: readonly Column<MoveRow>[] = [
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "PARTITION", text: ({ partition }) => String(partition), right: true },
  { title: "BEFORE", text: ({ before }) => numberOr(before), right: true },
  { title: "NOW", text: ({ offset }) => String(offset), right: true },
];

/** Throws ConfigError: where to was not said, or twice. */
export async function resetGroup(command: ResetGroupCommand): Promise<ExitCode> {
  if ((command.to === undefined) === (command.shift === undefined)) {
    throw new ConfigError(
      "where the group is to go on is not said, or said twice",
      "Say --to OFFSET|TIME or --shift N.",
    );
  }
  return await withBroker(command, async (connection) => {
    const moves = await movesOf(command, connection);
    if (!command.dryRun) await commitAll(connection, command.group, moves);
    const done = command.dryRun ? "would be moved" : "moved";
    printError(`group ${command.group}: ${moves.length} partitions ${done}\n`);
    await printRows(command, MOVE_COLUMNS, moves);
    return ExitCode.success;
  });
}

async function movesOf(command: ResetGroupCommand, connection: Connection): Promise<MoveRow[]> {
  const admin = new Admin(connection);
  const { group, topic } = command;
  const partitions = command.partitions.length > 0
    ? command.partitions
    : await partitionsOf(admin, topic);
  const { offsets } = await connection.request(operation("fetch_offsets"), {
    group,
    partitions: partitions.map((partition) => ({ topic, partition })),
  });
  const moves: MoveRow[] = [];
  for (const [index, partition] of partitions.entries()) {
    const ends = await admin.offsets(topic, partition);
    const before = offsets[index]?.offset ?? -1;
    const target = await targetOf(command, { partition, before, ends }, admin);
    const offset = Math.min(ends.visibleEnd, Math.max(ends.logStart, target));
    moves.push({ topic, partition, before, offset });
  }
  return moves;
}

/** The offset that is asked for, which need not be there. Throws ConfigError. */
async function targetOf(
  { group, topic, to, shift = 0 }: ResetGroupCommand,
  { partition, before, ends }: {
    readonly partition: number;
    readonly before: number;
    readonly ends: PartitionOffsets;
  },
  admin: Admin,
): Promise<number> {
  if (to !== undefined) {
    const wanted = { topic, partition, from: to, until: undefined, follow: false };
    return (await rangeOf(wanted, ends, admin)).from;
  }
  if (before >= 0) return before + shift;
  throw new ConfigError(
    `group ${group} has committed nothing for ${topic}/${partition}`,
    "There is nothing to shift from: say --to OFFSET|TIME, or --partition N.",
  );
}

/** As many as the topic has. Throws BrokerError where it is not. */
export async function partitionsOf(admin: Admin, topic: string): Promise<number[]> {
  const [found] = (await admin.metadata([topic])).topics;
  if (found === undefined || found.error !== 0) throw new BrokerError(found?.error ?? 0, topic);
  return found.partitions.map((_, partition) => partition);
}

/** Commits for a group without members. Throws the first refusal. */
export async function commitAll(
  connection: Connection,
  group: string,
  offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly leaderEpoch?: number;
  }[],
): Promise<void> {
  const { results } = await connection.request(operation("commit_offsets"), {
    group,
    memberId: "",
    generation: -1,
    offsets: offsets.map(({ topic, partition, offset, leaderEpoch = -1 }) => {
      return { topic, partition, offset, leaderEpoch, metadata: "" };
    }),
  });
  const refused = results.findIndex(({ error }) => error !== 0);
  if (refused < 0) return;
  const { topic, partition } = offsets[refused]!;
  throw new BrokerError(results[refused]!.error, `${topic}-${partition}`);
}

export async function deleteGroup(command: DeleteGroupCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    await connection.request(operation("delete_group"), { group: command.group, partitions: [] });
    await sayDone(command, { group: command.group }, `deleted group ${command.group}`);
    return ExitCode.success;
  });
}
