/**
 * Frames of the native protocol as bytes, right ones and wrong ones: tests that speak to a broker
 * without our client say here what goes over the wire.
 */
import { encodeBody } from "../../src/native/codec.ts";
import {
  type ControlName,
  controlOperation,
  type ControlRequestOf,
} from "../../src/native/control_operations.ts";
import { operation, type OperationName, type RequestOf } from "../../src/native/operations.ts";
import type { Table, ValueOf } from "../../src/native/table.ts";

export const FRAME_HEADER = 12;

export interface FrameFields {
  operation: number;
  correlation?: number;
  version?: number;
  flags?: number;
  /** What the size field says, where it is not the truth. */
  size?: number;
}

/** A frame around a body that may be anything. */
export function frame(fields: FrameFields, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, fields.size ?? bytes.length - 4);
  view.setUint16(4, fields.operation);
  view.setUint8(6, fields.version ?? 0);
  view.setUint8(7, fields.flags ?? 0);
  view.setUint32(8, fields.correlation ?? 1);
  bytes.set(body, FRAME_HEADER);
  return bytes;
}

/** A request as a right client sends it. */
export function request<N extends OperationName>(
  name: N,
  values: RequestOf<N>,
  correlation: number = 1,
): Uint8Array {
  const row = operation(name);
  const body = encodeBody(row.request as Table, values as ValueOf<Table>);
  return frame({ operation: row.code, version: row.version, correlation }, body);
}

/** A request of the main thread to a shard. */
export function control<N extends ControlName>(
  name: N,
  values: ControlRequestOf<N>,
  correlation: number = 1,
): Uint8Array {
  const row = controlOperation(name);
  const body = encodeBody(row.request as Table, values as ValueOf<Table>);
  return frame({ operation: row.code, version: row.version, correlation }, body);
}

export function hello(): Uint8Array {
  return request("hello", { protocol: 1, clientName: "test", token: "" }, 0);
}

export function produce(
  handle: number,
  batch: Uint8Array,
  correlation = 1,
  acks = 255,
): Uint8Array {
  return request("produce", { handle, acks, reserved: 0, reserved2: 0, batch }, correlation);
}

export interface FetchShape {
  maxBytes?: number;
  minBytes?: number;
  maxWaitMs?: number;
}

export function fetch(
  handle: number,
  offset: number,
  shape: FetchShape = {},
  correlation = 1,
): Uint8Array {
  const { maxBytes = 1048576, minBytes = 1, maxWaitMs = 0 } = shape;
  return request("fetch", { handle, maxBytes, minBytes, maxWaitMs, offset }, correlation);
}

export interface SubscribeShape {
  maxBytes?: number;
  credit?: number;
}

export function subscribe(
  handle: number,
  offset: number,
  shape: SubscribeShape = {},
  correlation = 1,
): Uint8Array {
  const { maxBytes = 1048576, credit = 1048576 } = shape;
  return request("subscribe", { handle, maxBytes, credit, offset }, correlation);
}

export function addCredit(subscription: number, bytes: number): Uint8Array {
  return request("add_credit", { subscription, bytes }, 0);
}

export function unsubscribe(subscription: number, correlation = 1): Uint8Array {
  return request("unsubscribe", { subscription }, correlation);
}

export function pace(subscription: number, intervalMs: number, correlation = 1): Uint8Array {
  return request("pace_subscription", { subscription, intervalMs }, correlation);
}
