/**
 * Reads TypeScript just well enough for the rules in tidy_rules.ts: which characters are code,
 * which files are imported, where functions and loops begin and end. No parser: TypeScript 7 has
 * no stable one to offer, and the rules forgive a construct that nobody writes.
 */

export interface Source {
  path: string;
  text: string;
  /** The text with comments and the insides of strings blanked; the same length, the same lines. */
  code: string;
  /** The text with only comments blanked. */
  uncommented: string;
}

export interface Import {
  specifier: string;
  /** Only types are imported, so nothing of it is there at run time. */
  typeOnly: boolean;
  line: number;
}

export interface Block {
  start: number;
  end: number;
  firstLine: number;
  lines: number;
}

const OPENING = "([{";
const CLOSING = ")]}";
/** A slash after one of these begins a regular expression; after anything else it divides. */
const BEFORE_REGEX = /(^|[([{,;=:?!&|+\-*%<>~^]|\b(return|typeof|case|in|of|void|throw|await))$/;
const CONTROL = /\b(if|for|while|switch|catch|with)$/;

export function readSource(path: string, text: string): Source {
  return { path, text, code: mask(text, true), uncommented: mask(text, false) };
}

export function lineAt(text: string, at: number): number {
  let line = 1;
  for (
    let next = text.indexOf("\n");
    next !== -1 && next < at;
    next = text.indexOf("\n", next + 1)
  ) {
    line += 1;
  }
  return line;
}

/**
 * Blanks comments and, when asked, what stands inside strings, templates and regular expressions.
 */
function mask(text: string, blankStrings: boolean): string {
  const out = text.split("");
  const blank = (from: number, to: number) => {
    for (let at = from; at < to; at++) if (out[at] !== "\n") out[at] = " ";
  };
  /** For each `${` that is open: how many braces are open inside it. */
  const templates: number[] = [];
  for (let at = 0; at < text.length;) {
    const before = text[at] === "/" ? out.slice(Math.max(0, at - 20), at).join("").trimEnd() : "";
    const end = endOfToken(text, at, before, templates);
    const isComment = text.startsWith("//", at) || text.startsWith("/*", at);
    if (isComment && end > at + 1) blank(at, end);
    else if (blankStrings && end > at + 1) blank(at + 1, end - 1);
    at = end;
  }
  return out.join("");
}

/**
 * The end of what begins here: a comment, a string, a piece of a template, a regex, or one
 * character.
 */
function endOfToken(text: string, at: number, before: string, templates: number[]): number {
  const first = text[at];
  if (text.startsWith("//", at)) return endOr(text.indexOf("\n", at), text);
  if (text.startsWith("/*", at)) return endOr(text.indexOf("*/", at) + 2, text, 2);
  if (first === '"' || first === "'") return endOfQuoted(text, at + 1, first);
  if (first === "`") return endOfTemplatePiece(text, at + 1, templates);
  if (first === "/" && BEFORE_REGEX.test(before)) return endOfRegex(text, at + 1);
  const depth = templates.length - 1;
  if (depth >= 0 && first === "{") templates[depth] = (templates[depth] ?? 0) + 1;
  if (depth >= 0 && first === "}") {
    if (templates[depth] === 0) {
      templates.pop();
      return endOfTemplatePiece(text, at + 1, templates);
    }
    templates[depth] = (templates[depth] ?? 0) - 1;
  }
  return at + 1;
}

function endOr(end: number, text: string, least: number = 0): number {
  return end < least ? text.length : end;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote || text[at] === "\n") return at + 1;
  }
  return text.length;
}

/** Up to the closing backtick or just behind `${`, which opens code again. */
function endOfTemplatePiece(text: string, from: number, templates: number[]): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "`") return at + 1;
    else if (text.startsWith("${", at)) {
      templates.push(0);
      return at + 2;
    }
  }
  return text.length;
}

function endOfRegex(text: string, from: number): number {
  let inClass = false;
  for (let at = from; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "[") inClass = true;
    else if (text[at] === "]") inClass = false;
    else if (text[at] === "/" && !inClass) return at + 1;
  }
  return from;
}

/** Position of the bracket that closes the one at `at`, or the end of the text. */
export function closing(code: string, at: number): number {
  let depth = 0;
  for (let here = at; here < code.length; here++) {
    if (OPENING.includes(code[here] ?? " ")) depth += 1;
    else if (CLOSING.includes(code[here] ?? " ") && --depth === 0) return here;
  }
  return code.length;
}

