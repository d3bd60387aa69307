// Text of screens as an editor sees it: stretches that are wrong, and numbers that can be turned. Pure.

export interface Fault {
  position: number;
  length: number;
}

export interface Piece {
  text: string;
  bad: boolean;
}

/** The text in pieces, those that a problem points at marked; a fault at the very end marks a space after it. */
export function pieces(text: string, faults: readonly Fault[]): Piece[] {
  const bad = new Uint8Array(text.length + 1);
  for (const { position, length } of faults) bad.fill(1, position, Math.max(position + length, position + 1));
  const found: Piece[] = [];
  const padded = bad[text.length] ? `${text} ` : text;
  for (let at = 0; at < padded.length; ) {
    let end = at + 1;
    while (end < padded.length && bad[end] === bad[at]) end += 1;
    found.push({ text: padded.slice(at, end), bad: bad[at] === 1 });
    at = end;
  }
  return found;
}

export type Token = { kind: "text"; text: string } | { kind: "number"; text: string };

const NUMBER = /(?<![\w.가-힣])-?\d+(?:\.\d+)?/gu;

/** A part of a screen as text with the numbers in it apart, so that a form can offer them. */
export function tokens(part: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  for (const match of part.matchAll(NUMBER)) {
    if (match.index > at) found.push({ kind: "text", text: part.slice(at, match.index) });
    found.push({ kind: "number", text: match[0] });
    at = match.index + match[0].length;
  }
  if (at < part.length) found.push({ kind: "text", text: part.slice(at) });
  return found;
}

/** Parts joined as a screen asks for all of them; one that holds `or` keeps to itself. */
export function joined(parts: readonly string[]): string {
  const wrap = (part: string): string => (parts.length > 1 && /\bor\b|또는/.test(part) ? `(${part})` : part);
  return parts.map(wrap).join(" and ");
}

/** A number of a part replaced: `at` counts its tokens. */
export function replaced(part: string, at: number, number: string): string {
  return tokens(part)
    .map((token, index) => (index === at ? number : token.text))
    .join("");
}
