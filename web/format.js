// Figures and times for people.

const DOLLARS = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 2 });
const CENTS = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** @param {number|null|undefined} dollars */
export function money(dollars) {
  if (dollars === null || dollars === undefined) return "not known";
  return dollars && dollars < 1 ? CENTS.format(dollars) : DOLLARS.format(dollars);
}

/** @param {number} value */
export const whole = (value) => WHOLE.format(value);
/** @param {number} value */
export const short = (value) => (value < 10_000 ? whole(value) : SHORT.format(value));
/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

/** What to call a batch that may have no name. @param {any} batch @returns {string} */
export const batchName = (batch) => batch.name || `Batch of ${plural(batch.progress.total, "card")}`;

/** @param {number|null} seconds */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** @param {string|null} from @param {string|null} to */
export const between = (from, to) => (from ? duration((Date.parse(to ?? "") || Date.now()) / 1000 - Date.parse(from) / 1000) : "–");

/** @param {string|null} time */
export const moment = (time) => (time ? MOMENT.format(new Date(time)) : "–");

/** @param {string} time */
export function ago(time) {
  const seconds = (Date.parse(time) - Date.now()) / 1000;
  const [size, unit] = [[86_400, "day"], [3600, "hour"], [60, "minute"]].find(([least]) => Math.abs(seconds) >= Number(least)) ?? [1, "second"];
  return unit === "second" ? "just now" : AGO.format(Math.round(seconds / Number(size)), /** @type {any} */ (unit));
}

/** A name out of code, as words: `expand_lorebook` -> `Expand lorebook`. @param {string} name */
export const words = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

/** @param {number} bytes */
export const size = (bytes) => (bytes < 1e6 ? `${whole(Math.max(1, bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
