// Reads cards as SillyTavern does and judges them with the validators of the two spec authors.
// Usage: node check.mjs <file or folder>...   Names say what a file is: *.png, *.v1.json, *.v2.json, *.v3.json
import { readFileSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";

import { CCardLib } from "@risuai/ccardlib";
import * as Cards from "character-card-utils";
import text from "png-chunk-text";
import extract from "png-chunks-extract";
import yauzl from "yauzl";

let failures = 0;
let checks = 0;

function expect(file, what, ok, detail = "") {
  checks += 1;
  if (ok) return;
  failures += 1;
  console.error(`FAIL ${basename(file)}: ${what}${detail ? ` (${detail})` : ""}`);
}

function schema(file, what, result) {
  const issues = result.error?.issues ?? [];
  const shown = issues.slice(0, 3).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  expect(file, what, result.success, shown.join("; "));
}

function checkV1(file, card) {
  schema(file, "character-card-utils accepts it as V1", Cards.v1.safeParse(card));
  expect(file, "ccardlib says v1", CCardLib.character.check(card) === "v1", CCardLib.character.check(card));
}

function checkV2(file, card, part = "") {
  schema(file, `character-card-utils accepts ${part}as V2`, Cards.v2.safeParse(card));
  expect(file, `ccardlib says v2 ${part}`, CCardLib.character.check(card) === "v2", CCardLib.character.check(card));
  expect(file, `no copies at the root ${part}`, Object.keys(card).sort().join() === "data,spec,spec_version");
}

function checkV3(file, card, part = "") {
  expect(file, `ccardlib says v3 ${part}`, CCardLib.character.check(card) === "v3", CCardLib.character.check(card));
  expect(file, `no copies at the root ${part}`, Object.keys(card).sort().join() === "data,spec,spec_version");
}

function checkPng(file) {
  const chunks = extract(new Uint8Array(readFileSync(file))); // throws on a wrong checksum
  const names = chunks.map((chunk) => chunk.name);
  expect(file, "the only text chunks are tEXt", !names.includes("zTXt") && !names.includes("iTXt"));
  expect(file, "text stands before the pixels", names.lastIndexOf("tEXt") < names.indexOf("IDAT"));
  const texts = chunks.filter((chunk) => chunk.name === "tEXt").map((chunk) => text.decode(chunk.data));
  const order = texts.map((each) => each.keyword).join();
  expect(file, "chara, then ccv3, and nothing else", order === "chara,ccv3", order);
  const card = (keyword) => {
    const found = texts.find((each) => each.keyword === keyword);
    return JSON.parse(Buffer.from(found.text, "base64").toString("utf8"));
  };
  checkV2(file, card("chara"), "chara ");
  checkV3(file, card("ccv3"), "ccv3 ");
  expect(file, "both parts have one name", card("chara").data.name === card("ccv3").data.name);
}

// The same checks that SillyTavern's import makes: an object of entries, each under its own uid.
function checkWorld(file, world) {
  const entries = Object.entries(world.entries);
  expect(file, "entries are a map", !Array.isArray(world.entries));
  expect(file, "each entry stands under its uid", entries.every(([uid, entry]) => String(entry.uid) === uid));
  const whole = ["key", "keysecondary", "content", "order", "position", "disable", "probability", "selectiveLogic"];
  expect(file, "no setting is missing", entries.every(([, entry]) => whole.every((name) => entry[name] !== undefined)));
}

// SillyTavern's ZIP reader: the first entry whose name ends with card.json.
function readCharx(file) {
  return new Promise((resolve, reject) => {
    yauzl.open(file, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error);
      const names = [];
      let card;
      zip.on("error", reject);
      zip.on("end", () => resolve({ names, card }));
      zip.on("entry", (entry) => {
        names.push(entry.fileName);
        zip.openReadStream(entry, (fault, stream) => {
          if (fault) return reject(fault);
          const parts = [];
          stream.on("error", reject);
          stream.on("data", (part) => parts.push(part));
          stream.on("end", () => {
            if (!card && entry.fileName.endsWith("card.json")) card = JSON.parse(Buffer.concat(parts).toString("utf8"));
            zip.readEntry();
          });
        });
      });
      zip.readEntry();
    });
  });
}

async function checkCharx(file) {
  const { names, card } = await readCharx(file);
  expect(file, "card.json comes first", names[0] === "card.json", names.join());
  checkV3(file, card);
  const packed = card.data.assets.filter((asset) => asset.uri.startsWith("embeded://"));
  const gone = packed.filter((asset) => !names.includes(asset.uri.slice("embeded://".length)));
  expect(file, "every file that the card names is there", gone.length === 0, gone.map((asset) => asset.uri).join());
  const icons = card.data.assets.filter((asset) => asset.type === "icon" && asset.name === "main");
  expect(file, "one main icon", icons.length === 1, String(icons.length));
}

async function check(file) {
  const json = () => JSON.parse(readFileSync(file, "utf8"));
  try {
    if (file.endsWith(".png")) checkPng(file);
    else if (file.endsWith(".charx")) await checkCharx(file);
    else if (file.endsWith(".worldinfo.json")) checkWorld(file, json());
    else if (file.endsWith(".v1.json")) checkV1(file, json());
    else if (file.endsWith(".v2.json")) checkV2(file, json());
    else if (file.endsWith(".v3.json")) checkV3(file, json());
    else if (file.endsWith(".json")) schema(file, "readers of V1 can open it", Cards.v1.safeParse(json()));
    else return 0;
  } catch (error) {
    expect(file, "can be read", false, error.message);
  }
  return 1;
}

function filesIn(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true }).sort().map((name) => join(path, name));
}

let files = 0;
for (const file of process.argv.slice(2).flatMap(filesIn)) files += await check(file);
if (files === 0) {
  console.error("FAIL no card files found: give files or folders to check");
  process.exit(2);
}
console.log(`${files} files, ${checks} checks, ${failures} failures`);
process.exit(failures ? 1 : 0);
