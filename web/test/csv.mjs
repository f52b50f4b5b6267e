/* What a sensor calls its unit is a stranger's text: in a CSV it is one cell, and no spreadsheet reckons with it. */
import { readFileSync } from "node:fs";
import ts from "typescript";

const source = readFileSync(new URL("../src/csv.ts", import.meta.url), "utf8");
const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
const { cell } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
const cases = [
  ["temperature (Cel)", "temperature (Cel)"],
  ["", ""],
  ["=1+1", "'=1+1"],
  ["+1", "'+1"],
  ["-1", "'-1"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1", "\"'\t=1\""],
  ["\r=1", "\"'\r=1\""],
  ["t (x,=cmd|' /C calc'!A0)", "\"t (x,=cmd|' /C calc'!A0)\""],
  ["t (x;=1)", "\"t (x;=1)\""],
  ['t (x",=1)', '"t (x"",=1)"'],
  ["t (x\n=1)", "\"t (x\n=1)\""],
];
const wrong = cases.filter(([text, wanted]) => cell(text) !== wanted);
for (const [text, wanted] of wrong) console.error(`${JSON.stringify(text)} is ${JSON.stringify(cell(text))}, not ${JSON.stringify(wanted)}`);
process.exit(wrong.length > 0 ? 1 : 0);
