/**
 * JSON as people write it: with line comments, block comments and a comma behind the last element.
 * What JSON does not know becomes blanks, so that the place of a mistake stays what it was.
 *
 *     { // where the log lies          {
 *       "dataDirectory": "/log",   ->    "dataDirectory": "/log"
 *     }                                }
 */

/** Throws SyntaxError whose message begins with line and column. */
export function parseJsonWithComments(text: string): unknown {
  const plain = blankComments(text);
  try {
    return JSON.parse(plain);
  } catch {
    const { line, column } = placeOf(text, firstMistake(plain));
    throw new SyntaxError(`line ${line}, column ${column}: not JSON`);
  }
}

/** The text with blanks in place of comments and of commas before a closing bracket. */
export function blankComments(text: string): string {
  const tokens = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  const plain = text.replace(tokens, (token) => token.startsWith('"') ? token : blank(token));
  const commas = /"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])/g;
  return plain.replace(commas, (token) => token === "," ? " " : token);
}

function blank(comment: string): string {
  return comment.replace(/[^\n]/g, " ");
}

/** Where reading fails: both runtimes word their message differently, so it is looked for. */
function firstMistake(text: string): number {
  const position = new JsonWalk(text).walk();
  return position ?? text.length;
}

function placeOf(text: string, position: number): { line: number; column: number } {
  const before = text.slice(0, position);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: position - lineStart + 1 };
}

// deno-lint-ignore no-control-regex -- JSON allows none of them in a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y;
const WORD = /true|false|null/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\r\n]*/y;

/** Walks a text that is no JSON, to the place where it stops being one. */
class JsonWalk {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Null: it is JSON. */
  walk(): number | null {
    const whole = this.#value() && this.#skipBlank() && this.#at === this.#text.length;
    return whole ? null : this.#at;
  }

  #value(): boolean {
    this.#skipBlank();
    if (this.#take("{")) return this.#list("}", () => this.#member());
    if (this.#take("[")) return this.#list("]", () => this.#value());
    return this.#match(STRING) || this.#match(WORD) || this.#match(NUMBER);
  }

  #member(): boolean {
    this.#skipBlank();
    return this.#match(STRING) && this.#skipBlank() && this.#take(":") && this.#value();
  }

  #list(end: string, element: () => boolean): boolean {
    this.#skipBlank();
    if (this.#take(end)) return true;
    for (;;) {
      if (!element()) return false;
      this.#skipBlank();
      if (this.#take(end)) return true;
      if (!this.#take(",")) return false;
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return false;
    this.#at += found[0].length;
    return true;
  }

  #skipBlank(): true {
    this.#match(BLANK);
    return true;
  }
}
