/** The worker of adapter_child.ts: the adapter loaded once more, in a thread of its own. */
import { libc } from "#ffi";
import { tryCalls } from "./adapter_child.ts";

interface WorkerScope {
  onmessage: (event: MessageEvent<{ mode: string; path: string }>) => void;
  postMessage(message: string): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => {
  if (data.mode === "exit") libc.exit(8);
  scope.postMessage(tryCalls(libc, data.path));
};
