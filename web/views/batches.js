// All batches, newest first.

import { get } from "../api.js";
import { debounce, fill, h, icon } from "../dom.js";
import { batchName, money, plural, whole } from "../format.js";
import { badge, empty, head, linkButton, meter, pages, select, when } from "../parts.js";

export const STATUSES = [["", "Any status"], ["queued", "Queued"], ["processing", "Processing"], ["completed", "Completed"], ["failed", "Failed"], ["cancelled", "Cancelled"]];

/** @param {import("../app.js").Page} page */
export async function show(page) {
  page.title("Batches");
  const wanted = { name: "", status: "" };
  const total = h("span.count", { role: "status" });
  const list = pages({
    list: h("div.rows"),
    load: async (cursor) => {
      const found = await get("/batch-generations", { ...wanted, cursor, limit: 40 }, page.signal);
      return { rows: found.batches, next: found.next_cursor, total: found.total };
    },
    row,
    none: () => (wanted.name || wanted.status ? empty("No batch is like that", "Take the filter away to see all of them.")
      : empty("No batch yet", "A batch is a set of cards that are written together, with one budget.", linkButton("#/new", "Forge cards", { icon: "forge", kind: "primary" }))),
    count: (count) => fill(total, plural(count, "batch", "batches")),
  });
  fill(page.root,
    head("Batches", "What was submitted together, and how far it is."),
    h("div.bar", { role: "search" },
      h("label.grow.search", "Name", icon("search"), h("input", { type: "search", autocomplete: "off", oninput: debounce((/** @type {any} */ e) => ((wanted.name = e.target.value.trim()), list.refresh())) })),
      h("label", "Status", select(/** @type {any} */ (STATUSES), "", { onchange: (/** @type {any} */ e) => ((wanted.status = e.target.value), list.refresh()) })), total),
    list.box);
  await list.refresh();
  list.follow(page.signal);
}

/** @param {any} batch */
function row(batch) {
  const { total, completed, failed, percent } = batch.progress;
  return h("a.row.batch-row", { href: `#/batches/${batch.batch_id}` },
    h("div", h("h3", batchName(batch)), h("small", when(batch.created_at), ` · ${money(batch.cost_usd)}`)),
    h("div", meter(percent, "Ended"), h("small.number", `${whole(completed)} of ${plural(total, "card")}`, failed > 0 && ` · ${whole(failed)} failed`)),
    badge(batch.status));
}
