/** What became of connections, and what their memory is, under the names that `stats` gives. */

import type { Node } from "./node.ts";

/**
 * Why a connection ended: peer closed it, error on the socket, refused after a frame that cannot
 * be believed, one of the deadlines, an operator, or the broker stopped.
 */
export type CloseReason =
  | "peer"
  | "error"
  | "refused"
  | "idle"
  | "request"
  | "hello"
  | "write"
  | "operator"
  | "stop";

export interface ConnectionCounters {
  accepted: number;
  /** Closed at once: too many connections, too many of one address, no descriptor. */
  refusedLimit: number;
  refusedAddress: number;
  refusedDescriptors: number;
  readonly closed: Record<CloseReason, number>;
  /** How often the process stood still: stopped, swapped, or held up by a disk. */
  stalls: number;
}

export function newConnectionCounters(): ConnectionCounters {
  return {
    accepted: 0,
    refusedLimit: 0,
    refusedAddress: 0,
    refusedDescriptors: 0,
    closed: {
      peer: 0,
      error: 0,
      refused: 0,
      idle: 0,
      request: 0,
      hello: 0,
      write: 0,
      operator: 0,
      stop: 0,
    },
    stalls: 0,
  };
}

export function connectionCounters(node: Node): { name: string; value: number }[] {
  const { connectionCounters: counters, receivePool, replyPool, receiveBudget } = node;
  const { closed } = counters;
  return [
    { name: "connections", value: node.openConnections },
    { name: "clients", value: node.clients },
    { name: "connections_accepted_total", value: counters.accepted },
    { name: "connections_refused_limit_total", value: counters.refusedLimit },
    { name: "connections_refused_address_total", value: counters.refusedAddress },
    { name: "connections_refused_descriptors_total", value: counters.refusedDescriptors },
    { name: "connections_closed_peer_total", value: closed.peer },
    { name: "connections_closed_error_total", value: closed.error },
    { name: "connections_closed_refused_total", value: closed.refused },
    { name: "connections_closed_idle_total", value: closed.idle },
    { name: "connections_closed_request_total", value: closed.request },
    { name: "connections_closed_hello_total", value: closed.hello },
    { name: "connections_closed_write_total", value: closed.write },
    { name: "connections_closed_operator_total", value: closed.operator },
    { name: "loop_stalls_total", value: counters.stalls },
    { name: "receive_lent_bytes", value: receivePool.lentBytes },
    { name: "receive_budget_waits_total", value: receiveBudget.waits },
    { name: "receive_budget_waiting", value: receiveBudget.waiting },
    { name: "reply_lent_bytes", value: replyPool.lentBytes },
    { name: "pool_lent_bytes", value: receivePool.lentBytes + replyPool.lentBytes },
    { name: "pool_free_bytes", value: receivePool.freeBytes + replyPool.freeBytes },
  ];
}
