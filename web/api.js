// Every request to the API: the key goes along, a refused one is asked for anew, a busy server is asked again.

import * as session from "./session.js";

export const PREFIX = "/api/v2";
const PATIENCE = 4; // tries of a request that can be repeated without harm

/** What the API says when it says no. `details` maps field paths to what is wrong with each. */
export class ApiError extends Error {
  /** @param {number} status @param {{error?: string, message?: string, details?: any, request_id?: string}} body */
  constructor(status, body) {
    super(body.message || "Something went wrong.");
    this.status = status;
    this.code = body.error || "UNKNOWN";
    /** @type {Record<string, any>} */
    this.details = body.details ?? {};
    this.requestId = body.request_id ?? "";
    this.body = body;
  }

  /** What is wrong, by field path; empty where the details are about something else. @returns {[string, string][]} */
  get fields() {
    return Object.entries(this.details).filter(([, told]) => Array.isArray(told) && told.every((one) => typeof one === "string"))
      .map(([path, told]) => [path, told.join(" ")]);
  }
}

/**
 * @typedef {object} Ask
 * @property {any} [json] body
 * @property {FormData|Blob} [form] body, as it is
 * @property {Record<string, any>} [query] parameters; lists are repeated, empty ones left out
 * @property {string|null} [ifMatch] the ETag of what is changed
 * @property {string} [once] an Idempotency-Key
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/** Send a request and return its response; raises `ApiError`. @param {string} method @param {string} path @param {Ask} [ask] */
export async function send(method, path, ask = {}) {
  for (let tries = 1; ; tries += 1) {
    const secret = session.key();
    const response = await reach(method, path, ask, secret);
    if (response.ok || response.status === 304) return response;
    const body = await response.json().catch(() => ({ message: `The server answered ${response.status}.` }));
    if (response.status === 401) await session.renew(secret, body.message);
    else if (isWorthAnother(response, method, ask, body) && tries < PATIENCE) await pause(response, tries, ask.signal);
    else throw new ApiError(response.status, body);
  }
}

/** @param {string} method @param {string} path @param {Ask} ask @param {string|null} secret */
async function reach(method, path, ask, secret) {
  /** @type {Record<string, string>} */
  const headers = { ...ask.headers, Authorization: `Bearer ${secret}` };
  if (ask.json !== undefined) headers["Content-Type"] = "application/json";
  if (ask.ifMatch) headers["If-Match"] = ask.ifMatch;
  if (ask.once) headers["Idempotency-Key"] = ask.once;
  const body = ask.json === undefined ? ask.form : JSON.stringify(ask.json);
  try {
    return await fetch(address(path, ask.query), { method, headers, body, signal: ask.signal });
  } catch (error) {
    if (ask.signal?.aborted) throw error;
    throw new ApiError(0, { error: "NOT_REACHED", message: "Cardforge does not answer. Look whether it runs, then try again." });
  }
}

/** @param {string} path @param {Record<string, any>} [query] */
function address(path, query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) => (Array.isArray(value) ? value : [value])
    .filter((one) => one !== undefined && one !== null && one !== "").map((one) => [name, String(one)]));
  const whole = path.startsWith(PREFIX) || path.startsWith("/health") ? path : PREFIX + path;
  return pairs.length ? `${whole}?${new URLSearchParams(pairs)}` : whole;
}

/** @param {Response} response @param {string} method @param {Ask} ask @param {any} body */
function isWorthAnother(response, method, ask, body) {
  const harmless = method === "GET" || method === "PUT" || Boolean(ask.once);
  return harmless && (response.status === 503 || body.error === "RATE_LIMITED");
}

/** @param {Response} response @param {number} tries @param {AbortSignal} [signal] */
function pause(response, tries, signal) {
  const seconds = Math.min(Number(response.headers.get("Retry-After")) || tries, 10);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)));
  });
}

/** What an answer holds, with its version. @param {Response} response */
async function opened(response) {
  const data = response.status === 204 ? null : await response.json();
  return { data, etag: response.headers.get("ETag") };
}

/** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
export const get = async (path, query, signal) => (await send("GET", path, { query, signal })).json();
/** The same, with the ETag that an edit has to name. @param {string} path @param {AbortSignal} [signal] @returns {Promise<{data: any, etag: string|null}>} */
export const getTagged = async (path, signal) => opened(await send("GET", path, { signal }));
/** @param {string} path @param {any} [json] @param {Ask} [ask] @returns {Promise<any>} */
export const post = async (path, json, ask) => (await opened(await send("POST", path, { json, ...ask }))).data;
/** @param {string} method @param {string} path @param {Ask} [ask] @returns {Promise<{data: any, etag: string|null}>} */
export const change = async (method, path, ask) => opened(await send(method, path, ask));

/** Fetch a file and hand it to the browser to be saved. @param {string} path @param {Record<string, any>} [query] */
export async function save(path, query) {
  const response = await send("GET", path, { query });
  const name = fileName(response.headers.get("Content-Disposition") ?? "") || path.split("/").pop() || "file";
  const url = URL.createObjectURL(await response.blob());
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return name;
}

/** The name that a Content-Disposition gives (RFC 6266). @param {string} header */
function fileName(header) {
  const extended = /filename\*=UTF-8''([^;]+)/i.exec(header);
  if (extended) return decodeURIComponent(extended[1]);
  return /filename="?([^";]+)"?/i.exec(header)?.[1] ?? "";
}

/** @type {Map<string, Promise<string>>} */
const pictures = new Map();
const MOST_PICTURES = 300;

/** The address of a portrait that an image can show; asked for once for each version. @param {{id: string, version: number}} character */
export function portrait({ id, version }) {
  const name = `${id} ${version}`;
  if (!pictures.has(name)) pictures.set(name, picture(id).catch((error) => (pictures.delete(name), Promise.reject(error))));
  if (pictures.size > MOST_PICTURES) {
    const [oldest, url] = pictures.entries().next().value ?? [];
    if (oldest) pictures.delete(oldest);
    url?.then(URL.revokeObjectURL, () => {});
  }
  return /** @type {Promise<string>} */ (pictures.get(name));
}

/** @param {string} id */
async function picture(id) {
  return URL.createObjectURL(await (await send("GET", `/characters/${id}/portrait`)).blob());
}
