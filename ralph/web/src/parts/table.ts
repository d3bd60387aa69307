// What a column of a table is.

export interface Column<Row> {
  key: string;
  label: string;
  text: (row: Row) => string;
  full?: (row: Row) => string; // for its tooltip, where the text is shortened
  tone?: (row: Row) => string; // a class for its colour
  number?: boolean;
  sortable?: boolean;
  custom?: boolean; // drawn by the page's own snippet
  wideOnly?: boolean; // not on phones
  wide?: number; // of what is drawn, in pixels; as wide as its text where absent
}

const NARROW = /[,.:;'|il·\s]/;
const WIDE = /[@%mwMW⚠★]/;
const LAST_NARROW = 0x2e7f; // from here on come signs as wide as they are high

function breadthOf(sign: string): number {
  if (sign.charCodeAt(0) > LAST_NARROW) return 1.7;
  if (NARROW.test(sign)) return 0.6;
  return WIDE.test(sign) ? 1.55 : sign === "▲" || sign === "▼" ? 1.3 : 1;
}

/** About how wide a text is, in digits. */
export function breadth(text: string): number {
  let found = 0;
  for (const sign of text) found += breadthOf(sign);
  return found;
}
