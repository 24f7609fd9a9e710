/**
 * What the broker refused, explained by what it knows: a topic that is not there is probably a
 * mistyped one that is.
 */

import { Admin } from "../client/admin.ts";
import type { Connection } from "../client/connection.ts";
import { BrokerError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";
import { type ConfigEntry, TOPIC_SETTINGS } from "../format/topic_config.ts";
import { nearest } from "./did_you_mean.ts";

/** An error of the broker with another hint. */
export class ExplainedError extends Error {
  override name = "ExplainedError";
  readonly hint: string;

  constructor(cause: BrokerError, hint: string) {
    super(cause.message, { cause });
    this.hint = hint;
  }
}

/** What a command said that may be mistyped. */
export interface Mentioned {
  readonly topic?: string;
  readonly topics?: readonly string[];
  readonly config?: readonly ConfigEntry[];
}

/** The error to report in place of `error`. */
export async function explain(
  error: unknown,
  connection: Connection,
  mentioned: Mentioned,
): Promise<unknown> {
  if (!(error instanceof BrokerError)) return error;
  if (error.code === ErrorCodes.topic_not_found) {
    const meant = await nearestTopic(connection, mentioned);
    return meant === null ? error : new ExplainedError(error, `Did you mean ${meant}?`);
  }
  if (error.code === ErrorCodes.invalid_config) {
    const meant = nearestSetting(mentioned);
    return meant === null ? error : new ExplainedError(error, `Did you mean ${meant}?`);
  }
  return error;
}

async function nearestTopic(connection: Connection, mentioned: Mentioned): Promise<string | null> {
  const names = mentioned.topic === undefined ? mentioned.topics ?? [] : [mentioned.topic];
  const known = await new Admin(connection).listTopics().catch(() => []);
  const missing = names.find((name) => !known.some((topic) => topic.name === name));
  return missing === undefined ? null : nearest(missing, known.map((topic) => topic.name));
}

function nearestSetting({ config = [] }: Mentioned): string | null {
  const known = TOPIC_SETTINGS.map(({ key }) => key);
  const unknown = config.find(({ key }) => !known.includes(key));
  return unknown === undefined ? null : nearest(unknown.key, known);
}