/** Static imports and re-exports, dynamic imports, and the files of workers. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const text = source.uncommented;
  const statement = /^[ \t]*(?:import|export)\s+(type\s+)?([^"';`()=:]*?)(?:from\s+)?"([^"\n]+)"/gm;
  for (const match of text.matchAll(statement)) {
    const [, type, names = "", specifier = ""] = match;
    const list = /^\s*\{([^}]*)\}\s*$/.exec(names)?.[1]?.split(",").filter((name) => name.trim());
    const allTypes = list !== undefined && list.length > 0 &&
      list.every((name) => /^\s*type\s/.test(name));
    const typeOnly = type !== undefined || allTypes;
    found.push({ specifier, typeOnly, line: lineAt(text, match.index) });
  }
  const call = /\b(?:import\(|new URL\()\s*"([^"\n]+)"/g;
  for (const match of text.matchAll(call)) {
    const [, specifier = ""] = match;
    if (specifier.includes(".ts") || match[0].startsWith("import")) {
      found.push({ specifier, typeOnly: false, line: lineAt(text, match.index) });
    }
  }
  return found;
}

/**
 * Every function with a body in braces, the callback of `describe` excepted: it is a list of
 * tests.
 */
export function functionsOf(code: string): Block[] {
  const found: Block[] = [];
  for (let at = code.indexOf("("); at !== -1; at = code.indexOf("(", at + 1)) {
    const before = code.slice(Math.max(0, at - 60), at).trimEnd();
    const body = bodyAfter(code, closing(code, at) + 1);
    if (body === -1 || CONTROL.test(before) || /\bdescribe\([^()]*$/.test(before)) continue;
    found.push(block(code, at, closing(code, body)));
  }
  for (const match of code.matchAll(/\b\w+ => \{/g)) {
    found.push(block(code, match.index, closing(code, match.index + match[0].length - 1)));
  }
  return found;
}

/** Where the body begins behind a list of parameters: over a return type, over an arrow; or -1. */
function bodyAfter(code: string, from: number): number {
  const at = nextSign(code, from);
  if (code[at] === "{") return at;
  if (code[at] === ":") return bodyAfterType(code, at);
  if (!code.startsWith("=>", at)) return -1;
  const body = nextSign(code, at + 2);
  return code[body] === "{" ? body : -1;
}

/** Walks a return type, which may hold braces itself, to the brace that opens the body. */
function bodyAfterType(code: string, colon: number): number {
  let last = ":";
  for (let at = nextSign(code, colon + 1); at < code.length; at = nextSign(code, at + 1)) {
    const here = code[at] ?? "";
    if (";,)]}?".includes(here)) return -1;
    if (code.startsWith("=>", at)) {
      const brace = nextSign(code, at + 2);
      // `=> {` opens the body of an arrow function, except in a type: `): () => { a: number } {`.
      const isType = code[brace] !== "{" || code[nextSign(code, closing(code, brace) + 1)] === "{";
      if (!isType) return brace;
      at += 1;
    } else if (here === "=") return -1;
    else if (here === "{" && !":|&>".includes(last)) return at;
    else if (OPENING.includes(here)) at = closing(code, at);
    else if (here === "<") at = closingAngle(code, at);
    // A closed `<…>` is a whole type, unlike the end of an arrow.
    last = here === "<" ? "a" : code[at] ?? "";
  }
  return -1;
}

function nextSign(code: string, from: number): number {
  let at = from;
  while (at < code.length && /\s/.test(code[at] ?? "")) at++;
  return at;
}

function closingAngle(code: string, at: number): number {
  let depth = 0;
  for (let here = at; here < code.length; here++) {
    if (code[here] === "<") depth += 1;
    else if (code[here] === ">" && code[here - 1] !== "=" && --depth === 0) return here;
  }
  return code.length;
}

/** The bodies of `for`, `while` and `do`, also those without braces. */
export function loopsOf(code: string): Block[] {
  const found: Block[] = [];
  for (const match of code.matchAll(/\b(?:for(?: await)?|while)\s*\(/g)) {
    const head = closing(code, match.index + match[0].length - 1);
    const body = head + 1 + (/\S/.exec(code.slice(head + 1))?.index ?? 0);
    const end = code[body] === "{" ? closing(code, body) : endOr(code.indexOf(";", body), code);
    found.push(block(code, body, end));
  }
  for (const match of code.matchAll(/\bdo\s*\{/g)) {
    const body = match.index + match[0].length - 1;
    found.push(block(code, body, closing(code, body)));
  }
  return found;
}

function block(code: string, start: number, end: number): Block {
  const firstLine = lineAt(code, start);
  return { start, end, firstLine, lines: lineAt(code, end) - firstLine + 1 };
}
