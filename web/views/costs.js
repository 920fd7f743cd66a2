// What was used, by whom of the models, and what is left.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { moment, money, plural, short, whole } from "../format.js";
import { figure, head, meter } from "../parts.js";

const DAYS = 31;
const OFFLINE = "extractive"; // the name that the offline writer books under

/** @param {import("../app.js").Page} page */
export async function show(page) {
  page.title("Costs");
  const { usage, pricing } = await get("/user/usage", undefined, page.signal);
  const { current_month: month, daily_limit: limit, all_time: ever, days } = usage;
  const today = days.find((/** @type {any} */ day) => day.day === new Date().toISOString().slice(0, 10));
  fill(page.root, head("Costs", "Every call to a model server is booked, failed ones too. Days and months are those of UTC."),
    h("div.costs-page",
      h("section.paper", h("h2", "Today"), h("dl.figures", figure("Spent", money(limit.used_usd)), figure("Tokens", short(limit.used)), figure("Calls", whole(today?.requests_count ?? 0))), limits(limit)),
      h("section.paper", h("h2", "This month"), h("dl.figures", figure("Spent", money(month.total_cost), month.wasted > 0 && `${money(month.wasted)} on failed calls`), figure("Tokens", short(month.tokens_used), `${short(month.prompt_tokens)} in, ${short(month.completion_tokens)} out`), figure("Calls", whole(month.requests_count))),
        month.unpriced_requests > 0 && h("p.warn", `${plural(month.unpriced_requests, "call")} cost an amount that nobody knows, counted as nothing: set MODEL_PRICES.`)),
      h("section.paper.wide", h("h2", "Day by day"), chart(days)),
      h("section.paper.wide", h("h2", "By model, this month"), byModel(month.by_model, pricing)),
      h("section.paper.wide", h("h2", "Since the beginning"), h("dl.figures", figure("Spent", money(ever.total_cost)), figure("Tokens", short(ever.tokens_used)), figure("Calls", whole(ever.requests_count))))));
}

/** @param {any} limit */
function limits(limit) {
  const line = (/** @type {string} */ name, /** @type {number} */ used, /** @type {number} */ most, /** @type {string} */ left) => h("div.limit", h("p", h("strong", `${left} left`), h("small", ` of today's ${name}`)), meter(Math.min(100, (100 * used) / most), `${name} used`));
  if (limit.tokens === null && limit.cost_usd === null) return h("p.quiet-text", "No daily limit is set. The operator can set one: DAILY_TOKENS, DAILY_COST_USD.");
  return [limit.cost_usd !== null && line("dollars", limit.used_usd, limit.cost_usd, money(limit.remaining_usd)), limit.tokens !== null && line("tokens", limit.used, limit.tokens, `${short(limit.remaining)} tokens`), h("small", `It begins anew at ${moment(limit.resets_at)}.`)];
}

/** A bar for each of the last days: dollars, or tokens where nothing is charged. @param {any[]} days */
function chart(days) {
  const byDay = new Map(days.map((day) => [day.day, day]));
  const paid = days.some((day) => day.total_cost > 0);
  const amount = (/** @type {any} */ day) => (day ? (paid ? day.total_cost : day.tokens_used) : 0);
  const say = (/** @type {number} */ value) => (paid ? money(value) : `${short(value)} tokens`);
  const shown = Array.from({ length: DAYS }, (_, back) => new Date(Date.now() - (DAYS - 1 - back) * 86_400_000).toISOString().slice(0, 10));
  const most = Math.max(...shown.map((day) => amount(byDay.get(day))), 0);
  if (!most) return h("p.quiet-text", "Nothing was used in the last month.");
  return h("figure.chart", h("figcaption", `${paid ? "Dollars" : "Tokens"} a day, ${say(most)} at most`),
    h("ol", shown.map((day) => {
      const value = amount(byDay.get(day));
      return h("li", { title: `${day}: ${say(value)}` }, h("span.bar-of-day", { style: { height: `${value ? Math.max(2, (100 * value) / most) : 0}%` } }), h("span.visually-hidden", `${day}: ${say(value)}`), h("small", { "aria-hidden": "true" }, day === shown.at(-1) || (/(01|08|15|22)$/.test(day) && shown.indexOf(day) < DAYS - 4) ? day.slice(5).replace("-", "/") : ""));
    })));
}

/** @param {Record<string, any>} used @param {Record<string, any>} pricing */
function byModel(used, pricing) {
  const rows = Object.entries(used).sort(([, a], [, b]) => b.cost - a.cost || b.tokens - a.tokens);
  if (!rows.length) return h("p.quiet-text", "No model was asked this month.");
  const price = (/** @type {any} */ one) => (one ? `$${Number(one.prompt)} in, $${Number(one.completion)} out` : "–");
  return h("div.table", { tabindex: 0, role: "region", "aria-label": "By model" }, h("table", h("thead", h("tr", ["Model", "Calls", "Tokens in", "Tokens out", "Wasted", "Cost", "Price a million"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", rows.map(([model, one]) => h("tr", h("th", { scope: "row" }, model === OFFLINE ? "offline writer" : h("code", model)), [whole(one.requests), short(one.prompt_tokens), short(one.completion_tokens), money(one.wasted), money(one.cost), price(pricing[model])].map((text) => h("td.number", text)))))));
}
