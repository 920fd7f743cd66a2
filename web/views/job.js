// One job: its steps, its log as it is written, what it cost.

import { change, get, post, save } from "../api.js";
import { fill, h } from "../dom.js";
import { watch } from "../events.js";
import { FORMATS } from "../files.js";
import { between, money, moment, plural, short, whole, words } from "../format.js";
import { ask, back, badge, button, confirm, field, figure, guarded, head, meter, select, toast } from "../parts.js";
import { called, namesOf } from "../profiles.js";
import { connection } from "./batch.js";

const OVER = new Set(["completed", "failed", "cancelled"]);
/** @type {Record<string, string>} */
const STEPS = { generate: "Write the card", expand_lorebook: "Expand the lorebook", export: "Export the files" };
/** @type {Record<string, string>} */
const SIGNS = { queued: "♢", processing: "◐", completed: "♦", failed: "✕", cancelled: "–" };

/** @param {import("../app.js").Page} page */
export async function show(page) {
  const path = `/jobs/${page.id}`;
  const [job, profiles] = await Promise.all([get(path, undefined, page.signal), namesOf(page.signal)]);
  const made = job.character_id ? await get(`/characters/${job.character_id}`, undefined, page.signal).catch(() => null) : null;
  job.profile = called(job.profile_id, profiles.get(job.profile_id));
  job.title = made ? `Job: ${made.name}` : "Job";
  page.title(job.title);
  const view = { head: h("div"), link: h("div"), now: h("div"), steps: h("ol.steps"), figures: h("dl.figures"), error: h("div"), log: h("ol.log"), usage: h("div") };
  const log = { level: "" };
  const levels = select([["", "All lines"], ["warning", "Warnings"], ["error", "Errors"]], "", { "aria-label": "Which lines", onchange: () => {
    log.level = levels.value;
    view.log.dataset.level = log.level;
  } });
  fill(page.root, view.head, view.link, view.error, h("div.job-page",
    h("section.paper", h("h2", "Steps"), view.now, view.steps), h("section.paper", h("h2", "In figures"), view.figures, view.usage),
    h("section.paper.log-paper", h("div.section-head", h("h2", "Log"), levels), view.log)));
  const paint = () => paintAll(page, path, job, view);
  paint();
  const seen = new Set();
  const line = (/** @type {any} */ one) => {
    if (seen.has(`${one.at}${one.message}`)) return;
    seen.add(`${one.at}${one.message}`);
    view.log.append(logLine(one));
  };
  if (OVER.has(job.status)) return (await get(`${path}/logs`, { limit: 1000 }, page.signal)).logs.forEach(line);
  watch(`${path}/events`, {
    signal: page.signal,
    tell: ({ event, data }) => {
      take(job, event, data);
      if (event === "log") line(data);
      paint();
    },
    state: async (state, why) => {
      fill(view.link, connection(state, why));
      if (state !== "over" || page.signal.aborted) return;
      Object.assign(job, await get(path, undefined, page.signal));
      paint();
    },
  });
}

/** Take in what an event says. @param {any} job @param {string} event @param {any} data */
function take(job, event, data) {
  if (event === "status") Object.assign(job, { status: data.status, progress: data.progress ?? job.progress, error: data.error ?? job.error });
  if (event === "progress") Object.assign(job, { progress: data.progress, cost_usd: data.cost_usd ?? job.cost_usd, current_step: { ...job.current_step, name: data.step, detail: data.detail } });
  if (event !== "step") return;
  const step = job.steps.find((/** @type {any} */ one) => one.name === data.name) ?? {};
  Object.assign(step, { status: data.status, attempts: data.attempt ?? step.attempts, [data.status === "processing" ? "started_at" : "finished_at"]: data.at });
  job.current_step = { name: data.name, index: data.index, total: data.total, detail: null };
  job.progress = data.progress ?? job.progress;
}

