/* A cell that a spreadsheet shows as it is: whatever the text holds it stays one cell, and what begins like a formula is made a text. */
export function cell(text: string): string {
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",;\t\r\n]/.test(inert) ? `"${inert.replace(/"/g, '""')}"` : inert;
}
