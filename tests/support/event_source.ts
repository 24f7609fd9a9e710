/** The EventSource of the runtime, which browsers have too; where it has none, that of npm. */
import { EventSource as NpmEventSource } from "eventsource";

export interface EventSourceLike {
  onopen: (() => void) | null;
  onmessage: ((event: { data: string; lastEventId: string }) => void) | null;
  close(): void;
}

const { EventSource: ofRuntime } = globalThis as {
  EventSource?: new (url: string) => EventSourceLike;
};

export const EventSource: new (url: string) => EventSourceLike = ofRuntime ??
  NpmEventSource as unknown as new (url: string) => EventSourceLike;
