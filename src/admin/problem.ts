/**
 * Errors as HTTP tells them: problem+json (RFC 9457), made from the one error table. Its rows give
 * title, code, name, hint and whether to try again; only the status is HTTP's own.
 *
 *     { "type": "/docs#topic_not_found", "title": "There is no topic of this name.",
 *       "status": 404, "code": 20, "name": "topic_not_found", "retriable": false,
 *       "hint": "Create it: …", "detail": "orders" }
 *
 * Invariant: what a bug threw is traced, and the client learns no more than that it was one.
 */

import { trace } from "../base/trace.ts";
import {
  BrokerError,
  ClosedError,
  CorruptBatchError,
  DeliveryTimeoutError,
  LOCAL_ERROR,
  RecordTooLargeError,
  SluiceError,
} from "../client/errors.ts";
import { describeError, ErrorCodes, type ErrorName } from "../format/errors.ts";

export const PROBLEM_TYPE = "application/problem+json";
/** Seconds after which a retriable request may be sent again. */
const RETRY_AFTER = "1";

/** What is wrong with one part of a request. */
export interface Issue {
  /** Where: `body.partitions`, `query.limit`. */
  readonly at: string;
  readonly message: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly hint: string;
  /** Of this case; absent where the title says all. */
  readonly detail?: string;
  readonly issues?: readonly Issue[];
  /** Of a list of records: what became of each. */
  readonly records?: readonly object[];
}

/** Thrown where it is made already. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.problem = problem;
  }
}

/** Thrown by routes for what is wrong before the engine is asked. */
export class HttpError extends Error {
  override name = "HttpError";
  readonly error: ErrorName;
  readonly issues: readonly Issue[];

  constructor(error: ErrorName, detail: string = "", issues: readonly Issue[] = []) {
    super(detail);
    this.error = error;
    this.issues = issues;
  }
}

/** Every row has a status: a new error does not compile until it has one here. */
export const STATUS: Readonly<Record<ErrorName, number>> = {
  none: 200,
  internal: 500,
  "invalid_frame": 500,
  "frame_too_large": 413,
  "unknown_operation": 501,
  "unsupported_version": 501,
  "invalid_request": 400,
  "hello_required": 500,
  "unsupported_protocol": 500,
  "unknown_handle": 500,
  "not_permitted": 403,
  "too_many_handles": 503,
  "unknown_subscription": 500,
  "subscription_exists": 500,
  "too_many_subscriptions": 503,
  "connection_not_found": 404,
  "topic_not_found": 404,
  "topic_exists": 409,
  "invalid_topic_name": 400,
  "invalid_partitions": 409,
  "invalid_config": 400,
  "partition_not_found": 404,
  "topic_is_internal": 403,
  "offset_out_of_range": 409,
  "batch_corrupt": 400,
  "batch_invalid": 400,
  "batch_too_large": 413,
  "unsupported_magic": 400,
  "out_of_order_sequence": 409,
  "duplicate_sequence": 409,
  "invalid_producer_epoch": 409,
  "producer_ids_exhausted": 500,
  "transactions_unsupported": 501,
  "storage_failed": 500,
  "disk_full": 507,
  "shutting_down": 503,
  "partition_degraded": 409,
  "storage_busy": 503,
  "disk_read_only": 507,
  "storage_slow": 503,
  "group_not_found": 404,
  "offset_metadata_too_large": 400,
  "invalid_group_id": 400,
  "group_loading": 503,
  "too_many_offsets": 507,
  "unknown_member": 409,
  "illegal_generation": 409,
  "http_invalid_request": 400,
  "http_host_refused": 421,
  "http_path_not_found": 404,
  "http_method_not_allowed": 405,
  "http_origin_refused": 403,
  "http_token_required": 401,
  "http_scope_too_small": 403,
  "http_body_too_large": 413,
  "http_length_required": 411,
  "http_content_type_unsupported": 415,
  "http_starting": 503,
  "http_engine_unreachable": 503,
  "http_ticket_refused": 401,
  "http_too_many_streams": 503,
  "http_not_acceptable": 406,
  "http_body_slow": 408,
  "http_delivery_timeout": 504,
  "http_topic_replaced": 409,
};

export function problem(
  name: ErrorName,
  detail: string = "",
  issues: readonly Issue[] = [],
): Problem {
  const { code, text, retriable, hint } = describeError(ErrorCodes[name]);
  return {
    type: `/docs#${name}`,
    title: text,
    status: STATUS[name],
    code,
    name,
    retriable,
    hint,
    ...(detail === "" ? {} : { detail }),
    ...(issues.length === 0 ? {} : { issues }),
  };
}

/** What was thrown, as the client is told it. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof HttpError) return problem(error.error, error.message, error.issues);
  if (error instanceof ClosedError) return problem("shutting_down");
  if (error instanceof RecordTooLargeError) return problem("batch_too_large", error.message);
  if (error instanceof DeliveryTimeoutError) {
    return problem("http_delivery_timeout", error.message);
  }
  if (error instanceof CorruptBatchError) return problem("storage_failed", error.message);
  if (error instanceof BrokerError) {
    const name = describeError(error.code).name;
    if (isErrorName(name)) return problem(name, detailOf(error));
  }
  if (error instanceof SluiceError && error.code === LOCAL_ERROR && error.retriable) {
    return problem("http_engine_unreachable", error.message);
  }
  trace("error", `http: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
  return problem("internal");
}

/** Headers that go with a problem. */
export function problemHeaders({ status, retriable }: Problem): Record<string, string> {
  return {
    "content-type": PROBLEM_TYPE,
    ...(status === 503 && retriable ? { "retry-after": RETRY_AFTER } : {}),
    ...(status === 401 ? { "www-authenticate": 'Bearer realm="sluice"' } : {}),
  };
}

/** What the broker said of this case, without the table's text before it. */
function detailOf(error: BrokerError): string {
  const text = describeError(error.code).text.replace(/\s*\.$/, "");
  return error.message.startsWith(`${text}: `) ? error.message.slice(text.length + 2) : "";
}

function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(STATUS, name);
}
