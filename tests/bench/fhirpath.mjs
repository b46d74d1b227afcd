// What fhirpath.c does, by fhirpath.js: the same questions, rounds and answers. FHIRPATH_JS is the folder of the package.
import fs from "node:fs";
import readline from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const fhirpath = require(process.env.FHIRPATH_JS);
const r4 = require(process.env.FHIRPATH_JS + "/fhir-context/r4");
// What it would do beside the evaluation is left out: converting the results, printing traces and warnings.
const options = { resolveInternalTypes: false, traceFn: () => {} };
console.warn = () => {};

const resources = new Map([[null, {}]]);
function resource(file) {
  if (!resources.has(file)) resources.set(file, JSON.parse(fs.readFileSync(file, "utf8")));
  return resources.get(file);
}

const questions = fs.readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => {
  const { resource: file, expression } = JSON.parse(line);
  const q = { resource: resource(file), n: 1 };
  try {
    q.evaluate = fhirpath.compile(expression, r4, options);
  } catch {
    q.evaluate = null;
  }
  return q;
});

function attempt(q) {
  try {
    return q.evaluate(q.resource);
  } catch {
    return null;
  }
}

function timeOf(q) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < q.n; i++) attempt(q);
  return Number(process.hrtime.bigint() - start);
}

function measure(q, ns) {
  if (!q.evaluate) return null;
  const result = attempt(q);
  let taken;
  while ((taken = timeOf(q)) < ns) q.n *= 2;
  return result ? { ns: taken / q.n, items: result.length } : { error: true };
}

for await (const line of readline.createInterface({ input: process.stdin }))
  console.log(JSON.stringify(questions.map((q) => measure(q, Number(line) * 1000))));
