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
  wide?: number; // of what is drawn, in digits; as wide as its text where absent
}

const WIDE_SIGNS = /[%@mwMW▲▼⚠★]/;
const LAST_NARROW = 0x2e7f; // from here on come signs as wide as they are high

/** About how wide a text is, in digits; rather too much than too little. */
export function breadth(text: string): number {
  let found = 0;
  for (const sign of text) found += sign.charCodeAt(0) > LAST_NARROW ? 1.9 : WIDE_SIGNS.test(sign) ? 1.7 : 1;
  return found;
}
