// Events as they happen, by fetch: EventSource cannot send the key. Comes back with the id of the last event it has seen.

import { PREFIX } from "./api.js";
import * as session from "./session.js";

const SILENCE = 40_000; // the server says something every 15 s
const LONGEST_PAUSE = 15_000;

/**
 * @typedef {object} Told
 * @property {string} id
 * @property {string} event
 * @property {any} data
 *
 * @typedef {"live"|"lost"|"over"} State
 */

/**
 * Watch a job or a batch until it is over or the signal says stop.
 * @param {string} path
 * @param {{tell: (told: Told) => void, state?: (state: State, why?: string) => void, signal: AbortSignal}} how
 */
export async function watch(path, { tell, state = () => {}, signal }) {
  let last = "";
  let failures = 0;
  const heard = (/** @type {Told} */ told) => {
    last = told.id || last;
    failures = 0;
    tell(told);
  };
  while (!signal.aborted) {
    try {
      const isOver = await listen(path, last, heard, () => ((failures = 0), state("live")), signal);
      if (isOver) return state("over");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Gone) return state("over", error.message);
    }
    if (signal.aborted) return;
    failures += 1;
    if (failures > 1 || !last) state("lost");
    await rest(failures, signal);
  }
}

/** What is watched is not there any more. */
class Gone extends Error {}

/**
 * Listen on one connection; returns whether nothing more is to come.
 * @param {string} path @param {string} last @param {(told: Told) => void} heard @param {() => void} live @param {AbortSignal} signal
 */
async function listen(path, last, heard, live, signal) {
  const secret = session.key();
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${secret}`, Accept: "text/event-stream" };
  if (last) headers["Last-Event-ID"] = last;
  const quiet = new AbortController();
  const both = AbortSignal.any([signal, quiet.signal]);
  const response = await fetch(PREFIX + path, { headers, signal: both, cache: "no-store" });
  if (response.status === 204) return true;
  if (response.status === 401) await session.renew(secret, (await response.json()).message);
  if (response.status === 404 || response.status === 403) throw new Gone((await response.json()).message);
  if (!response.ok || !response.body) return false;
  live();
  return read(response.body, heard, quiet);
}

/** @param {ReadableStream<Uint8Array>} body @param {(told: Told) => void} heard @param {AbortController} quiet */
async function read(body, heard, quiet) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let rest = "";
  let done = false;
  for (;;) {
    const timer = setTimeout(() => quiet.abort(), SILENCE);
    const part = await reader.read().finally(() => clearTimeout(timer));
    if (part.done) return done;
    const blocks = (rest + part.value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const told of blocks.map(parse)) {
      if (!told) continue;
      done = told.event === "done";
      heard(told);
    }
  }
}

/** Read one event (HTML Living Standard, 9.2.6); null for comments. @param {string} block @returns {Told|null} */
function parse(block) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, "");
  }
  return fields.data ? { id: fields.id ?? "", event: fields.event ?? "message", data: JSON.parse(fields.data) } : null;
}

/** Wait, longer each time; not when the network is back. @param {number} failures @param {AbortSignal} signal */
function rest(failures, signal) {
  const ms = Math.min(500 * 2 ** (failures - 1), LONGEST_PAUSE) * (0.75 + Math.random() / 2);
  return new Promise((resolve) => {
    const end = () => (clearTimeout(timer), window.removeEventListener("online", end), resolve(undefined));
    const timer = setTimeout(end, ms);
    window.addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}
