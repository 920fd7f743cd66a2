// The files that a card can become, by the names that people know.

/** @type {Record<string, string>} */
export const FORMATS = { tavernai: "PNG card", charx: "CHARX", v3: "JSON V3", v2: "JSON V2", v1: "JSON V1", json: "JSON, flat", yaml: "YAML", worldinfo: "World Info", markdown: "Markdown" };