/** @param {import("../app.js").Page} page @param {string} path @param {any} job @param {any} view */
function paintAll(page, path, job, view) {
  const isOver = OVER.has(job.status);
  const at = job.steps.findIndex((/** @type {any} */ one) => one.name === job.current_step?.name) + 1;
  if (view.painted !== job.status) {
    view.painted = job.status;
    fill(view.head, head(job.title, [badge(job.status), ` · submitted ${moment(job.created_at)} · `, h("code", job.job_id)], actions(page, path, job, isOver), back(job.batch_id ? `#/batches/${job.batch_id}` : "#/jobs", job.batch_id ? "Its batch" : "Jobs")));
  }
  fill(view.now, meter(job.progress, "Progress"), h("p.number", { role: "status" }, isOver ? `${job.progress} %` : at ? `Step ${at} of ${job.steps.length}${job.current_step.detail ? `: ${job.current_step.detail}` : ""} · ${job.progress} %` : job.waiting_until ? `Waits for its model server until ${moment(job.waiting_until)}` : "Waiting for its turn"));
  fill(view.steps, job.steps.map((/** @type {any} */ step, /** @type {number} */ n) => h("li", { class: `is-${step.status}` }, h("i", { "aria-hidden": "true" }, SIGNS[step.status] ?? "♢"),
    h("div", h("strong", STEPS[step.name] ?? words(step.name)), h("small", `${n + 1} of ${job.steps.length} · ${step.status}${step.started_at ? ` · ${between(step.started_at, step.finished_at)}` : ""}${step.attempts > 1 ? ` · ${plural(step.attempts, "attempt")}` : ""}`)))));
  fill(view.figures, figure("Cost", money(job.cost_usd), job.wasted_usd > 0 && `${money(job.wasted_usd)} on failed calls`), figure("Took", between(job.started_at, job.finished_at)), figure("Attempts", whole(job.attempt)), figure("Profile", h("a", { href: `#/profiles/${job.profile_id}` }, job.profile), `version ${job.profile_version}`));
  fill(view.usage, h("ul.by-model", Object.entries(job.tokens ?? {}).map(([model, used]) => h("li", h("code", model), h("small", `${short(/** @type {any} */ (used).tokens)} tokens · ${money(/** @type {any} */ (used).cost)}`)))));
  fill(view.error, job.error && h("div.trouble", h("p", job.error.message), h("small", job.error.code), job.retried_by && h("p", h("a", { href: `#/jobs/${job.retried_by}` }, "It was retried: see the new job"))));
}

/** @param {import("../app.js").Page} page @param {string} path @param {any} job @param {boolean} isOver */
function actions(page, path, job, isOver) {
  const cancel = async () => {
    await change("POST", `${path}/cancel`);
    toast("Cancelled: at once while it waits, within two seconds while it runs.");
  };
  const retry = async () => {
    const fresh = h("input", { type: "checkbox" });
    const begin = async () => {
      const made = await post(`${path}/retry`, { fresh: fresh.checked }, { once: crypto.randomUUID() });
      location.hash = `#/jobs/${made.job_id}`;
    };
    await ask("Retry this job", [h("p", "A new job with the same request. Answers that were paid for are used again."), h("label.check", fresh, "Ask for everything anew")], [{ value: "", text: "Cancel" }, { value: "go", text: "Retry", kind: "primary", check: begin }]);
  };
  const remove = async () => {
    if (!(await confirm("Delete this job?", "Its log and files go with it. The card stays in the gallery.", "Delete the job"))) return;
    await change("DELETE", path);
    location.hash = "#/jobs";
  };
  const open = async () => {
    location.hash = `#/cards/${job.character_id ?? (await get(`${path}/result`)).character_id}`;
  };
  return [
    !isOver && button("Cancel", guarded(cancel), { icon: "close" }),
    isOver && !job.retried_by && job.status !== "completed" && button("Retry…", guarded(retry), { icon: "again", kind: "primary" }),
    job.status === "completed" && button("Download…", guarded(() => download(path, job)), { icon: "down" }),
    job.status === "completed" && button("See the card", guarded(open), { icon: "cards", kind: "primary" }),
    isOver && button("", guarded(remove), { icon: "bin", kind: "bare", label: "Delete this job" }),
  ];
}

/** @param {string} path @param {any} job */
async function download(path, job) {
  const files = Object.keys(job.links.downloads).map((name) => [name, FORMATS[name] ?? name]);
  const what = select(/** @type {any} */ ([...files, ["export", "Everything about the job, as JSON"]]), files[0]?.[0] ?? "export");
  const take = () => (what.value === "export" ? save(`${path}/export`, { format: "json" }) : save(`${path}/download/${what.value}`));
  await ask("Download", field("Which file", what), [{ value: "", text: "Cancel" }, { value: "go", text: "Download", kind: "primary", check: take }]);
}

/** @param {any} one */
function logLine(one) {
  return h("li", { class: `is-${one.level}` }, h("time.number", { datetime: one.at }, new Date(one.at).toLocaleTimeString()), h("span.step-name", words(one.step ?? "")), h("span", one.message, one.level !== "info" && h("strong", ` ${one.level}`)));
}
