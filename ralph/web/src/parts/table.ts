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
}
