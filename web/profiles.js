// Profiles by name: one's own first, then the default one, then the others that come along.

import { get } from "./api.js";

/** @param {any} profile */
const rank = (profile) => (profile.is_builtin ? (profile.id === "profile_default" ? 1 : 2) : 0);

/** @param {any[]} profiles */
export const inOrder = (profiles) => profiles.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));

/** Names by id; one that was deleted has none, and a view that only names them goes on without. @param {AbortSignal} signal @returns {Promise<Map<string, string>>} */
export async function namesOf(signal) {
  const { profiles } = await get("/profiles", { limit: 200 }, signal).catch(() => ({ profiles: [] }));
  return new Map(profiles.map((/** @type {any} */ one) => [one.id, one.name]));
}

/** What to call a profile. @param {string} id @param {string|undefined} name */
export const called = (id, name) => name ?? `profile …${id.slice(-8)}`;
