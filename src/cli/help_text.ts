/** Help text over several lines of source. */

import { type Message, text } from "@optique/core/message";

export function say(...lines: readonly string[]): Message {
  return [text(lines.join(" "))];
}
