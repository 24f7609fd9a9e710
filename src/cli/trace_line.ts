/** An operational message as a line for people: `2026-01-31T12:00:00.000Z info syncs by AIO`. */

export function traceLine(level: string, message: string, at: Date): string {
  return `${at.toISOString()} ${level} ${oneLine(message)}\n`;
}

/** Names that a client chose cannot forge a second line. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f]/g, "?");
}
