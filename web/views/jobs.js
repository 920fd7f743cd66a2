// All jobs: what runs, what failed and why.

import { change, get } from "../api.js";
import { debounce, fill, h, icon } from "../dom.js";
import { money, plural } from "../format.js";
import { badge, button, confirm, empty, guarded, head, linkButton, meter, pages, select, toast, when } from "../parts.js";
import { called, namesOf } from "../profiles.js";
import { STATUSES } from "./batches.js";

/** @param {import("../app.js").Page} page */
export async function show(page) {
  page.title("Jobs");
  const wanted = { q: "", status: page.query.get("status") ?? "", sort: "-created_at" };
  const total = h("span.count", { role: "status" });
  const profiles = namesOf(page.signal);
  const list = pages({
    list: h("div.rows"),
    load: async (cursor) => {
      const found = await get("/jobs", { ...wanted, cursor, limit: 50 }, page.signal);
      const names = await profiles;
      return { rows: found.jobs.map((/** @type {any} */ job) => ({ ...job, profile: called(job.profile_id, names.get(job.profile_id)) })), next: found.next_cursor, total: found.total, exact: found.total_is_exact };
    },
    row,
    none: () => (wanted.q || wanted.status ? empty("No job is like that", "Take the filter away to see all of them.")
      : empty("No job yet", "Each card that is written is a job; so is each field that is written anew.", linkButton("#/new", "Forge cards", { icon: "forge", kind: "primary" }))),
    count: (count, exact) => fill(total, plural(count, "job") + (exact ? "" : " or more")),
  });
  const clear = async () => {
    if (!(await confirm("Clear all jobs that have ended?", "Completed, failed and cancelled ones: their logs and files go, and batches that have ended go with them. The cards stay in the gallery, and the costs in the ledger.", "Clear them"))) return;
    let cleared = 0, more = true;
    while (more) { // a request clears for twenty seconds at most
      const { data } = await change("DELETE", "/jobs/completed");
      ({ more } = data);
      cleared += data.deleted;
    }
    toast(`${plural(cleared, "job")} cleared.`);
    await list.refresh();
  };
  fill(page.root, head("Jobs", "One card each, in three steps: write, expand the lorebook, export.", button("Clear ended…", guarded(clear), { icon: "bin" })),
    h("div.bar", { role: "search" },
      h("label.grow.search", "Name, whole id or error code", icon("search"), h("input", { type: "search", autocomplete: "off", oninput: debounce((/** @type {any} */ e) => ((wanted.q = e.target.value.trim()), list.refresh())) })),
      h("label", "Status", select(/** @type {any} */ (STATUSES), wanted.status, { onchange: (/** @type {any} */ e) => ((wanted.status = e.target.value), list.refresh()) })), total),
    list.box);
  await list.refresh();
  list.follow(page.signal);
}

/** @param {any} job */
function row(job) {
  const name = job.character_name;
  return h("a.row.job-row", { href: `#/jobs/${job.job_id}` },
    h("div", h("h3", name ?? "A card", !name && h("small", h("code", `…${job.job_id.slice(-8)}`))), h("small", when(job.created_at), ` · ${job.profile} · ${money(job.cost_usd)}`)),
    job.status === "processing" ? meter(job.progress, "Progress") : h("small.wrong", job.error?.message ?? ""),
    badge(job.status));
}
